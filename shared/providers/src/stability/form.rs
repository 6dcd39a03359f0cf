//! What Stability is asked, in its own words.

use domain::request::{Picture, Size, Style};
use egress::multipart::Form;
use serde::Deserialize;

/// A model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Stable Image Core: 1.5 million pixels.
    Core,
    /// Stable Image Ultra: a million pixels.
    Ultra,
}

impl Model {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Core => "stable-image-core",
            Self::Ultra => "stable-image-ultra",
        }
    }

    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Core => "/v2beta/stable-image/generate/core",
            Self::Ultra => "/v2beta/stable-image/generate/ultra",
        }
    }

    /// A credit costs a cent.
    pub(super) const fn cost_micros(self) -> u64 {
        match self {
            Self::Core => 30_000,
            Self::Ultra => 80_000,
        }
    }
}

/// The ratio that is nearest to that size. There is no 7:4.
const fn aspect_ratio(size: Size) -> &'static str {
    match size {
        Size::S256 | Size::S512 | Size::S1024 => "1:1",
        Size::Wide1792 | Size::Wide1024 => "16:9",
        Size::Tall1792 | Size::Tall1024 => "9:16",
    }
}

const fn style_preset(style: Style) -> &'static str {
    match style {
        Style::Vivid => "cinematic",
        Style::Natural => "photographic",
    }
}

/// The form that asks for one image of `picture`.
pub(super) fn form(picture: &Picture, seed: u64) -> Form {
    let form = Form::new()
        .text("prompt", picture.prompt.as_str().to_owned())
        .text("aspect_ratio", aspect_ratio(picture.size))
        .text("output_format", "png")
        .text("seed", seed.to_string());
    match picture.style {
        Some(style) => form.text("style_preset", style_preset(style)),
        None => form,
    }
}

/// Whether the prompt is not plainly in another language: at least half of its letters are Latin ones.
/// A prompt in another language that is written so is refused by Stability itself.
pub(super) fn looks_english(prompt: &str) -> bool {
    let letters = prompt.chars().filter(|c| c.is_alphabetic());
    let (latin, other) = letters.fold((0usize, 0usize), |(latin, other), letter| {
        // Up to Latin Extended-B.
        if letter <= '\u{24f}' { (latin + 1, other) } else { (latin, other + 1) }
    });
    latin >= other
}
