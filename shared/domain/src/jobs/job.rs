//! One image job: what its row holds, and how each thing that happens changes it.
//!
//! Every method here is pure. Whoever calls one saves the job on the condition that nobody else
//! has saved it since it was read ([`Job::revision`]); whoever loses that race reads again and obeys.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::access::client::ClientId;
use crate::images::picture::Picture;
use crate::jobs::attempt::{ProviderAttempt, TaskHandle};
use crate::jobs::outcome::{JobError, JobResult};
use crate::jobs::policy::{JobPolicy, Lifetimes};
use crate::jobs::request::{GenerateRequest, Metadata};
use crate::jobs::status::JobStatus;
use crate::jobs::subscription::WebhookTarget;
use crate::primitives::id::{BatchId, JobId, SessionId, TraceId, UserId};
use crate::primitives::lease::Lease;
use crate::primitives::priority::Priority;
use crate::primitives::timestamp::Timestamp;

/// One image job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// How often its row was written: the condition of the next write.
    pub revision: u64,
    /// Whose it is.
    pub client_id: ClientId,
    /// For whom.
    pub user_id: UserId,
    /// In which chat session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// In which batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<BatchId>,
    /// The trace of the request that started it.
    pub trace_id: TraceId,
    /// What to make.
    pub picture: Picture,
    /// How urgent it is.
    pub priority: Priority,
    /// Whom to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookTarget>,
    /// What to give back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,

    /// How it stands.
    pub status: JobStatus,
    /// From 0 to 100, never backwards.
    pub progress: u8,
    /// When it last came further.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress_at: Option<Timestamp>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When a worker first took it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended, in whichever way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
    /// When it would probably be done, as far as could be told when it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_completion_at: Option<Timestamp>,
    /// When it ends at the latest.
    pub deadline: Timestamp,
    /// From when on it does not exist any more.
    pub expires_at: Timestamp,
    /// From when on its images do not exist any more.
    pub images_expire_at: Timestamp,

    /// Under which key its images are stored: random, so that nobody can guess an image's URL.
    pub storage_prefix: String,
    /// How often a provider was asked for its images.
    pub attempts: u32,
    /// How many calls that cost money that made, whatever came of them.
    #[serde(default)]
    pub paid_calls: u32,
    /// The last of those tries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provider_attempts: Vec<ProviderAttempt>,
    /// What a provider has under way for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<TaskHandle>,
    /// How often it was put back without having asked a provider since it last asked one.
    #[serde(default)]
    pub deferrals: u32,
    /// How many tries failed, worker crashes among them.
    pub failures: u32,
    /// Who works at it, or did when it crashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Before when nobody should take it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// How often the sweeper sent its message again.
    #[serde(default)]
    pub requeues: u32,
    /// When the sweeper must look at it; nothing is left to do for a job without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,

    /// How it ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<JobResult>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
}

impl Job {
    /// A new job, accepted at `now`.
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

    /// A job whose row is not written and whose message has not gone out: pending, and due at once.
    pub(crate) fn new(
        id: JobId,
        request: GenerateRequest,
        client: ClientId,
        trace_id: TraceId,
        created_at: Timestamp,
        lifetimes: Lifetimes,
    ) -> Self {
        let secret: [u8; 16] = rand::random();
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
            requeues: 0,
            due_at: Some(created_at),
            result: None,
            error: None,
        }
    }

    /// Notes how long jobs of its kind take, if that is known.
    pub fn set_estimate(&mut self, time: Option<Duration>) {
        self.estimated_completion_at = time.map(|time| self.created_at + time);
    }
}
