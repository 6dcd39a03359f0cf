//! A delivery: the outbox entry of one webhook, stored in the same transaction as the change of its job.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::access::client::ClientId;
use crate::jobs::job::Job;
use crate::jobs::outcome::{JobError, JobResult};
use crate::jobs::request::Metadata;
use crate::jobs::status::JobStatus;
use crate::jobs::subscription::{WebhookEvent, WebhookUrl};
use crate::primitives::id::{BatchId, JobId, TraceId, WebhookId};
use crate::primitives::lease::Lease;
use crate::primitives::timestamp::Timestamp;
use crate::webhooks::attempt::Attempt;

impl Job {
    /// Returns the webhook to save with this change of the job, if the client subscribed to `event`.
    #[must_use]
    pub fn delivery(&self, event: WebhookEvent, now: Timestamp) -> Option<Delivery> {
        let target = self.webhook.as_ref().filter(|target| target.events.contains(&event))?;
        Some(Delivery::new(self, event, target.url.clone(), now))
    }
}

/// How long the sweeper waits for the message of a delivery before it sends one.
pub(super) const MESSAGE_GRACE: Duration = Duration::from_secs(30);

/// How long a delivery and its attempts are kept after its end, but never longer than its job. Before its
/// end it is kept as long as its job.
pub(super) const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// How many attempts a row keeps: those of ten complete retry schedules. With [`MAX_RESPONSE_KEPT`] bytes
/// of each response they use a third of the maximum size of a row.
pub(super) const MAX_ATTEMPTS_KEPT: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not delivered yet.
    Pending,
    /// The endpoint accepted the webhook.
    Delivered,
    /// Every attempt failed.
    GivenUp,
}

/// The outbox entry of one webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The `webhook-id` header, the same for every attempt.
    pub id: WebhookId,
    /// How often the row was written. The next write succeeds only if the row still has this revision.
    pub revision: u64,
    pub job_id: JobId,
    /// The client whose secret signs the webhook.
    pub client_id: ClientId,
    /// The trace of the request that created the job.
    pub trace_id: TraceId,
    pub url: WebhookUrl,
    pub event: WebhookEvent,
    /// When the event happened.
    pub happened_at: Timestamp,
    /// The job at that time.
    pub snapshot: Snapshot,

    pub state: DeliveryState,
    /// How many attempts were begun in total.
    pub attempts: u32,
    /// The position in the retry schedule: how many attempts were begun since the last start of the
    /// schedule. An attempt that replaces one whose sender crashed does not count.
    #[serde(default)]
    pub retry_index: u32,
    /// How many senders in a row crashed at the current position of the retry schedule.
    #[serde(default)]
    pub crashes: u32,
    /// The most recent attempts, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Attempt>,
    /// The lease of the current sender. An expired lease means that the sender crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// No attempt begins before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How often the delivery joined a waiting line of its host since the last attempt.
    #[serde(default)]
    pub deferrals: u32,
    /// Whether the webhook is sent even if its endpoint is disabled: a redelivery was requested, and its
    /// outcome is not known yet.
    #[serde(default)]
    pub bypass_disabled: bool,
    /// Whether a redelivery was requested while an attempt was in progress.
    #[serde(default)]
    pub redeliver_requested: bool,
    /// Whether the delivery is held until its endpoint is enabled again.
    #[serde(default)]
    pub held: bool,
    /// How often the sweeper sent the message again since the last attempt.
    #[serde(default)]
    pub requeues: u32,
    /// When the sweeper must look at the delivery. `None` if nothing is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// From this time on the delivery does not exist.
    pub expires_at: Timestamp,
    /// From this time on its job does not exist.
    pub job_expires_at: Timestamp,
}

/// The state of a job when an event happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    pub status: JobStatus,
    /// From 0 to 100.
    pub progress: u8,
    /// Set if the job completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    /// Set if the job failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// The client's own object, returned unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// From this time on the job's images do not exist.
    pub images_expire_at: Timestamp,
}

/// What a sender does with a delivery whose message it received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Begin an attempt.
    Due,
    /// Do nothing: the delivery has ended.
    Ended,
    /// Do nothing: another sender holds the lease. The sweeper requeues the delivery if that sender dies.
    Leased,
    /// Do nothing: the next attempt is later, and a message for that time follows.
    TooEarly,
}

impl Delivery {
    /// Creates the pending delivery of `event` to `url`.
    #[must_use]
    pub fn new(job: &Job, event: WebhookEvent, url: WebhookUrl, now: Timestamp) -> Self {
        Self {
            id: WebhookId::new(),
            revision: 0,
            job_id: job.id,
            client_id: job.client_id.clone(),
            trace_id: job.trace_id,
            url,
            event,
            happened_at: now,
            snapshot: Snapshot {
                batch_id: job.batch_id,
                status: job.status,
                progress: job.progress,
                result: job.result.clone(),
                error: job.error.clone(),
                metadata: job.metadata.clone(),
                images_expire_at: job.images_expire_at,
            },
            state: DeliveryState::Pending,
            attempts: 0,
            retry_index: 0,
            crashes: 0,
            log: Vec::new(),
            lease: None,
            not_before: None,
            deferrals: 0,
            bypass_disabled: false,
            redeliver_requested: false,
            held: false,
            requeues: 0,
            due_at: Some(now + MESSAGE_GRACE),
            expires_at: job.expires_at,
            job_expires_at: job.expires_at,
        }
    }
}
