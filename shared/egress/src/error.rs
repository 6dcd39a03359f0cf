//! Why a request failed. No variant and no text contains any part of the URL, because paths and queries
//! of webhook and image URLs hold secrets.

use std::error::Error;

use crate::guard::PolicyViolation;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The policy forbids the URL or its address: nothing was sent.
    #[error("{0}")]
    PolicyViolation(#[from] PolicyViolation),
    /// No connection was established: nothing was sent.
    #[error("no connection")]
    ConnectFailed,
    /// No connection was established in time: nothing was sent.
    #[error("no connection in time")]
    ConnectTimeout,
    /// The time ran out after the request was, or may have been, sent.
    #[error("no answer in time")]
    ResponseTimeout,
    /// The connection broke after the request was, or may have been, sent.
    #[error("the connection broke")]
    ConnectionLost,
    /// The response body exceeds this limit in bytes.
    #[error("the answer has more than {0} bytes")]
    BodyTooLarge(usize),
    /// The response body is not JSON, or not of the expected type.
    #[error("the answer is not the JSON that was expected")]
    InvalidJson,
    /// A download got a response with this status, which is neither a success nor a redirect.
    #[error("the answer was {0}")]
    Status(u16),
    /// A download had too many redirects, or one without a valid `Location`.
    #[error("too many redirects")]
    BadRedirect,
    /// The client could not be set up, or the request could not be built: nothing was sent.
    #[error("the request could not be built")]
    RequestNotBuilt,
}

impl EgressError {
    /// Whether it is certain that the other side received no part of the request.
    #[must_use]
    pub const fn nothing_sent(self) -> bool {
        matches!(
            self,
            Self::PolicyViolation(_) | Self::ConnectFailed | Self::ConnectTimeout | Self::RequestNotBuilt
        )
    }
}

impl From<&reqwest::Error> for EgressError {
    fn from(error: &reqwest::Error) -> Self {
        if let Some(violation) = policy_violation(error) {
            Self::PolicyViolation(violation)
        } else if error.is_builder() {
            Self::RequestNotBuilt
        } else if error.is_connect() {
            if error.is_timeout() { Self::ConnectTimeout } else { Self::ConnectFailed }
        } else if error.is_timeout() {
            Self::ResponseTimeout
        } else {
            Self::ConnectionLost
        }
    }
}

impl From<reqwest::Error> for EgressError {
    fn from(error: reqwest::Error) -> Self {
        Self::from(&error)
    }
}

/// Returns the error of the guarded resolver, which reqwest wraps several times.
fn policy_violation(error: &reqwest::Error) -> Option<PolicyViolation> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(violation) = error.downcast_ref::<PolicyViolation>() {
            return Some(*violation);
        }
        cause = error.source();
    }
    None
}
