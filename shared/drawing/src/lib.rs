//! Draws the images of the sandbox provider: computes an image from a prompt, without a model.
//!
//! The same brief gives the same bytes on every machine. Therefore all code uses only operations whose result
//! IEEE 754 defines to the last bit, in a fixed order, and a random generator of this crate.

mod canvas;
mod color;
mod finish;
mod land;
mod mask;
mod math;
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

/// How strong colors and contrasts are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Plain,
    Vivid,
    Natural,
}

#[derive(Clone, Debug)]
pub struct Brief<'a> {
    /// Its words determine palette and composition.
    pub prompt: &'a str,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Another seed gives another image of the same theme.
    pub seed: u64,
    pub mood: Mood,
    /// Adds finer detail, which takes more time.
    pub detailed: bool,
}

/// Draws the image and encodes it as a PNG.
///
/// # Errors
///
/// If the encoder fails.
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
