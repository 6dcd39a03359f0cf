//! Rate limits: fixed windows that begin with the caller's first request.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::primitives::named::named_values;
use crate::primitives::timestamp::Timestamp;

/// The length of a window.
pub const WINDOW: Duration = Duration::from_secs(60);

/// How many long polls (`Prefer: wait`) one caller may hold open at the same time.
pub const MAX_LONG_POLLS: usize = 4;

/// The maximum of a client's own limit, in requests per [`WINDOW`].
pub const MAX_LIMIT: u32 = 1_000_000;

named_values! {
    /// What is counted together. Each has a window of its own for every caller.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
    pub enum Endpoint {
        /// `POST /chat/new`.
        ChatNew = "/chat/new",
        /// `POST /images/generate`.
        ImagesGenerate = "/images/generate",
        /// `POST /images/batch`.
        ImagesBatch = "/images/batch",
        /// What is below `/images/status/`.
        ImagesStatus = "/images/status/*",
        /// `GET /images/batch/{batchId}/status`.
        BatchStatus = "/images/batch/*/status",
        /// `GET /images/jobs`.
        ImagesJobs = "/images/jobs",
        /// `DELETE /images/cancel/{jobId}`.
        ImagesCancel = "/images/cancel/*",
        /// Reading addons.
        Addons = "/addons/*",
        /// What is below `/admin/`.
        Admin = "/admin/*",
        /// What is below `/auth/`.
        Auth = "/auth/*",
        /// Every other path that is limited.
        Other = "*",
    }
}

impl Endpoint {
    /// The default limit, in requests per [`WINDOW`], for a client without its own limit.
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

/// A client's own limits, in requests per [`WINDOW`]. They replace the default limits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Limits(pub BTreeMap<Endpoint, u32>);

impl Limits {
    /// The limit of `endpoint`, in requests per [`WINDOW`]: the client's own or the default one.
    #[must_use]
    pub fn of(&self, endpoint: Endpoint) -> u32 {
        self.0.get(&endpoint).copied().unwrap_or_else(|| endpoint.per_window())
    }
}

/// The result of counting one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Whether the request is within the limit.
    pub admitted: bool,
    /// How many requests were admitted in this window, including this one if it was.
    pub passed: u32,
    /// When the window ends, in Unix ms.
    pub ends_at: Timestamp,
}

/// A caller's rate limit at one endpoint, after a request to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitStatus {
    pub endpoint: Endpoint,
    /// The limit, in requests per [`WINDOW`].
    pub limit: u32,
    pub counted: Counted,
}

impl RateLimitStatus {
    /// How many more requests this window admits.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.limit.saturating_sub(self.counted.passed)
    }

    /// Seconds until the window ends. Rounded up, so that a caller that waits this long gets a new window.
    #[must_use]
    pub fn seconds_left(&self, now: Timestamp) -> u64 {
        self.counted.ends_at.since(now).as_millis().div_ceil(1000) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::primitives::named::NamedValue as _;

    #[test]
    fn endpoint_has_the_same_name_in_rows_and_requests() {
        for endpoint in Endpoint::ALL {
            assert_eq!(serde_json::to_value(endpoint).unwrap(), endpoint.as_str());
        }
    }

    #[test]
    fn own_limit_of_a_client_replaces_the_default() {
        let limits = Limits(BTreeMap::from([(Endpoint::ChatNew, 500)]));
        assert_eq!((limits.of(Endpoint::ChatNew), limits.of(Endpoint::ImagesBatch)), (500, 5));
    }

    #[test]
    fn seconds_left_rounds_up_to_the_next_window() {
        let counted = Counted { admitted: false, passed: 30, ends_at: Timestamp::from_millis(10_001) };
        let rate_limit = RateLimitStatus { endpoint: Endpoint::ImagesGenerate, limit: 30, counted };
        assert_eq!(rate_limit.remaining(), 0);
        assert_eq!(rate_limit.seconds_left(Timestamp::from_millis(9_000)), 2);
        assert_eq!(rate_limit.seconds_left(Timestamp::from_millis(9_001)), 1);
    }
}
