//! Stability's request form and models.

use domain::images::Picture;
use domain::primitives::NamedValue as _;
use domain::providers::Unsupported;
use egress::multipart::Form;
use serde::Deserialize;

use crate::models::{CreditModel, models};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// Stable Image Core: 1.5 million pixels.
    Core,
    /// Stable Image Ultra: a million pixels.
    Ultra,
}

impl Model {
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Core => "/v2beta/stable-image/generate/core",
            Self::Ultra => "/v2beta/stable-image/generate/ultra",
        }
    }

    fn row(self) -> &'static CreditModel {
        match self {
            Self::Core => &models().stability.core,
            Self::Ultra => &models().stability.ultra,
        }
    }

    pub(super) fn id(self) -> &'static str {
        &self.row().id
    }

    pub(super) fn image_micros(self) -> u64 {
        models().stability.image_micros(self.row())
    }
}

/// Whether it can make exactly this picture.
pub(super) fn supports(picture: &Picture) -> Result<(), Unsupported> {
    if !models().stability.ratios.contains_key(&picture.size) {
        return Err(Unsupported::because(format!("Stability cannot make {}", picture.size.as_str())));
    }
    if !looks_english(picture.prompt.as_str()) {
        return Err(Unsupported::because("Stability understands English prompts only"));
    }
    Ok(())
}

/// The form for one image of `picture`.
pub(super) fn form(picture: &Picture, seed: u64) -> Form {
    let form = Form::new()
        .text("prompt", picture.prompt.as_str().to_owned())
        .text("output_format", "png")
        .text("seed", seed.to_string());
    let table = &models().stability;
    let words = [
        ("aspect_ratio", table.ratios.get(&picture.size)),
        ("style_preset", picture.style.and_then(|style| table.presets.get(&style))),
    ];
    words.into_iter().fold(form, |form, (name, word)| match word {
        Some(word) => form.text(name, word.as_str()),
        None => form,
    })
}

/// Whether the prompt may be English: at least half of its letters are Latin. Stability itself refuses a
/// prompt in another language with Latin letters.
fn looks_english(prompt: &str) -> bool {
    let letters = prompt.chars().filter(|c| c.is_alphabetic());
    let (latin, other) = letters.fold((0usize, 0usize), |(latin, other), letter| {
        // Up to Latin Extended-B.
        if letter <= '\u{24f}' { (latin + 1, other) } else { (latin, other + 1) }
    });
    latin >= other
}
