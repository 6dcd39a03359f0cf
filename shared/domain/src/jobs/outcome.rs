//! How a job ends.

use crate::images::content_warning::ContentWarning;
use crate::images::stored_image::StoredImage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a job ended well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
    /// The images, in order.
    pub images: Vec<StoredImage>,
    /// The provider that made them.
    pub provider: String,
    /// What they cost, in millionths of a US dollar.
    pub cost_micros: u64,
    /// From the first take-up to the end, in milliseconds.
    pub processing_millis: u64,
    /// What may trouble a viewer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ContentWarning>,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobError {
    /// The reason in one word, for programs.
    pub reason: FailureReason,
    /// The reason in words, for people.
    pub message: String,
    /// Whether the same request may succeed another time.
    pub retryable: bool,
    /// When to try it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// What a provider objected to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ContentWarning>,
}

/// Why a job failed, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureReason {
    /// The provider will not or cannot make it, or is not enabled here.
    Refused,
    /// Every try failed.
    AttemptsExhausted,
    /// It did not end in time.
    DeadlineExceeded,
}
