//! One webhook that is owed: what its row holds, and how each try at it changes it.

use serde::{Deserialize, Serialize};
use std::time::Duration;

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
    /// The webhook for `event`, if its receiver asked for it. It must be saved together with the job.
    #[must_use]
    pub fn delivery(&self, event: WebhookEvent, now: Timestamp) -> Option<Delivery> {
        let target = self.webhook.as_ref().filter(|target| target.events.contains(&event))?;
        Some(Delivery::new(self, event, target.url.clone(), now))
    }
}

/// How long a delivery may go without its message before the sweeper sends one.
pub(super) const MESSAGE_GRACE: Duration = Duration::from_secs(30);

/// How long a delivery, with all tries at it, is kept after its end; never longer than its job. Before
/// its end it is kept as long as its job.
pub(super) const RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// How many tries a row remembers: those of ten ladders. With [`MAX_RESPONSE_KEPT`] bytes of each answer they take
/// a third of what a row may hold.
pub(super) const MAX_ATTEMPTS_KEPT: usize = 100;

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Still to be delivered.
    Pending,
    /// The receiver took it.
    Delivered,
    /// Every try failed.
    GivenUp,
}

/// One webhook that is owed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The `webhook-id`, the same for every try.
    pub id: WebhookId,
    /// How often its row was written: the condition of the next write.
    pub revision: u64,
    /// The job it tells of.
    pub job_id: JobId,
    /// Whose secret signs it.
    pub client_id: ClientId,
    /// The trace of the request that started the job.
    pub trace_id: TraceId,
    /// Where to.
    pub url: WebhookUrl,
    /// What happened.
    pub event: WebhookEvent,
    /// When it happened.
    pub happened_at: Timestamp,
    /// How the job stood then.
    pub snapshot: Snapshot,

    /// How the delivery stands.
    pub state: DeliveryState,
    /// How many tries were begun in all.
    pub attempts: u32,
    /// How many of them since it last stood at the foot of the ladder.
    #[serde(default)]
    pub retry_index: u32,
    /// How many senders, one after the other, have died at the try that it stands at.
    #[serde(default)]
    pub crashes: u32,
    /// The last tries, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<Attempt>,
    /// Who is at it, or was when it crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Before when nobody should try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How often it found no place at its host since the last try.
    #[serde(default)]
    pub deferrals: u32,
    /// Whether it is sent even if its URL is switched off: somebody wants that, and what came of it is
    /// not known yet.
    #[serde(default)]
    pub bypass_disabled: bool,
    /// Whether somebody wanted it sent again while a try was under way.
    #[serde(default)]
    pub redeliver_requested: bool,
    /// Whether it is kept until its URL is switched on again.
    #[serde(default)]
    pub held: bool,
    /// How often the sweeper sent its message again since the last try.
    #[serde(default)]
    pub requeues: u32,
    /// When the sweeper must look at it; nothing is left to do for one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// From when on it does not exist any more.
    pub expires_at: Timestamp,
    /// From when on its job does not exist any more.
    pub job_expires_at: Timestamp,
}

/// How a job stood when something happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// In which batch it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// How it stood.
    pub status: JobStatus,
    /// How far it had come.
    pub progress: u8,
    /// How it ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// What the caller wants back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// From when on its images do not exist any more.
    pub images_expire_at: Timestamp,
}

/// What a sender that was handed a delivery should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Try it.
    Due,
    /// Nothing: it is over.
    Ended,
    /// Nothing: somebody is at it, and the sweeper looks after it.
    Leased,
    /// Nothing: its time comes later, and so does its message.
    TooEarly,
}

impl Delivery {
    /// What is owed to `url` because of `event`.
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
