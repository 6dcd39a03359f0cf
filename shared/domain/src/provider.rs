//! What the worker and an image provider say to one another.

use std::time::Duration;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::JobId;
use crate::image::ImageOrigin;
use crate::request::Picture;
use crate::timestamp::Timestamp;

/// What a provider is to make.
#[derive(Debug, Clone)]
pub struct ImageTask {
    /// For which job.
    pub job: JobId,
    /// What to make.
    pub picture: Picture,
    /// Which of the job's images are still missing, from 0.
    pub missing: Vec<u8>,
    /// The how manieth try at this job it is, from 1.
    pub attempt: u32,
    /// When an answer is of no more use.
    pub deadline: Timestamp,
}

/// An image as the provider made it.
#[derive(Debug, Clone)]
pub struct GeneratedImage {
    /// The encoded image.
    pub bytes: Bytes,
    /// Where it comes from.
    pub origin: ImageOrigin,
}

/// All images were handed over.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    /// What the provider says may trouble a viewer.
    pub warnings: Vec<ContentWarning>,
}

/// Whose fault a failure is, which decides what is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultOf {
    /// A store or queue of ours did not answer: try again, nobody's account is charged.
    Ours,
    /// The provider failed in passing: try again later, and count it.
    Provider,
    /// The provider has no room now: wait; waiting is not failing.
    Capacity,
    /// What was asked for cannot or may not be made: tell the caller, never try again.
    Caller,
    /// The operator's account, key or money: wait, and raise an alarm. Nothing the caller can mend.
    Operator,
}

/// Why no image came.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{fault:?}: {message}")]
pub struct ProviderError {
    /// Whose fault it is.
    pub fault: FaultOf,
    /// For a person; holds no secret and no prompt.
    pub message: String,
    /// When the provider wants to be asked again.
    pub retry_after: Option<Duration>,
    /// For a refusal: what the provider objected to.
    pub warnings: Vec<ContentWarning>,
}

impl ProviderError {
    /// A failure with nothing more to say of it.
    pub fn new(fault: FaultOf, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), retry_after: None, warnings: Vec::new() }
    }
}

/// What may trouble a viewer of an image, or what made a provider refuse it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContentWarning {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: WarningKind,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the provider is, from 0 to 1.
    pub confidence: f64,
}

/// Kinds of troubling content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WarningKind {
    /// Violence.
    Violence,
    /// Adult content.
    Adult,
    /// Medical content.
    Medical,
    /// Suggestive content.
    Racy,
    /// An altered picture of something real.
    Spoof,
}

/// How troubling it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A little.
    Low,
    /// Somewhat.
    Medium,
    /// Very.
    High,
}
