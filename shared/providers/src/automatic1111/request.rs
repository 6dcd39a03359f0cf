//! The body of `POST /sdapi/v1/txt2img`.

use std::borrow::Cow;

use domain::images::{Picture, Quality, Size};
use serde::Serialize;

use super::settings::Settings;
use crate::models::models;

/// Sides are multiples of this many pixels; the server would round others down.
const GRID: u32 = 8;

#[derive(Debug, Serialize)]
pub(super) struct Txt2ImgRequest<'a> {
    prompt: Cow<'a, str>,
    negative_prompt: &'a str,
    width: u32,
    height: u32,
    seed: u64,
    steps: u32,
    cfg_scale: f64,
    batch_size: usize,
    n_iter: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    sampler_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduler: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    override_settings: Option<Override<'a>>,
    send_images: bool,
    save_images: bool,
}

/// For this one call. The server returns to its own model afterwards, because others use it too.
#[derive(Debug, Serialize)]
struct Override<'a> {
    sd_model_checkpoint: &'a str,
}

impl<'a> Txt2ImgRequest<'a> {
    /// `count` images of `picture`, the first of them from `seed`.
    pub(super) fn new(settings: &'a Settings, picture: &'a Picture, count: usize, seed: u64) -> Self {
        let (width, height) = made_size(picture.size, settings.trained_side.get());
        let (prompt, words) = (picture.prompt.as_str(), &models().stable_diffusion.style_words);
        let (batch_size, n_iter) = if settings.in_turn { (1, count) } else { (count, 1) };
        Self {
            prompt: match picture.style.and_then(|style| words.get(&style)) {
                Some(words) => Cow::Owned(format!("{prompt}, {words}")),
                None => Cow::Borrowed(prompt),
            },
            negative_prompt: &settings.negative_prompt,
            width,
            height,
            seed,
            steps: match picture.quality {
                Quality::Standard => settings.steps.standard,
                Quality::Hd => settings.steps.hd,
            },
            cfg_scale: settings.cfg_scale,
            batch_size,
            n_iter,
            sampler_name: settings.sampler.as_deref(),
            scheduler: settings.scheduler.as_deref(),
            override_settings: settings
                .checkpoint
                .as_deref()
                .map(|sd_model_checkpoint| Override { sd_model_checkpoint }),
            send_images: true,
            save_images: false,
        }
    }

    /// The words that an error may quote.
    pub(super) fn private(&self) -> [&str; 2] {
        [&self.prompt, self.negative_prompt]
    }

    /// How many times the server runs all steps.
    pub(super) const fn rounds(&self) -> usize {
        self.n_iter
    }

    pub(super) const fn steps(&self) -> u32 {
        self.steps
    }

    /// The prompt that the server gets, if it differs from the caller's.
    pub(super) fn revised_prompt(&self, picture: &Picture) -> Option<String> {
        (self.prompt != picture.prompt.as_str()).then(|| self.prompt.clone().into_owned())
    }
}

/// The smallest size of the same ratio with at least as many pixels as `size`, and as the squares that the
/// checkpoint was trained on: with fewer, it makes poor images.
fn made_size(size: Size, trained_side: u32) -> (u32, u32) {
    let (width, height) = size.pixels();
    let shape = greatest_common_divisor(width, height);
    let (step_wide, step_high) = (width / shape * GRID, height / shape * GRID);
    let least = (width * height).max(trained_side * trained_side);
    let fits = |n: &u32| n * step_wide * n * step_high >= least;
    let steps = (1..).find(fits).unwrap_or(1);
    (steps * step_wide, steps * step_high)
}

const fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::super::settings::SIDES;
    use super::*;
    use domain::primitives::NamedValue as _;

    #[test]
    fn small_size_is_enlarged_to_the_trained_pixels() {
        for (side, size, made) in [
            (512, Size::S256, (512, 512)),
            (512, Size::S512, (512, 512)),
            (512, Size::Wide1024, (1024, 576)),
            (1024, Size::S256, (1024, 1024)),
            (1024, Size::S512, (1024, 1024)),
            (1024, Size::S1024, (1024, 1024)),
            (1024, Size::Wide1792, (1792, 1024)),
            (1024, Size::Tall1792, (1024, 1792)),
            (1024, Size::Wide1024, (1408, 792)),
            (1024, Size::Tall1024, (792, 1408)),
        ] {
            assert_eq!(made_size(size, side), made, "{side} {size:?}");
        }
    }

    #[test]
    fn made_size_keeps_the_ratio_and_the_grid() {
        for (&size, side) in Size::ALL.iter().flat_map(|size| SIDES.map(move |side| (size, side))) {
            let ((width, height), (made_wide, made_high)) = (size.pixels(), made_size(size, side));
            assert_eq!(width * made_high, height * made_wide, "{size:?} {side}");
            assert_eq!((made_wide % GRID, made_high % GRID), (0, 0), "{size:?} {side}");
            assert!(made_wide >= width && made_wide * made_high >= side * side, "{size:?} {side}");
        }
    }
}
