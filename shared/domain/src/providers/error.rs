//! The errors of providers, and their classes.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::images::content_warning::ContentWarning;
use crate::providers::wait_reason::WaitReason;
use crate::store::StoreError;

/// The class of an error: who has to act on it. With its [`Reason`] it decides what is done
/// ([`crate::providers::ErrorPolicy`]).
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
    /// A gateway before the provider gave up; the provider may still be working.
    GatewayTimeout,
    /// The provider answered without an image.
    NoImage,
    /// The provider answered what nobody can use.
    BadResponse,
    /// The provider failed.
    Failed,
    /// The provider was not reached, or broke off.
    NoAnswer,
    /// The provider is not asked at present, for it failed too often or has no room.
    Waiting,
}

impl Reason {
    /// Returns the reason in words, for people. It says nothing that a caller must not know.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::InvalidRequest => "the provider calls the request wrong",
            Self::Unsupported => "no provider that may be used here can make this",
            Self::Moderated => "the provider objects to the content",
            Self::Auth => "the provider does not accept the operator's key",
            Self::Permission => "the operator's account may not do this",
            Self::ModelGone => "the model does not exist, or not any more",
            Self::QuotaExhausted => "the operator's account has no money, or has used what it may",
            Self::RateLimited => "the provider takes no more requests at present",
            Self::Overloaded => "the provider has too much to do",
            Self::Timeout => "the provider did not answer in time",
            Self::GatewayTimeout => "a gateway before the provider gave up",
            Self::NoImage => "the provider answered without an image",
            Self::BadResponse => "the provider's answer is of no use",
            Self::Failed => "the provider failed",
            Self::NoAnswer => "the provider was not reached, or broke off",
            Self::Waiting => "the provider is not asked at present",
        }
    }
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
    /// The provider, as far as the worker knows which it was.
    pub provider: Option<&'static str>,
    /// Why the job has to wait, if the class and the reason alone do not say it.
    pub waiting_for: Option<WaitReason>,
    /// How many calls failed in this way at the same time.
    pub calls: u32,
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
            provider: None,
            waiting_for: None,
            calls: 1,
        }
    }

    /// Sets the provider that failed.
    #[must_use]
    pub const fn at(mut self, provider: &'static str) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Sets why the job has to wait.
    #[must_use]
    pub const fn waiting_for(mut self, reason: WaitReason) -> Self {
        self.waiting_for = Some(reason);
        self
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
