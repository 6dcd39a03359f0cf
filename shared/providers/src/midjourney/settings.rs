//! The section `midjourney` of the providers document.

use std::num::NonZeroU32;
use std::time::Duration;

use domain::primitives::Secret;
use egress::AllowedHost;
use serde::Deserialize;

use crate::call::BaseUrl;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The proxy's base URL, without the `/mj` that begins each of its paths.
    pub base_url: BaseUrl,
    /// The value of `mj-api-secret`, if the proxy needs one.
    pub api_secret: Option<Secret>,
    /// The value of Midjourney's `--v`.
    #[serde(default = "version")]
    pub version: String,
    /// The flags for qualities and styles, instead of the known ones of the version.
    pub flags: Option<Flags>,
    #[serde(default)]
    pub speed: Speed,
    /// Whether Midjourney upscales each image of a job of one to three, by a paid task for each, instead of
    /// cutting it out of the grid.
    #[serde(default)]
    pub upscale: bool,
    /// The price of one of Midjourney's jobs, in US dollars: it depends on the operator's plan.
    #[serde(default)]
    pub price_per_job: f64,
    /// Hosts that its pictures may be at, besides the proxy's own and public ones.
    #[serde(default)]
    pub pictures_from: Vec<AllowedHost>,
    /// The longest time for a whole job; 15 minutes, or an hour at the speed `relax`.
    pub timeout_seconds: Option<NonZeroU32>,
    /// Jobs at the same time: as many as the proxy's accounts can run.
    #[serde(default = "concurrency")]
    pub concurrency: NonZeroU32,
    /// Images per minute, if limited.
    pub per_minute: Option<NonZeroU32>,
}

fn version() -> String {
    "8.1".to_owned()
}

const fn concurrency() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(2)
}

/// The flags at the prompt's end for qualities and styles.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Flags {
    pub standard: String,
    pub hd: String,
    pub vivid: String,
    pub natural: String,
}

/// Midjourney's speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speed {
    /// The setting of the account.
    #[default]
    Account,
    /// When there is capacity, which may be half an hour later.
    Relax,
    Fast,
    /// At twice the price.
    Turbo,
}

impl Speed {
    pub(super) const fn flag(self) -> &'static str {
        match self {
            Self::Account => "",
            Self::Relax => "--relax",
            Self::Fast => "--fast",
            Self::Turbo => "--turbo",
        }
    }

    pub(super) const fn poll_interval(self) -> Duration {
        match self {
            Self::Account | Self::Fast | Self::Turbo => Duration::from_secs(4),
            Self::Relax => Duration::from_secs(15),
        }
    }

    const fn timeout(self) -> Duration {
        match self {
            Self::Account | Self::Fast | Self::Turbo => Duration::from_secs(15 * 60),
            Self::Relax => Duration::from_secs(60 * 60),
        }
    }
}

/// Beginnings of version numbers, the newest first, with the flags of these versions for `hd` and `natural`.
/// None needs flags for `standard` and `vivid`.
const VERSION_FLAGS: [(&[&str], &str, &str); 4] = [
    (&["8"], "--hd", "--raw --s 50"),
    (&["7"], "--q 2", "--raw --s 50"),
    (&["5.1", "5.2", "6"], "", "--style raw --s 50"),
    (&[""], "", "--s 50"),
];

impl Settings {
    /// The longest time for a whole job.
    pub(super) fn timeout(&self) -> Duration {
        let configured = self.timeout_seconds.map(|seconds| Duration::from_secs(seconds.get().into()));
        configured.unwrap_or(self.speed.timeout())
    }

    /// The flags of the version.
    pub(super) fn flags(&self) -> Flags {
        let matches = |prefix: &str| self.version.starts_with(prefix);
        self.flags.clone().unwrap_or_else(|| {
            let known =
                VERSION_FLAGS.iter().find(|(prefixes, ..)| prefixes.iter().any(|prefix| matches(prefix)));
            let (_, hd, natural) = known.unwrap_or(&VERSION_FLAGS[0]);
            Flags { hd: (*hd).to_owned(), natural: (*natural).to_owned(), ..Flags::default() }
        })
    }

    pub(super) fn model(&self) -> String {
        format!("midjourney-{}", self.version)
    }

    /// In millionths of a US dollar.
    pub(super) fn price_micros(&self) -> u64 {
        (self.price_per_job * 1e6).round() as u64
    }

    /// # Errors
    ///
    /// What is wrong with the settings.
    pub(super) fn check(&self) -> Result<(), String> {
        let mut wrong = Vec::new();
        if self.version.is_empty() || !self.version.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') {
            wrong.push("version must be a version's number");
        }
        if !(0.0..=1000.0).contains(&self.price_per_job) {
            wrong.push("pricePerJob must be from 0 to 1000");
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join(", ")) }
    }
}
