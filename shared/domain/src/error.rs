//! What can be wrong with a request, without a word about HTTP.

use std::time::Duration;

/// One thing wrong with a request: where, and what is expected there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where in the body: `prompt`, `imageGeneration.count`, `jobs[3].prompt`; empty for the body itself.
    pub path: String,
    /// What is expected, for a person.
    pub message: String,
}

impl FieldError {
    /// A fault at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// What kind of thing was not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// No such path.
    Path,
    /// No such job, or not the caller's.
    Job,
    /// No such batch, or not the caller's.
    Batch,
    /// No such chat session, or not the caller's.
    Session,
    /// No such API key, not the caller's, or no longer good.
    Key,
    /// No such webhook of that job.
    Webhook,
}

/// Why a call was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request breaks these rules: all that were found, not only the first.
    #[error("the request is not valid")]
    Invalid(Vec<FieldError>),
    /// The body is longer than this many bytes.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// No credential, or one that is malformed, unknown, revoked or expired.
    #[error("no valid credential")]
    Unauthorized,
    /// The credential does not allow this; the text says what is missing.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It does not exist, or it belongs to somebody else: nobody is told which.
    #[error("not found")]
    NotFound(Missing),
    /// The path takes only these methods.
    #[error("method not allowed")]
    MethodNotAllowed {
        /// The methods that it does take.
        allow: Vec<&'static str>,
    },
    /// The job has ended already.
    #[error("the job has ended already")]
    CannotCancel,
    /// Another request with the same `Idempotency-Key` is still at work.
    #[error("a request with this Idempotency-Key is still at work")]
    IdempotencyInFlight {
        /// When it is done or dead.
        retry_after: Duration,
    },
    /// The `Idempotency-Key` was used with another request.
    #[error("this Idempotency-Key was used with another request")]
    IdempotencyMismatch,
    /// The caller has had its share of this window.
    #[error("too many requests")]
    RateLimited {
        /// When the window ends.
        retry_after: Duration,
    },
    /// The chat provider failed; the text says how, for a person.
    #[error("{0}")]
    GenerationFailed(String),
    /// A store or a queue did not answer; the same call may pass later.
    #[error("unavailable: {cause}")]
    Unavailable {
        /// What did not answer, for the log only.
        cause: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// A fault of ours.
    #[error("internal: {cause}")]
    Internal {
        /// What went wrong, for the log only.
        cause: String,
    },
}

impl Error {
    /// A fault of ours, with its cause for the log.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal { cause: cause.to_string() }
    }

    /// The stable word that clients match on.
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
            Self::MethodNotAllowed { .. } => "METHOD_NOT_ALLOWED",
            Self::CannotCancel => "CANNOT_CANCEL",
            Self::IdempotencyInFlight { .. } | Self::IdempotencyMismatch => "IDEMPOTENCY_CONFLICT",
            Self::RateLimited { .. } => "RATE_LIMITED",
            Self::GenerationFailed(_) => "GENERATION_FAILED",
            Self::Unavailable { .. } => "SERVICE_UNAVAILABLE",
            Self::Internal { .. } => "INTERNAL_ERROR",
        }
    }
}
