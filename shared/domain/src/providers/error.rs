//! The errors of providers, and their classes.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::images::content_warning::ContentWarning;
use crate::store::StoreError;

/// The class of an error decides how it is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// One of our stores or queues did not respond. Transient: the job is tried again. It does not count
    /// against the provider.
    Internal,
    /// The provider failed with a transient error. The job is tried again later, and the failure counts
    /// for the circuit breaker.
    Provider,
    /// The provider has no capacity at the moment. The job waits, which does not count as a failure.
    Capacity,
    /// The request cannot or must not be fulfilled. Permanent: it is reported to the caller and not tried
    /// again.
    Caller,
    /// A problem with the operator's account, key or balance, which the caller cannot solve. The job
    /// waits, and an alarm is raised.
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

/// Why a provider call produced no image.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{class:?} ({reason:?}): {message}")]
pub struct ProviderError {
    /// Decides how the error is handled.
    pub class: ErrorClass,
    pub reason: Reason,
    /// A description for people. Contains no secret and no prompt.
    pub message: String,
    /// When the provider wants to be called again, counted from now.
    pub retry_after: Option<Duration>,
    /// For a refusal: the content that the provider objected to.
    pub warnings: Vec<ContentWarning>,
    /// Whether the provider may have executed the request, and charged for it, without a result.
    pub possibly_paid: bool,
}

impl ProviderError {
    /// Creates an error without further details.
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

    /// Sets the time after which the provider wants to be called again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// Sets the content that the provider objected to.
    #[must_use]
    pub fn warnings(mut self, warnings: Vec<ContentWarning>) -> Self {
        self.warnings = warnings;
        self
    }

    /// Marks the request as possibly executed and paid.
    #[must_use]
    pub const fn possibly_paid(mut self) -> Self {
        self.possibly_paid = true;
        self
    }
}

/// A store of ours failed, so no provider could be called.
impl From<&StoreError> for ProviderError {
    fn from(error: &StoreError) -> Self {
        let failure = Self::new(ErrorClass::Internal, Reason::NoAnswer, error.to_string());
        // What the operator must permit first is not tried again soon.
        if error.may_pass() { failure } else { failure.retry_after(error.retry_after()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denied_store_call_is_tried_again_in_minutes() {
        let of = |error: StoreError| ProviderError::from(&error).retry_after;
        assert_eq!(of(StoreError::Denied("GetItem".into())), Some(Duration::from_secs(300)));
        assert_eq!(of(StoreError::Throttled("GetItem".into())), None);
        assert_eq!(of(StoreError::Unavailable("GetItem".into())), None);
    }
}
