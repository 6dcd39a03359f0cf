//! How a store or a queue fails.

#![warn(missing_docs)]

use std::time::Duration;

/// Why a store or a queue did not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed the row first: read again and obey.
    #[error("the row has changed since it was read")]
    Conflict,
    /// It did not answer, or not as it should: the same call may pass later.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreError> for crate::Error {
    fn from(error: StoreError) -> Self {
        Self::Unavailable { cause: error.to_string(), retry_after: Duration::from_secs(1) }
    }
}

/// The longest delay that a queue keeps (SQS: 15 minutes).
pub const MAX_QUEUE_DELAY: Duration = Duration::from_secs(900);
