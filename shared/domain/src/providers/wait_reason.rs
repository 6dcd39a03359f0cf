//! Why a job waits, in one word.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a job that has not ended is not being worked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// As many jobs are at work at the provider as it may have.
    Place,
    /// As many images were started in this minute as the provider makes.
    Pace,
    /// The provider has failed too often lately.
    ProviderDown,
    /// The operator must mend the provider's account or settings.
    Account,
    /// The provider asked for a pause.
    RetryAfter,
    /// An attempt has failed; the next one follows after a pause that grows.
    Backoff,
}

impl WaitReason {
    pub const ALL: [Self; 6] =
        [Self::Place, Self::Pace, Self::ProviderDown, Self::Account, Self::RetryAfter, Self::Backoff];

    /// Returns the value on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Pace => "pace",
            Self::ProviderDown => "provider_down",
            Self::Account => "account",
            Self::RetryAfter => "retry_after",
            Self::Backoff => "backoff",
        }
    }

    /// Whether the operator's next providers document may end the waiting, so that the job looks often
    /// whether there is one.
    #[must_use]
    pub const fn may_end_by_new_settings(self) -> bool {
        match self {
            Self::ProviderDown | Self::Account => true,
            Self::Place | Self::Pace | Self::RetryAfter | Self::Backoff => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_reason_has_the_same_word_in_rows_and_on_the_wire() {
        for reason in WaitReason::ALL {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
