//! Rows that the sweeper must look at.

use crate::primitives::id::{BatchId, JobId, WebhookId};
use crate::store::StoreError;
use crate::webhooks::endpoint::WebhookEndpointId;
use async_trait::async_trait;

/// Something that the sweeper must look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// A job.
    Job(JobId),
    /// A webhook.
    Delivery(JobId, WebhookId),
    /// A batch some of whose jobs may have no row yet.
    Batch(BatchId),
    /// A URL of webhooks that is switched off, or was.
    WebhookEndpoint(WebhookEndpointId),
}

/// Finds what is due without scanning anything.
#[async_trait]
pub trait DueIndex: Send + Sync {
    /// What is due at `now`, the longest overdue first, at most `limit` from each part of the index.
    /// The index may lag behind the rows: the condition is to be checked again on the row.
    async fn due(&self, now: crate::Timestamp, limit: u32) -> Result<Vec<Due>, StoreError>;
}
