//! The errors of stores and queues.

#![warn(missing_docs)]

use std::time::Duration;

/// Why a call to a store or a queue failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another writer changed the row first. The caller must read the row again and decide again.
    #[error("the row has changed since it was read")]
    Conflict,
    /// The row exists, but this release cannot read it: it holds a word of a newer one, for example. It must
    /// be left as it is.
    #[error("the row cannot be read: {0}")]
    Unreadable(String),
    /// The store did not answer, or its answer could not be used. The same call may succeed later.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for crate::Error {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { cause: error.to_string(), retry_after: Duration::from_secs(1) }
    }
}

/// The maximum delay of a message in a queue (SQS: 15 minutes).
pub const MAX_QUEUE_DELAY: Duration = Duration::from_secs(900);
