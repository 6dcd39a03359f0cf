//! The row of one image job.
//!
//! The methods of [`Job`] are pure. The caller saves the job on the condition that its row has not
//! changed since it was read ([`Job::revision`]). On a conflict the caller reads the row again and
//! decides again what to do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::access::client::ClientId;
use crate::images::picture::Picture;
use crate::jobs::attempt::{ProviderAttempt, TaskHandle};
use crate::jobs::outcome::{JobError, JobResult};
use crate::jobs::policy::{JobPolicy, Lifetimes};
use crate::jobs::request::{GenerateRequest, Metadata};
use crate::jobs::status::JobStatus;
use crate::jobs::subscription::WebhookTarget;
use crate::jobs::waiting::WaitingFor;
use crate::primitives::id::{BatchId, JobId, SessionId, TraceId, UserId};
use crate::primitives::lease::Lease;
use crate::primitives::priority::Priority;
use crate::primitives::source::random_bytes;
use crate::primitives::timestamp::Timestamp;

/// The row of one image job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    pub id: JobId,
    /// How often the row was written. The next write succeeds only if the row still has this revision.
    pub revision: u64,
    pub client_id: ClientId,
    pub user_id: UserId,
    /// The chat session that the job belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// The trace of the request that created the job.
    pub trace_id: TraceId,
    pub picture: Picture,
    pub priority: Priority,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookTarget>,
    /// The client's own object, returned unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,

    pub status: JobStatus,
    /// From 0 to 100. Never decreases.
    pub progress: u8,
    /// When the progress last increased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_at: Option<Timestamp>,
    /// When the job was accepted.
    pub created_at: Timestamp,
    /// When the first run started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When the job ended: completed, failed or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// The completion time that was estimated when the job was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_completion_at: Option<Timestamp>,
    /// The latest time at which the job ends.
    pub deadline: Timestamp,
    /// From this time on the job does not exist.
    pub expires_at: Timestamp,
    /// From this time on the job's images do not exist.
    pub images_expire_at: Timestamp,

    /// The prefix of the keys under which the images are stored. It is random, so that the URL of an
    /// image cannot be guessed.
    pub storage_prefix: String,
    /// How many provider attempts were begun.
    pub attempts: u32,
    /// How many paid calls these attempts made at most, with or without a result.
    #[serde(default)]
    pub paid_calls: u32,
    /// The most recent of these attempts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provider_attempts: Vec<ProviderAttempt>,
    /// The task that a provider still has in progress for the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<TaskHandle>,
    /// How often the job was released without an attempt since the last attempt.
    #[serde(default)]
    pub deferrals: u32,
    /// How many runs failed, including crashes of the worker.
    pub failures: u32,
    /// The lease of the current run. An expired lease means that the worker crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// No run starts before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Why the job waits, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_for: Option<WaitingFor>,
    /// How often the sweeper sent the job's message again since the last run started.
    #[serde(default)]
    pub requeues: u32,
    /// When the sweeper must look at the job. `None` if nothing is left to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,

    /// Set if the job completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    /// Set if the job failed, and if it completed without some of its images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
}

impl Job {
    /// Creates a job that is accepted at `now`.
    #[must_use]
    pub fn accept(
        id: JobId,
        request: GenerateRequest,
        client: ClientId,
        trace_id: TraceId,
        now: Timestamp,
        policy: &JobPolicy,
    ) -> Self {
        let new = Self::new(id, request, client, trace_id, now, policy.lifetimes(now));
        Self { status: JobStatus::Queued, due_at: Some(now + policy.requeue_after), ..new }
    }

    /// Creates a job whose row is not written and whose message is not sent: pending, and due at once.
    pub(crate) fn new(
        id: JobId,
        request: GenerateRequest,
        client: ClientId,
        trace_id: TraceId,
        created_at: Timestamp,
        lifetimes: Lifetimes,
    ) -> Self {
        let secret: [u8; 16] = random_bytes();
        Self {
            id,
            revision: 0,
            client_id: client,
            user_id: request.user,
            session_id: request.session,
            batch_id: None,
            trace_id,
            picture: request.picture,
            priority: request.priority,
            webhook: request.webhook,
            metadata: request.metadata,
            status: JobStatus::Pending,
            progress: 0,
            progress_at: None,
            created_at,
            started_at: None,
            completed_at: None,
            estimated_completion_at: None,
            deadline: lifetimes.deadline,
            expires_at: lifetimes.expires_at,
            images_expire_at: lifetimes.images_expire_at,
            storage_prefix: crate::primitives::hash::hex(&secret),
            attempts: 0,
            paid_calls: 0,
            provider_attempts: Vec::new(),
            handle: None,
            deferrals: 0,
            failures: 0,
            lease: None,
            not_before: None,
            waiting_for: None,
            requeues: 0,
            due_at: Some(created_at),
            result: None,
            error: None,
        }
    }

    /// Sets the estimated completion from the estimated duration, counted from the acceptance.
    pub fn set_estimate(&mut self, time: Option<Duration>) {
        self.estimated_completion_at = time.map(|time| self.created_at + time);
    }
}
