//! How often a caller may call: fixed windows that begin with the caller's first request.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::primitives::named::NamedValue;
use crate::primitives::timestamp::Timestamp;

/// How long a window lasts.
pub const WINDOW: Duration = Duration::from_secs(60);

/// How many waits (`Prefer: wait`) one caller may hold open at the same time.
pub const MAX_LONG_POLLS: usize = 4;

/// The highest limit that a client may be given.
pub const MAX_LIMIT: u32 = 1_000_000;

/// What is counted together. Each has a window of its own for every caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Endpoint {
    /// `POST /chat/new`.
    #[serde(rename = "/chat/new")]
    ChatNew,
    /// `POST /images/generate`.
    #[serde(rename = "/images/generate")]
    ImagesGenerate,
    /// `POST /images/batch`.
    #[serde(rename = "/images/batch")]
    ImagesBatch,
    /// What is below `/images/status/`.
    #[serde(rename = "/images/status/*")]
    ImagesStatus,
    /// `GET /images/batch/{batchId}/status`.
    #[serde(rename = "/images/batch/*/status")]
    BatchStatus,
    /// `GET /images/jobs`.
    #[serde(rename = "/images/jobs")]
    ImagesJobs,
    /// `DELETE /images/cancel/{jobId}`.
    #[serde(rename = "/images/cancel/*")]
    ImagesCancel,
    /// Reading addons.
    #[serde(rename = "/addons/*")]
    Addons,
    /// What is below `/admin/`.
    #[serde(rename = "/admin/*")]
    Admin,
    /// What is below `/auth/`.
    #[serde(rename = "/auth/*")]
    Auth,
    /// Every other path that is limited.
    #[serde(rename = "*")]
    Other,
}

impl NamedValue for Endpoint {
    const ALL: &'static [Self] = &[
        Self::ChatNew,
        Self::ImagesGenerate,
        Self::ImagesBatch,
        Self::ImagesStatus,
        Self::BatchStatus,
        Self::ImagesJobs,
        Self::ImagesCancel,
        Self::Addons,
        Self::Admin,
        Self::Auth,
        Self::Other,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::ChatNew => "/chat/new",
            Self::ImagesGenerate => "/images/generate",
            Self::ImagesBatch => "/images/batch",
            Self::ImagesStatus => "/images/status/*",
            Self::BatchStatus => "/images/batch/*/status",
            Self::ImagesJobs => "/images/jobs",
            Self::ImagesCancel => "/images/cancel/*",
            Self::Addons => "/addons/*",
            Self::Admin => "/admin/*",
            Self::Auth => "/auth/*",
            Self::Other => "*",
        }
    }
}

impl Endpoint {
    /// How many requests pass in a [`WINDOW`], where the client has no limit of its own.
    #[must_use]
    pub const fn per_window(self) -> u32 {
        match self {
            Self::ChatNew => 10,
            Self::ImagesGenerate | Self::ImagesCancel | Self::Admin | Self::Auth => 30,
            Self::ImagesBatch => 5,
            Self::ImagesStatus | Self::BatchStatus | Self::ImagesJobs | Self::Other => 120,
            Self::Addons => 1000,
        }
    }
}

/// The limits that a client has of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(pub BTreeMap<Endpoint, u32>);

impl Limits {
    /// How many requests to `endpoint` pass in a [`WINDOW`].
    #[must_use]
    pub fn of(&self, endpoint: Endpoint) -> u32 {
        self.0.get(&endpoint).copied().unwrap_or_else(|| endpoint.per_window())
    }
}

/// What came of counting one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Whether it passes.
    pub admitted: bool,
    /// How many have passed in this window, this one included.
    pub passed: u32,
    /// When the window ends.
    pub ends_at: Timestamp,
}

/// How a caller stands with one endpoint after a request to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitStatus {
    /// Which.
    pub endpoint: Endpoint,
    /// How many pass in a window.
    pub limit: u32,
    /// What counting this request came to.
    pub counted: Counted,
}

impl RateLimitStatus {
    /// How many more pass in this window.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.limit.saturating_sub(self.counted.passed)
    }

    /// Seconds until the window ends, rounded up, so that whoever waits them finds a new one.
    #[must_use]
    pub fn seconds_left(&self, now: Timestamp) -> u64 {
        self.counted.ends_at.since(now).as_millis().div_ceil(1000) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_has_the_same_name_in_rows_and_in_requests() {
        for endpoint in Endpoint::ALL {
            assert_eq!(serde_json::to_value(endpoint).unwrap(), endpoint.as_str());
        }
    }

    #[test]
    fn a_client_may_have_limits_of_its_own() {
        let limits = Limits(BTreeMap::from([(Endpoint::ChatNew, 500)]));
        assert_eq!((limits.of(Endpoint::ChatNew), limits.of(Endpoint::ImagesBatch)), (500, 5));
    }

    #[test]
    fn whoever_waits_as_long_as_told_finds_a_new_window() {
        let counted = Counted { admitted: false, passed: 30, ends_at: Timestamp::from_millis(10_001) };
        let rate_limit = RateLimitStatus { endpoint: Endpoint::ImagesGenerate, limit: 30, counted };
        assert_eq!(rate_limit.remaining(), 0);
        assert_eq!(rate_limit.seconds_left(Timestamp::from_millis(9_000)), 2);
        assert_eq!(rate_limit.seconds_left(Timestamp::from_millis(9_001)), 1);
    }
}
