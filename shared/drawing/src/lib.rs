//! The painter: from a prompt to a picture, by arithmetic alone.
//!
//! The same brief gives the same bytes on every machine. Therefore everything here is computed with
//! operations that IEEE 754 fixes to the last bit, in one order, from a generator of its own.

mod canvas;
mod colour;
mod finish;
mod land;
mod mask;
mod maths;
mod noise;
mod painting;
mod palette;
mod path;
mod pattern;
mod plan;
mod rain;
mod random;
mod scene;
mod sky;
mod subject;
mod water;
mod words;

use canvas::Canvas;
use finish::Finish;
use plan::Plan;

/// How strong colours and contrasts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As the painter would.
    Plain,
    /// Stronger.
    Vivid,
    /// Softer.
    Natural,
}

/// What to draw.
#[derive(Clone, Debug)]
pub struct Brief<'a> {
    /// The words that decide palette and forms.
    pub prompt: &'a str,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Another seed gives another picture of the same theme.
    pub seed: u64,
    /// Saturation and contrast.
    pub mood: Mood,
    /// Finer detail, for more time.
    pub detailed: bool,
}

/// Draws the picture as a PNG.
pub fn draw(brief: &Brief<'_>) -> image::ImageResult<Vec<u8>> {
    let plan = Plan::of(brief.prompt, brief.seed);
    let mut canvas = Canvas::new(brief.width as usize, brief.height as usize);
    let (saturation, contrast) = match brief.mood {
        Mood::Plain => (1.04, 0.16),
        Mood::Vivid => (1.26, 0.34),
        Mood::Natural => (0.82, 0.06),
    };
    let finish = Finish { saturation, contrast, grain: 0.6, seed: plan.random.part("grain").seed() };
    match plan.pattern {
        Some(pattern) => pattern::paint(&mut canvas, &plan, pattern, brief.detailed),
        None => {
            let scene = scene::Scene::of(plan, &canvas, brief.detailed);
            painting::paint(&mut canvas, &scene);
        }
    }
    finish::png(&canvas, &finish)
}

#[cfg(test)]
mod tests;
