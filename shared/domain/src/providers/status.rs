//! The status of a provider as a worker last observed it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::health::State;
use crate::primitives::timestamp::Timestamp;
use crate::providers::error::Reason;

/// For how long an observed status says something about the provider's current state.
pub const STATUS_FRESH_FOR: Duration = Duration::from_secs(15 * 60);

/// How long a status is shown at all, so that a provider that is no longer in use disappears.
pub const STATUS_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The status of a provider as a worker last observed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderStatus {
    pub provider: String,
    pub state: State,
    /// Why it is not up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Reason>,
    pub observed_at: Timestamp,
}
