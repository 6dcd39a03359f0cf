//! How a provider fails, and what follows from it.

use crate::images::content_warning::ContentWarning;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Whose fault a failure is, which decides what is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// A store or queue of ours did not answer: try again, nobody's account is charged.
    Internal,
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
#[error("{class:?} ({reason:?}): {message}")]
pub struct ProviderError {
    /// Whose fault it is, which decides what is done about it.
    pub class: ErrorClass,
    /// The same in one word.
    pub reason: Reason,
    /// For a person; holds no secret and no prompt.
    pub message: String,
    /// When the provider wants to be asked again.
    pub retry_after: Option<Duration>,
    /// For a refusal: what the provider objected to.
    pub warnings: Vec<ContentWarning>,
    /// The request may have been carried out, and paid for, though nothing came of it.
    pub possibly_paid: bool,
}

impl ProviderError {
    /// A failure with nothing more to say of it.
    pub fn new(class: ErrorClass, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            class,
            reason,
            message: message.into(),
            retry_after: None,
            warnings: Vec::new(),
            possibly_paid: false,
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
    pub const fn possibly_paid(mut self) -> Self {
        self.possibly_paid = true;
        self
    }
}
