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
    /// Stands for the end user, of whom it tells nothing: for providers that want to know when one
    /// user abuses them.
    pub user: String,
    /// What this provider noted of the work that it has under way for this job, if it has any.
    pub handle: Option<String>,
}

impl ImageTask {
    /// How long a provider still has.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.deadline.since(Timestamp::now())
    }
}

/// How many jobs at a time, and images a minute, a provider bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Jobs at the same time; at least 1. The provider sees to it itself how many calls it makes at the
    /// same time for one job.
    pub at_once: u32,
    /// Images in any minute, if the provider counts them.
    pub per_minute: Option<u32>,
}

/// Why a provider cannot make what is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unable {
    /// For a person; holds no prompt.
    pub reason: String,
}

impl Unable {
    /// For this reason.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// An image as the provider made it.
#[derive(Debug, Clone)]
pub struct GeneratedImage {
    /// The encoded image.
    pub bytes: Bytes,
    /// Where it comes from.
    pub origin: ImageOrigin,
}

/// How far a call to a provider came that did not fail.
#[derive(Debug, Clone)]
pub enum Step {
    /// All images were handed over.
    Finished(Finished),
    /// The provider works on by itself: ask again after this time, with the handle that it noted.
    AskAgain {
        /// From now.
        after: Duration,
    },
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

/// Why no image came, in one word: for the log, the job and the documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The provider calls the request wrong.
    InvalidRequest,
    /// No provider that may be used here can make this.
    Unsupported,
    /// The provider objects to the content.
    Moderated,
    /// The provider does not accept the operator's key.
    Auth,
    /// The operator's account may not do this.
    Permission,
    /// The model does not exist, or not any more.
    ModelGone,
    /// The operator's account has no money or has used what it may.
    QuotaExhausted,
    /// Too many requests for the operator's account.
    RateLimited,
    /// The provider has too much to do.
    Overloaded,
    /// The provider did not answer in time.
    Timeout,
    /// The provider answered what nobody can use.
    BadResponse,
    /// The provider failed.
    Failed,
    /// The provider was not reached, or broke off.
    NoAnswer,
    /// The provider is not asked at present, for it failed too often or has no room.
    Waiting,
}

/// Why no image came.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{fault:?} ({reason:?}): {message}")]
pub struct ProviderError {
    /// Whose fault it is, which decides what is done about it.
    pub fault: FaultOf,
    /// The same in one word.
    pub reason: Reason,
    /// For a person; holds no secret and no prompt.
    pub message: String,
    /// When the provider wants to be asked again.
    pub retry_after: Option<Duration>,
    /// For a refusal: what the provider objected to.
    pub warnings: Vec<ContentWarning>,
    /// The request may have been carried out, and paid for, though nothing came of it.
    pub maybe_paid: bool,
}

impl ProviderError {
    /// A failure with nothing more to say of it.
    pub fn new(fault: FaultOf, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            fault,
            reason,
            message: message.into(),
            retry_after: None,
            warnings: Vec::new(),
            maybe_paid: false,
        }
    }

    /// The same, with the time after which the provider wants to be asked again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The same, with what the provider objected to.
    #[must_use]
    pub fn warnings(mut self, warnings: Vec<ContentWarning>) -> Self {
        self.warnings = warnings;
        self
    }

    /// The same, of a request that may have been carried out all the same.
    #[must_use]
    pub const fn maybe_paid(mut self) -> Self {
        self.maybe_paid = true;
        self
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
