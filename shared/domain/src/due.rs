//! Rows that the sweeper must look at.

use std::time::Duration;

use async_trait::async_trait;

use crate::primitives::id::{BatchId, JobId, WebhookId};
use crate::primitives::timestamp::Timestamp;
use crate::store::StoreError;
use crate::webhooks::endpoint::WebhookEndpointId;

/// One row that the sweeper must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    Job(JobId),
    Delivery(JobId, WebhookId),
    /// A batch that may have jobs without a row yet.
    Batch(BatchId),
    /// A webhook endpoint that is disabled, or was disabled before.
    WebhookEndpoint(WebhookEndpointId),
}

/// Returns for how long a row that cannot be read is postponed after it was `times` times already: a minute,
/// twice as long each time, an hour at the most. A release that can read it finds it within that time.
#[must_use]
pub fn postponement(times: u32) -> Duration {
    Duration::from_secs(60 * 2u64.pow(times.min(6))).min(Duration::from_secs(3600))
}

/// An index of the rows that are due, so that the sweeper never scans a table.
#[async_trait]
pub trait DueIndex: Send + Sync {
    /// Returns the rows that are due at `now`: at most `limit` from each part of the index, and from each
    /// part the longest overdue first. The index may lag behind the rows, so the caller must check the
    /// row again.
    ///
    /// Gives [`StoreError::Unavailable`] if no part of the index can be read.
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Due>, StoreError>;

    /// Makes a due row that cannot be read due again later, and changes nothing else in it. Each time it is
    /// due later: see [`postponement`]. Returns when; `None` if the row is not due any more.
    ///
    /// Fails with [`StoreError::Conflict`] if another function has just changed when the row is due, and with
    /// [`StoreError::Unavailable`].
    async fn postpone(&self, due: &Due, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postponement_doubles_up_to_an_hour() {
        let minutes = [0, 1, 2, 5, 6, 99].map(|times| postponement(times).as_secs() / 60);
        assert_eq!(minutes, [1, 2, 4, 32, 60, 60]);
    }
}
