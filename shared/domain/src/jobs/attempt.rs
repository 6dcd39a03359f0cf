//! One attempt of a provider at a job.

use crate::primitives::timestamp::Timestamp;
use crate::providers::error::Reason;
use serde::{Deserialize, Serialize};

/// One provider that was asked for a job's images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderAttempt {
    /// Which provider.
    pub provider: String,
    /// When it was asked.
    pub at: Timestamp,
    /// How many calls that cost money that made.
    pub calls: u32,
    /// Why no images came of it; nothing while it is under way, and after it went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<AttemptFailure>,
    /// Whether it is over.
    #[serde(default)]
    pub over: bool,
}

/// Why a try gave no images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptFailure {
    /// In one word.
    pub reason: Reason,
    /// For a person.
    pub message: String,
    /// Whether it may have been paid for all the same.
    pub possibly_paid: bool,
    /// Whether the provider failed, and not only had no room or an account in trouble.
    #[serde(default)]
    pub counts: bool,
    /// Before when it should not be asked for this job again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
}

/// What a provider needs to find again the work it has under way for a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskHandle {
    /// Which provider.
    pub provider: String,
    /// Its own words.
    pub checkpoint: String,
}
