//! Why a call to a provider is denied.

use serde::{Deserialize, Serialize};

use crate::primitives::timestamp::Timestamp;
use crate::providers::wait_reason::WaitReason;

/// Why calls to a provider are denied, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Denied {
    /// When to ask again.
    pub until: Timestamp,
    pub reason: DenialReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenialReason {
    /// The maximum number of concurrent calls is in progress.
    NoPermit,
    /// The maximum number of images of this minute was started.
    RateExceeded,
    /// The provider reported that it has no capacity.
    RetryAfter,
    /// The circuit breaker is open, or half-open with a trial in progress.
    BreakerOpen,
    /// The operator's account has a problem: the key is rejected or the quota is exhausted.
    Account,
}

impl DenialReason {
    /// Returns the reason in words, for people.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::NoPermit => "as many calls are under way as it bears",
            Self::RateExceeded => "as many images were begun in this minute as it makes",
            Self::RetryAfter => "it has no room at present",
            Self::BreakerOpen => "it has failed too often lately",
            Self::Account => "its account is in trouble",
        }
    }

    /// Returns what a job that is denied for this reason waits for.
    #[must_use]
    pub const fn wait_reason(self) -> WaitReason {
        match self {
            Self::NoPermit => WaitReason::Place,
            Self::RateExceeded => WaitReason::Pace,
            Self::RetryAfter => WaitReason::RetryAfter,
            Self::BreakerOpen => WaitReason::ProviderDown,
            Self::Account => WaitReason::Account,
        }
    }
}
