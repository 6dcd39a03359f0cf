//! Why a request brought nothing, in words that hold nothing of its URL: paths and queries of
//! webhooks and of pictures hold secrets.

use std::error::Error;

use crate::guard::Refused;

/// Why a request brought nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It was not made.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// No connection came about: nothing was sent.
    #[error("no connection")]
    NoConnection,
    /// The connection came about too late: nothing was sent.
    #[error("no connection in time")]
    NoConnectionInTime,
    /// The time was up after the request was, or may have been, sent.
    #[error("no answer in time")]
    NoAnswerInTime,
    /// The connection broke after the request was, or may have been, sent.
    #[error("the connection broke")]
    Broken,
    /// The answer is longer than `0` bytes.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    /// The answer is not the JSON that it should be.
    #[error("the answer is not the JSON that was expected")]
    BadJson,
    /// A download was answered with this status.
    #[error("the answer was {0}")]
    Status(u16),
    /// A download was redirected too often, or to nowhere.
    #[error("too many redirects")]
    Redirects,
    /// The client could not be set up, or the request not be built.
    #[error("the request could not be built")]
    NotBuilt,
}

impl Problem {
    /// Whether the other side can have seen nothing of the request.
    #[must_use]
    pub const fn nothing_sent(self) -> bool {
        matches!(self, Self::Refused(_) | Self::NoConnection | Self::NoConnectionInTime | Self::NotBuilt)
    }
}

impl From<&reqwest::Error> for Problem {
    fn from(error: &reqwest::Error) -> Self {
        if let Some(refused) = refusal(error) {
            Self::Refused(refused)
        } else if error.is_builder() {
            Self::NotBuilt
        } else if error.is_connect() {
            if error.is_timeout() { Self::NoConnectionInTime } else { Self::NoConnection }
        } else if error.is_timeout() {
            Self::NoAnswerInTime
        } else {
            Self::Broken
        }
    }
}

impl From<reqwest::Error> for Problem {
    fn from(error: reqwest::Error) -> Self {
        Self::from(&error)
    }
}

/// The resolver's refusal, which comes back as the cause of a cause.
fn refusal(error: &reqwest::Error) -> Option<Refused> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(*refused);
        }
        cause = error.source();
    }
    None
}
