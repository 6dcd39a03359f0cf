//! How a provider was when a worker last asked it.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::health::State;
use crate::primitives::timestamp::Timestamp;

/// For how long what a worker saw of a provider tells something of how that is now.
pub const STATUS_FRESH_FOR: Duration = Duration::from_secs(15 * 60);

/// For how long it is shown at all: a provider that is not used any more is forgotten.
pub const STATUS_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a worker last saw of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    /// The provider's name.
    pub provider: String,
    /// How it was.
    pub state: State,
    /// When.
    pub observed_at: Timestamp,
}
