//! The result or the error with which a job ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::images::content_warning::ContentWarning;
use crate::images::stored_image::StoredImage;

/// The result of a completed job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobResult {
    /// In the order of their indexes.
    pub images: Vec<StoredImage>,
    /// The provider that made the images.
    pub provider: String,
    /// In millionths of a US dollar.
    pub cost_micros: u64,
    /// From the start of the first run to the end of the job.
    pub processing_millis: u64,
    /// Content that some viewers may not want to see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ContentWarning>,
}

/// Why a job failed, or why some of its images are missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobError {
    /// For programs.
    pub reason: FailureReason,
    /// For people.
    pub message: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// How long the client should wait before it sends the request again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// The content that a provider objected to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ContentWarning>,
    /// How many images are missing, if the job completed with the others; 0 if it failed.
    #[serde(default)]
    pub missing: u8,
}

impl JobError {
    /// Returns the error beside the result of a job that ends with only some of its images, because of this
    /// error.
    #[must_use]
    pub fn for_missing(self, missing: u8, wanted: u8) -> Self {
        let images = if wanted == 1 { "image" } else { "images" };
        let message = format!("{missing} of {wanted} {images} could not be made: {}", self.message);
        Self { message, missing, ..self }
    }
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
