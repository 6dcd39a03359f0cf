//! What the providers document says of Midjourney.

use std::num::NonZeroU32;
use std::time::Duration;

use domain::primitives::Secret;
use serde::Deserialize;

use crate::call::BaseUrl;

/// What the providers document says of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Where the proxy is, without the `/mj` that every path of it begins with.
    pub base_url: BaseUrl,
    /// What the proxy wants in `mj-api-secret`, if anything.
    pub api_secret: Option<Secret>,
    /// Which Midjourney is to draw, as its `--v` takes it.
    #[serde(default = "version")]
    pub version: String,
    /// What to say for qualities and styles, in place of what is known of the version.
    pub flags: Option<Flags>,
    /// How Midjourney is to work.
    #[serde(default)]
    pub speed: Speed,
    /// Has each picture of a job of one to three enlarged by Midjourney, by a paid job for each, in place
    /// of cutting it out of the grid that is there already.
    #[serde(default)]
    pub upscale: bool,
    /// What one of Midjourney's jobs costs, in US dollars: it depends on the operator's plan.
    #[serde(default)]
    pub price_per_job: f64,
    /// How long a job may take in all; 15 minutes, or an hour where it works when it has the time.
    pub timeout_seconds: Option<NonZeroU32>,
    /// How many jobs may be under way at the same time: what the proxy's accounts bear.
    #[serde(default = "concurrency")]
    pub concurrency: NonZeroU32,
    /// Images a minute, if that shall be bounded.
    pub per_minute: Option<NonZeroU32>,
}

fn version() -> String {
    "8.1".to_owned()
}

const fn concurrency() -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(2)
}

/// What stands at the prompt's end for qualities and styles.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Flags {
    /// For `standard`.
    pub standard: String,
    /// For `hd`.
    pub hd: String,
    /// For `vivid`.
    pub vivid: String,
    /// For `natural`.
    pub natural: String,
}

/// How Midjourney works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speed {
    /// As the account is set.
    #[default]
    Account,
    /// When it has the time, which may be half an hour later.
    Relax,
    /// At once.
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

    /// How often to look.
    pub(super) const fn pause(self) -> Duration {
        match self {
            Self::Account | Self::Fast | Self::Turbo => Duration::from_secs(4),
            Self::Relax => Duration::from_secs(15),
        }
    }

    const fn limit(self) -> Duration {
        match self {
            Self::Account | Self::Fast | Self::Turbo => Duration::from_secs(15 * 60),
            Self::Relax => Duration::from_secs(60 * 60),
        }
    }
}

/// What is known of versions, the newest first: which numbers it is about, and `hd` and `natural` in its
/// words. None needs a word for `standard` and `vivid`.
const KNOWN: [(&[&str], &str, &str); 4] = [
    (&["8"], "--hd", "--raw --s 50"),
    (&["7"], "--q 2", "--raw --s 50"),
    (&["5.1", "5.2", "6"], "", "--style raw --s 50"),
    (&[""], "", "--s 50"),
];

impl Settings {
    /// How long a job may take in all.
    pub(super) fn limit(&self) -> Duration {
        let configured = self.timeout_seconds.map(|seconds| Duration::from_secs(seconds.get().into()));
        configured.unwrap_or(self.speed.limit())
    }

    /// The flags of the version.
    pub(super) fn flags(&self) -> Flags {
        let about = |known: &str| self.version.starts_with(known);
        self.flags.clone().unwrap_or_else(|| {
            let known = KNOWN.iter().find(|(versions, ..)| versions.iter().any(|version| about(version)));
            let (_, hd, natural) = known.unwrap_or(&KNOWN[0]);
            Flags { hd: (*hd).to_owned(), natural: (*natural).to_owned(), ..Flags::default() }
        })
    }

    /// The name of what draws.
    pub(super) fn model(&self) -> String {
        format!("midjourney-{}", self.version)
    }

    pub(super) fn price_micros(&self) -> u64 {
        (self.price_per_job * 1e6).round() as u64
    }

    /// What is wrong with them.
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
