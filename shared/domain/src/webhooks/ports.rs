//! The stores and the queue that webhooks need.

#![warn(missing_docs)]

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::access::client::ClientId;
use crate::primitives::id::{JobId, TraceId, WebhookId};
use crate::primitives::lease::Lease;
use crate::primitives::timestamp::Timestamp;
use crate::store::StoreError;
use crate::webhooks::delivery::Delivery;
use crate::webhooks::endpoint::{WebhookEndpoint, WebhookEndpointId};
use crate::webhooks::signature::SecretVersions;

/// Stores deliveries.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Loads a delivery with a strongly consistent read. Returns `None` if it does not exist or has
    /// expired.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn load_delivery(&self, job: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError>;

    /// Saves the delivery and increments its revision.
    ///
    /// Fails with [`StoreError::Conflict`] if the row no longer has the revision that the delivery was
    /// read with, and with [`StoreError::Unavailable`].
    async fn save_delivery(&self, delivery: &mut Delivery) -> Result<(), StoreError>;
}

/// A queue message that starts an attempt at a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum WebhookMessage {
    /// Version 1.
    #[serde(rename = "1", rename_all = "camelCase")]
    V1 {
        /// The job of the delivery.
        job_id: JobId,
        /// The delivery to attempt.
        webhook_id: WebhookId,
        /// The trace of the request that created the job.
        trace_id: TraceId,
    },
}

impl WebhookMessage {
    /// Returns the message for `delivery`.
    #[must_use]
    pub const fn about(delivery: &Delivery) -> Self {
        Self::V1 { job_id: delivery.job_id, webhook_id: delivery.id, trace_id: delivery.trace_id }
    }
}

/// Sends messages to the senders' queue.
#[async_trait]
pub trait WebhookQueue: Send + Sync {
    /// Sends a message that becomes visible after `delay` (at most
    /// [`MAX_QUEUE_DELAY`](crate::store::MAX_QUEUE_DELAY)). The queue serves clients fairly, by `client`.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn send_webhook(
        &self,
        message: &WebhookMessage,
        client: &ClientId,
        delay: Duration,
    ) -> Result<(), StoreError>;
}

/// The key of a delivery's row.
pub type DeliveryKey = (JobId, WebhookId);

/// One page of a list of deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// The keys of the deliveries, oldest first.
    pub keys: Vec<DeliveryKey>,
    /// The next page begins after this delivery. `None` if this is the last page.
    pub next: Option<DeliveryKey>,
}

/// One page of a list of deliveries that are held until their endpoint is enabled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldPage {
    /// The keys of the deliveries, the longest held first.
    pub keys: Vec<DeliveryKey>,
    /// The next page begins after this delivery, which was held at this time. `None` if this is the last
    /// page.
    pub next: Option<(Timestamp, DeliveryKey)>,
}

/// Lists deliveries through keys and indexes, without a table scan.
#[async_trait]
pub trait DeliveryList: Send + Sync {
    /// Returns all deliveries of a job that have not expired, oldest first, with a strongly consistent
    /// read.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn deliveries_of(&self, job: JobId) -> Result<Vec<Delivery>, StoreError>;

    /// Lists at most `limit` deliveries of `client` after `after`, oldest first, whose event happened at
    /// or after `since` and before `until`. The index may lag behind the rows, and may contain expired
    /// deliveries.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn deliveries_between(
        &self,
        client: &ClientId,
        since: Timestamp,
        until: Timestamp,
        after: Option<DeliveryKey>,
        limit: u16,
    ) -> Result<DeliveryPage, StoreError>;
}

/// Stores the webhook endpoints that have, or had, failures.
#[async_trait]
pub trait WebhookEndpointStore: Send + Sync {
    /// Loads an endpoint with a strongly consistent read. Returns `None` if it has no row, or if the row
    /// has expired.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn load_endpoint(&self, id: &WebhookEndpointId) -> Result<Option<WebhookEndpoint>, StoreError>;

    /// Saves the endpoint and increments its revision.
    ///
    /// Fails with [`StoreError::Conflict`] if the row no longer has the revision that it was read with
    /// (for a new endpoint: if a row exists), and with [`StoreError::Unavailable`].
    async fn save_endpoint(&self, endpoint: &mut WebhookEndpoint) -> Result<(), StoreError>;

    /// Returns at most `limit` disabled endpoints of a client. An endpoint that was disabled a moment ago
    /// may be missing, because the index lags behind the rows.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn disabled_endpoints(
        &self,
        client: &ClientId,
        limit: u16,
    ) -> Result<Vec<WebhookEndpoint>, StoreError>;

    /// Lists at most `limit` held deliveries of an endpoint after `after`, the longest held first. The
    /// index may lag behind the rows, and may contain expired deliveries.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn held_deliveries(
        &self,
        id: &WebhookEndpointId,
        after: Option<(Timestamp, DeliveryKey)>,
        limit: u16,
    ) -> Result<HeldPage, StoreError>;
}

/// Stores which versions of a client's webhook secret sign.
#[async_trait]
pub trait SecretVersionStore: Send + Sync {
    /// Loads the secret versions of a client with a strongly consistent read. Returns the default for a
    /// client that never rotated its secret.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn secret_versions(&self, client: &ClientId) -> Result<SecretVersions, StoreError>;

    /// Replaces the secret versions `read` by `next`.
    ///
    /// Fails with [`StoreError::Conflict`] if the stored versions are no longer `read`, and with
    /// [`StoreError::Unavailable`].
    async fn replace_secret_versions(
        &self,
        client: &ClientId,
        read: &SecretVersions,
        next: &SecretVersions,
    ) -> Result<(), StoreError>;
}

/// Limits the concurrent requests to each webhook host, across all senders.
#[async_trait]
pub trait HostPermitStore: Send + Sync {
    /// Acquires a permit for one request to `host`. The permit expires at `until`. Returns `None` if all
    /// permits are in use.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn acquire_host_permit(
        &self,
        host: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<HostPermit>, StoreError>;

    /// Releases a permit. With `slow_until`, the host did not respond in time and gets fewer permits
    /// until that time.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn release_host_permit(
        &self,
        host: &str,
        permit: HostPermit,
        slow_until: Option<Timestamp>,
    ) -> Result<(), StoreError>;
}

/// A permit for one request to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPermit {
    /// The index of the permit among those of its host, from 0.
    pub number: usize,
    /// The holder of the permit, and when it expires.
    pub lease: Lease,
}
