//! The errors of a request, independent of HTTP.

use std::borrow::Cow;
use std::time::Duration;

use crate::cause::Cause;

/// One invalid field of a request: where it is, and which value is expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The path in the body: `prompt`, `imageGeneration.count`, `jobs[3].prompt`; empty for the body itself.
    pub path: String,
    /// The expected value, as text for a person.
    pub message: String,
}

impl FieldError {
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// The kind of resource that was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Path,
    /// The job does not exist, or it belongs to another client or user.
    Job,
    /// The batch does not exist, or it belongs to another client or user.
    Batch,
    /// The chat session does not exist, or it belongs to another client or user.
    Session,
    /// The API key does not exist, belongs to another client, or has expired or been revoked.
    Key,
    /// The job has no such webhook.
    Webhook,
    /// There is no such addon, or no version of it that may be had.
    Addon,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is invalid. Holds every error that was found, not only the first.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    #[error("too large: it may have {limit} bytes")]
    TooLarge {
        /// The maximum length of the body, in bytes.
        limit: usize,
    },
    /// The credential is missing, malformed, unknown, revoked or expired.
    #[error("no valid credential")]
    Unauthorized,
    /// The credential does not allow this request; the text says what is missing.
    #[error("{0}")]
    Forbidden(Cow<'static, str>),
    /// The resource does not exist, or it belongs to another client. The error does not say which, so that
    /// a caller cannot find out what exists.
    #[error("not found")]
    NotFound(Missing),
    #[error("method not allowed")]
    MethodNotAllowed {
        /// The methods that the path supports.
        allow: Vec<&'static str>,
    },
    /// A version or a range of versions is invalid. Holds every error that was found.
    #[error("the version is not valid")]
    InvalidVersion(Vec<FieldError>),
    /// The addon may not run on the domain.
    #[error("the addon may not run on this domain")]
    DomainNotAllowed,
    /// Other active addons depend on what was to be changed; the text names them.
    #[error("{0}")]
    AddonInUse(String),
    /// The version of the addon is published already, or was once.
    #[error("this version is published already")]
    VersionExists,
    /// The deployment lacks something that its operator must set up first; the text says what.
    #[error("{0}")]
    NotReady(String),
    /// None of the conditions of the request (`If-Match`, `If-Unmodified-Since`) holds.
    #[error("the precondition failed")]
    PreconditionFailed,
    /// The job has ended, so it cannot be canceled.
    #[error("the job has ended already")]
    CannotCancel,
    /// Another request with the same `Idempotency-Key` is still running.
    #[error("a request with this Idempotency-Key is still at work")]
    IdempotencyInFlight {
        /// The time until that request has ended or its claim on the key has expired.
        retry_after: Duration,
    },
    #[error("this Idempotency-Key was used with another request")]
    IdempotencyMismatch,
    /// The caller has reached its limit for this window.
    #[error("too many requests")]
    RateLimited {
        /// The time until the window ends.
        retry_after: Duration,
    },
    /// The chat provider failed; the text explains the failure to a person.
    #[error("{0}")]
    GenerationFailed(String),
    /// A store or a queue did not answer. The same request may succeed later.
    #[error("unavailable: {cause}")]
    Unavailable {
        /// The call that failed. For the log only, never for the caller.
        cause: Cause,
        /// How long the caller should wait before it retries.
        retry_after: Duration,
    },
    /// An error of this service, not of the caller.
    #[error("internal: {cause}")]
    Internal {
        /// For the log only, never for the caller.
        cause: Cause,
    },
}

impl Error {
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal { cause: Cause::new(cause) }
    }

    /// The stable error code of the API, which clients match on.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "VALIDATION_ERROR",
            Self::TooLarge { .. } => "PAYLOAD_TOO_LARGE",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::NotFound(Missing::Path | Missing::Key | Missing::Webhook) => "NOT_FOUND",
            Self::NotFound(Missing::Job) => "JOB_NOT_FOUND",
            Self::NotFound(Missing::Batch) => "BATCH_NOT_FOUND",
            Self::NotFound(Missing::Session) => "SESSION_NOT_FOUND",
            Self::NotFound(Missing::Addon) => "ADDON_NOT_FOUND",
            Self::MethodNotAllowed { .. } => "METHOD_NOT_ALLOWED",
            Self::InvalidVersion(_) => "INVALID_VERSION",
            Self::DomainNotAllowed => "DOMAIN_NOT_ALLOWED",
            Self::AddonInUse(_) => "ADDON_IN_USE",
            Self::VersionExists => "VERSION_EXISTS",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::CannotCancel => "CANNOT_CANCEL",
            Self::IdempotencyInFlight { .. } | Self::IdempotencyMismatch => "IDEMPOTENCY_CONFLICT",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::GenerationFailed(_) => "GENERATION_FAILED",
            Self::NotReady(_) | Self::Unavailable { .. } => "SERVICE_UNAVAILABLE",
            Self::Internal { .. } => "INTERNAL_ERROR",
        }
    }
}
