//! The stores and queues behind jobs.

#![warn(missing_docs)]

use crate::access::client::ClientId;
use crate::jobs::batch::Batch;
use crate::jobs::estimate::JobClass;
use crate::jobs::job::Job;
use crate::jobs::status::JobStatus;
use crate::primitives::id::{BatchId, JobId, TraceId, UserId};
use crate::primitives::priority::Priority;
use crate::store::StoreError;
use crate::webhooks::delivery::Delivery;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The jobs and what is owed because of them.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// The job, as it is now (a strongly consistent read); none that has expired.
    async fn load(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// These jobs in this order, each as [`Self::load`] gives it, in as few calls as can be.
    async fn load_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError>;

    /// Writes the job and what is owed because of this very change, all or nothing, on the condition
    /// that the row still has the revision that `job` was read with (none, for a new job). `job` then
    /// has the new one.
    async fn save(&self, job: &mut Job, owed: Option<&Delivery>) -> Result<(), StoreError>;
}

/// The batches.
#[async_trait]
pub trait BatchStore: Send + Sync {
    /// The batch, as it is now (a strongly consistent read); none that has expired.
    async fn load_batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError>;

    /// Writes the batch on the condition that the row still has the revision it was read with (none,
    /// for a new batch).
    async fn save_batch(&self, batch: &mut Batch) -> Result<(), StoreError>;
}

/// Which jobs are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFilter {
    /// Whose.
    pub client: ClientId,
    /// For whom; for anybody, if left out.
    pub user: Option<UserId>,
    /// How they stand; in any way, if left out.
    pub status: Option<JobStatus>,
}

/// Some of the jobs that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobPage {
    /// The jobs, the newest first.
    pub ids: Vec<JobId>,
    /// After which job the next page begins, if there may be one.
    pub next: Option<JobId>,
}

/// Finds jobs without scanning anything.
#[async_trait]
pub trait JobList: Send + Sync {
    /// At most `limit` jobs that are older than `after`, the newest first. The work is bounded: where
    /// few jobs match, a page may hold fewer than `limit`, or none, and still have a next one. The
    /// index may lag behind the rows.
    async fn list_jobs(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: u8,
    ) -> Result<JobPage, StoreError>;
}

/// Wakes a worker for a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum JobMessage {
    /// The first version.
    #[serde(rename = "1", rename_all = "camelCase")]
    V1 {
        /// Which job.
        job_id: JobId,
        /// The trace of the request that started it.
        trace_id: TraceId,
    },
}

impl JobMessage {
    /// The message about `job`.
    #[must_use]
    pub const fn about(job: &Job) -> Self {
        Self::V1 { job_id: job.id, trace_id: job.trace_id }
    }
}

/// The queues that wake workers.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Sends a message that is seen after `delay` (at most 900 s). `client` keeps the queue fair between tenants.
    async fn send(
        &self,
        message: &JobMessage,
        priority: Priority,
        client: &ClientId,
        delay: Duration,
    ) -> Result<(), StoreError>;

    /// Sends the messages about these jobs, ten in a call, to be seen at once. Gives back the jobs
    /// whose message was not taken, and why.
    async fn send_many(&self, jobs: &[Job]) -> Vec<(JobId, StoreError)>;
}

/// How long jobs take.
#[async_trait]
pub trait EstimateStore: Send + Sync {
    /// How long a job of this kind takes from its acceptance to its end, by what the last ones took;
    /// nothing, if there were none. May be a minute old.
    async fn estimate(&self, class: JobClass) -> Result<Option<Duration>, StoreError>;

    /// Remembers how long `job` took.
    async fn record_duration(&self, class: JobClass, job: JobId, time: Duration) -> Result<(), StoreError>;
}
