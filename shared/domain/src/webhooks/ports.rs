//! The stores and the queue behind webhooks.

#![warn(missing_docs)]

use crate::access::client::ClientId;
use crate::primitives::id::{JobId, TraceId, WebhookId};
use crate::primitives::lease::Lease;
use crate::primitives::timestamp::Timestamp;
use crate::store::StoreError;
use crate::webhooks::delivery::Delivery;
use crate::webhooks::endpoint::{WebhookEndpoint, WebhookEndpointId};
use crate::webhooks::signature::SecretVersions;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The webhooks that are owed.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// The delivery, as it is now (a strongly consistent read); none that has expired.
    async fn load_delivery(&self, job: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError>;

    /// Writes the delivery on the condition that the row still has the revision it was read with.
    async fn save_delivery(&self, delivery: &mut Delivery) -> Result<(), StoreError>;
}

/// Wakes a sender for a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum WebhookMessage {
    /// The first version.
    #[serde(rename = "1", rename_all = "camelCase")]
    V1 {
        /// The job it tells of.
        job_id: JobId,
        /// Which webhook.
        webhook_id: WebhookId,
        /// The trace of the request that started the job.
        trace_id: TraceId,
    },
}

impl WebhookMessage {
    /// The message about `delivery`.
    #[must_use]
    pub const fn about(delivery: &Delivery) -> Self {
        Self::V1 { job_id: delivery.job_id, webhook_id: delivery.id, trace_id: delivery.trace_id }
    }
}

/// The queue that wakes senders.
#[async_trait]
pub trait WebhookQueue: Send + Sync {
    /// Sends a message that is seen after `delay` (at most [`MAX_QUEUE_DELAY`]). `client` keeps the queue
    /// fair between tenants.
    async fn send_webhook(
        &self,
        message: &WebhookMessage,
        client: &ClientId,
        delay: Duration,
    ) -> Result<(), StoreError>;
}

/// One webhook, by the key of its row.
pub type DeliveryKey = (JobId, WebhookId);

/// Some of the webhooks that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// The webhooks, the oldest first.
    pub keys: Vec<DeliveryKey>,
    /// After which webhook the next page begins, if there may be one.
    pub next: Option<DeliveryKey>,
}

/// Some of the webhooks that are parked until their URL is on again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeldPage {
    /// The webhooks, the longest parked first.
    pub keys: Vec<DeliveryKey>,
    /// After which webhook, parked when, the next page begins, if there may be one.
    pub next: Option<(Timestamp, DeliveryKey)>,
}

/// Finds webhooks without scanning anything.
#[async_trait]
pub trait DeliveryList: Send + Sync {
    /// All webhooks of a job, the oldest first, as they are now (a strongly consistent read); none
    /// that has expired.
    async fn deliveries_of(&self, job: JobId) -> Result<Vec<Delivery>, StoreError>;

    /// At most `limit` webhooks of `client` whose event happened at `since` or later and before
    /// `until`, the oldest first, from `after` on. The index may lag behind the rows, and name what
    /// has expired.
    async fn deliveries_between(
        &self,
        client: &ClientId,
        since: Timestamp,
        until: Timestamp,
        after: Option<DeliveryKey>,
        limit: u16,
    ) -> Result<DeliveryPage, StoreError>;
}

/// The URLs of webhooks that are, or were, in trouble.
#[async_trait]
pub trait WebhookEndpointStore: Send + Sync {
    /// What is known of the URL, as it is now (a strongly consistent read); none that has expired.
    async fn load_endpoint(&self, id: &WebhookEndpointId) -> Result<Option<WebhookEndpoint>, StoreError>;

    /// Writes it on the condition that the row still has the revision it was read with (none, for a
    /// new one).
    async fn save_endpoint(&self, endpoint: &mut WebhookEndpoint) -> Result<(), StoreError>;

    /// At most `limit` URLs of a client that are switched off. A URL may be missing that was switched off
    /// this moment.
    async fn disabled_endpoints(
        &self,
        client: &ClientId,
        limit: u16,
    ) -> Result<Vec<WebhookEndpoint>, StoreError>;

    /// At most `limit` webhooks that are parked until the URL is on again, the longest parked first, from
    /// `after` on. The index may lag behind the rows, and name what has expired.
    async fn held_deliveries(
        &self,
        id: &WebhookEndpointId,
        after: Option<(Timestamp, DeliveryKey)>,
        limit: u16,
    ) -> Result<HeldPage, StoreError>;
}

/// Which secrets of clients sign.
#[async_trait]
pub trait SecretVersionStore: Send + Sync {
    /// A client's, as they are now (a strongly consistent read).
    async fn secret_versions(&self, client: &ClientId) -> Result<SecretVersions, StoreError>;

    /// Puts `next` in place of `read`, on the condition that they are still these.
    async fn replace_secret_versions(
        &self,
        client: &ClientId,
        read: &SecretVersions,
        next: &SecretVersions,
    ) -> Result<(), StoreError>;
}

/// The requests that are under way to receivers' hosts, across all senders.
#[async_trait]
pub trait HostPermitStore: Send + Sync {
    /// A place for one more request to `host`, its own until `until` at the latest; `None` if as many
    /// are under way as may be.
    async fn acquire_host_permit(
        &self,
        host: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<HostPermit>, StoreError>;

    /// Gives the place back. A host that has let us wait in vain gets fewer at a time until `slow_until`.
    async fn release_host_permit(
        &self,
        host: &str,
        permit: HostPermit,
        slow_until: Option<Timestamp>,
    ) -> Result<(), StoreError>;
}

/// A place for a request to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPermit {
    /// Which, from 0.
    pub number: usize,
    /// Whose it is, and until when.
    pub lease: Lease,
}
