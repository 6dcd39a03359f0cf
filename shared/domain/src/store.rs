//! The errors of stores and queues.

#![warn(missing_docs)]

use std::time::Duration;

use crate::cause::Cause;

/// Why a call to a store or a queue failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another writer changed the row first. The caller must read the row again and decide again.
    #[error("the row has changed since it was read")]
    Conflict,
    /// The row exists, but this release cannot read it: it holds a word of a newer one, for example. It must
    /// be left as it is.
    #[error("the row cannot be read: {0}")]
    Unreadable(Cause),
    /// The store takes no more of such calls at present. The same call may succeed some seconds later.
    #[error("throttled: {0}")]
    Throttled(Cause),
    /// This function may not make the call: only the operator can change that.
    #[error("denied: {0}")]
    Denied(Cause),
    /// The store did not answer, or its answer could not be used. The same call may succeed later.
    #[error("{0}")]
    Unavailable(Cause),
}

impl StoreError {
    /// How long to wait before the same call may succeed.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        Duration::from_secs(match self {
            Self::Conflict | Self::Unavailable(_) => 1,
            Self::Throttled(_) => 5,
            Self::Unreadable(_) => 60,
            Self::Denied(_) => 300,
        })
    }

    /// Returns whether the same call may succeed while this function still runs.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        match self {
            Self::Conflict | Self::Throttled(_) | Self::Unavailable(_) => true,
            Self::Denied(_) | Self::Unreadable(_) => false,
        }
    }
}

impl From<StoreError> for crate::Error {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { retry_after: error.retry_after(), cause: Cause::new(error) }
    }
}

/// The maximum delay of a message in a queue (SQS: 15 minutes).
pub const MAX_QUEUE_DELAY: Duration = Duration::from_secs(900);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_when_each_kind_of_failure_may_pass() {
        for (error, seconds) in [
            (StoreError::Conflict, 1),
            (StoreError::Unavailable("no answer".into()), 1),
            (StoreError::Throttled("too many".into()), 5),
            (StoreError::Unreadable("a word".into()), 60),
            (StoreError::Denied("no right".into()), 300),
        ] {
            let told = crate::Error::from(error.clone());
            let crate::Error::Unavailable { retry_after, .. } = told else { panic!("{told:?}") };
            assert_eq!(retry_after, Duration::from_secs(seconds), "{error}");
        }
    }
}
