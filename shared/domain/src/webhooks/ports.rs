//! The stores and the queue that webhooks need.

#![warn(missing_docs)]

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::access::client::ClientId;
use crate::primitives::id::{JobId, TraceId, WebhookId};
use crate::primitives::timestamp::Timestamp;
use crate::store::StoreError;
use crate::webhooks::delivery::Delivery;
use crate::webhooks::endpoint::{WebhookEndpoint, WebhookEndpointId};
use crate::webhooks::host_permits::{HostPermit, HostPermits};
use crate::webhooks::lane::Lane;
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
        /// Why the message was sent.
        #[serde(default, skip_serializing_if = "MessagePurpose::is_attempt")]
        purpose: MessagePurpose,
    },
}

/// Why a message about a delivery was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessagePurpose {
    /// The delivery has waited for a permit, and this is its turn.
    Turn,
    /// Somebody must look whether the line in which the delivery waits still moves.
    Watch,
    /// An attempt is due. Also any word of a newer release.
    #[default]
    #[serde(other)]
    Attempt,
}

impl MessagePurpose {
    // serde passes a reference.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    const fn is_attempt(&self) -> bool {
        matches!(self, Self::Attempt)
    }
}

impl WebhookMessage {
    /// Returns the message for `delivery`.
    #[must_use]
    pub const fn about(delivery: &Delivery) -> Self {
        Self::to(delivery, MessagePurpose::Attempt)
    }

    /// Returns the message for `delivery` with this purpose.
    #[must_use]
    pub const fn to(delivery: &Delivery, purpose: MessagePurpose) -> Self {
        Self::V1 { job_id: delivery.job_id, webhook_id: delivery.id, trace_id: delivery.trace_id, purpose }
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

/// One page of the deliveries of a job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobDeliveries {
    /// Oldest first.
    pub deliveries: Vec<Delivery>,
    /// Whether there may be further ones after the last of these.
    pub more: bool,
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
    /// Returns deliveries of a job that have not expired, oldest first, with a strongly consistent read: those
    /// after `after`, as many as the store reads at once. Leaves out those that it cannot decode.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn deliveries_of(&self, job: JobId, after: Option<WebhookId>) -> Result<JobDeliveries, StoreError>;

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

/// Limits the concurrent requests to each webhook host, across all senders, and knows which lanes wait.
#[async_trait]
pub trait HostPermitStore: Send + Sync {
    /// Acquires one of the permits that the lane may use, for one request to `host`. It expires at `until`.
    ///
    /// A newcomer gets none while its lane has a waiting line: it must join the line.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn acquire_host_permit(
        &self,
        host: &str,
        lane: &Lane,
        turn: Turn,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Acquisition, StoreError>;

    /// Releases a permit, and returns the host as it is then. If the permit has expired and belongs to another
    /// request, nothing changes.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn release_host_permit(
        &self,
        host: &str,
        permit: HostPermit,
        release: &Release,
    ) -> Result<HostPermits, StoreError>;

    /// Records that a delivery has joined the line of the lane, and returns the host as it is then. Whoever
    /// releases a permit after this knows of the line.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn register_line(&self, host: &str, lane: &Lane, now: Timestamp)
    -> Result<HostPermits, StoreError>;

    /// Records that the line of the lane is empty, unless a delivery has joined it since `joined` was read.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn close_line(&self, host: &str, lane: &Lane, joined: u64) -> Result<(), StoreError>;

    /// Claims the watch over the line until `until`, and returns the host as it is then. Returns `None` if
    /// there is no line, or another delivery watches it.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn watch_line(
        &self,
        host: &str,
        lane: &Lane,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<HostPermits>, StoreError>;
}

/// Whether a delivery has waited in its lane's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It has not: those that wait come first.
    Newcomer,
    /// It was taken out of the line because it is its turn.
    Next,
}

/// The answer to a sender that wants a permit, with the host as it is then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquisition {
    /// The sender has this permit.
    Acquired(HostPermit, HostPermits),
    /// No permit is free for it.
    Denied(HostPermits),
}

/// What else is written when a permit is released.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release {
    /// The lane of a request that got no answer in time, and until when it is slow.
    pub slow: Option<(Lane, Timestamp)>,
    /// Lanes whose slow mark is over: see [`HostPermits::expired_marks`].
    pub expired: BTreeSet<Lane>,
}
