//! The section `stableDiffusion` of the providers document.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use domain::primitives::Secret;
use serde::Deserialize;

use crate::call::BaseUrl;

/// The sides of squares that a checkpoint may be trained on, in pixels.
pub(super) const SIDES: RangeInclusive<u32> = 64..=2048;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The server must run with `--api`.
    pub base_url: BaseUrl,
    /// The user of `--api-auth` (SD.Next: `--auth`).
    pub username: Option<String>,
    /// That user's password.
    pub password: Option<Secret>,
    /// The checkpoint to use, if not the one that is loaded.
    pub checkpoint: Option<String>,
    /// The side of the squares that the checkpoint was trained on, in pixels: 512 for SD 1.5, 1024 for SDXL
    /// and later. A smaller image is made larger, in the same ratio, and scaled down.
    #[serde(default = "trained_side")]
    pub trained_side: NonZeroU32,
    /// What images must not show.
    #[serde(default = "negative_prompt")]
    pub negative_prompt: String,
    #[serde(default)]
    pub steps: Steps,
    /// How closely the image follows the prompt.
    #[serde(default = "cfg_scale")]
    pub cfg_scale: f64,
    /// The server's name of the sampler; the server's choice if absent.
    pub sampler: Option<String>,
    /// The server's name of the scheduler; the server's choice if absent. Older servers have none.
    pub scheduler: Option<String>,
    /// Makes a job's images one after the other in the same call, for a graphics card that cannot hold
    /// several at once.
    #[serde(default)]
    pub in_turn: bool,
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: NonZeroU32,
    /// Jobs at the same time, with one call each: as many as there are servers behind the address.
    #[serde(default = "one")]
    pub concurrency: NonZeroU32,
    /// Images per minute, if limited.
    pub per_minute: Option<NonZeroU32>,
}

/// The number of steps for each quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Steps {
    pub standard: u32,
    pub hd: u32,
}

impl Default for Steps {
    fn default() -> Self {
        Self { standard: 25, hd: 40 }
    }
}

const fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

const fn trained_side() -> NonZeroU32 {
    one().saturating_add(1023)
}

const fn timeout_seconds() -> NonZeroU32 {
    one().saturating_add(599)
}

fn negative_prompt() -> String {
    "lowres, blurry, jpeg artifacts, watermark".to_owned()
}

const fn cfg_scale() -> f64 {
    7.0
}

impl Settings {
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub(super) fn check(&self) -> Result<(), String> {
        if SIDES.contains(&self.trained_side.get()) {
            return Ok(());
        }
        let (least, most) = (SIDES.start(), SIDES.end());
        Err(format!("trainedSide must be from {least} to {most}"))
    }
}
