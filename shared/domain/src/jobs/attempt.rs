//! One attempt at a provider to make a job's images.

use serde::{Deserialize, Serialize};

use crate::primitives::timestamp::Timestamp;
use crate::providers::capacity::SettingsVersion;
use crate::providers::error::Reason;

/// One attempt at a provider. The job's row keeps the most recent attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderAttempt {
    pub provider: String,
    /// When the attempt began.
    pub at: Timestamp,
    /// How many paid calls the attempt makes at most.
    pub calls: u32,
    /// Why the attempt produced no images. `None` while it is in progress, and after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AttemptFailure>,
    /// Whether the attempt has ended.
    #[serde(default)]
    pub over: bool,
}

/// Why an attempt produced no images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptFailure {
    pub reason: Reason,
    /// A description for people.
    pub message: String,
    /// Whether the provider may have charged for the attempt although it produced no images.
    pub possibly_paid: bool,
    /// Whether the provider itself failed. `false` if it only had no capacity, or if the operator's
    /// account was the cause.
    #[serde(default)]
    pub counts: bool,
    /// How many calls were answered with nothing of use, and brought no image.
    #[serde(default)]
    pub useless_answers: u32,
    /// For a problem that only the operator can solve: the provider's settings that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SettingsVersion>,
    /// The provider is not asked again for this job before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// What a provider needs to find the task that it is still working on for a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskHandle {
    pub provider: String,
    /// The provider's own description of the task. Only the provider's adapter reads it.
    pub checkpoint: String,
}
