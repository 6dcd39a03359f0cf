//! Rows that the sweeper must look at.

use async_trait::async_trait;

use crate::primitives::id::{BatchId, JobId, WebhookId};
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

/// An index of the rows that are due, so that the sweeper never scans a table.
#[async_trait]
pub trait DueIndex: Send + Sync {
    /// Returns the rows that are due at `now`: at most `limit` from each part of the index, and from each
    /// part the longest overdue first. The index may lag behind the rows, so the caller must check the
    /// row again.
    ///
    /// Gives [`StoreError::Unavailable`] if no part of the index can be read.
    async fn due(&self, now: crate::Timestamp, limit: u32) -> Result<Vec<Due>, StoreError>;
}
