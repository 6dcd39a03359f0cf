//! The waiting lines of deliveries that found no free permit of their host.

#![warn(missing_docs)]

use async_trait::async_trait;

use crate::access::client::ClientId;
use crate::primitives::id::{JobId, TraceId, WebhookId};
use crate::primitives::timestamp::Timestamp;
use crate::store::StoreError;
use crate::webhooks::delivery::Delivery;
use crate::webhooks::lane::Lane;
use crate::webhooks::ports::{MessagePurpose, WebhookMessage};

/// A delivery in the waiting line of its lane: all that is needed to send its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEntry {
    /// When its event happened: lines are in this order.
    pub happened_at: Timestamp,
    /// The job of the delivery.
    pub job_id: JobId,
    /// The delivery.
    pub webhook_id: WebhookId,
    /// The trace of the request that created the job.
    pub trace_id: TraceId,
    /// The client of the job.
    pub client_id: ClientId,
    /// From this time on the delivery does not exist.
    pub expires_at: Timestamp,
}

impl LineEntry {
    /// Returns the entry of `delivery`.
    #[must_use]
    pub fn of(delivery: &Delivery) -> Self {
        Self {
            happened_at: delivery.happened_at,
            job_id: delivery.job_id,
            webhook_id: delivery.id,
            trace_id: delivery.trace_id,
            client_id: delivery.client_id.clone(),
            expires_at: delivery.expires_at,
        }
    }

    /// Returns the message that wakes the delivery.
    #[must_use]
    pub const fn message(&self) -> WebhookMessage {
        WebhookMessage::V1 {
            job_id: self.job_id,
            webhook_id: self.webhook_id,
            trace_id: self.trace_id,
            purpose: MessagePurpose::Turn,
        }
    }
}

/// Stores the waiting lines. Each is a queue, first in, first out by the time of the event.
#[async_trait]
pub trait WaitingLineStore: Send + Sync {
    /// Adds an entry to the line of a lane. Adding it again changes nothing.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn join_line(&self, host: &str, lane: &Lane, entry: &LineEntry) -> Result<(), StoreError>;

    /// Takes the first entry out of the line, with a strongly consistent read. Only one caller gets it.
    /// Returns `None` if the line is empty.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn take_first(&self, host: &str, lane: &Lane) -> Result<Option<LineEntry>, StoreError>;

    /// Takes this entry out of the line if it is the first, with a strongly consistent read. Returns whether
    /// the caller has taken it.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn take_if_first(&self, host: &str, lane: &Lane, entry: &LineEntry) -> Result<bool, StoreError>;
}
