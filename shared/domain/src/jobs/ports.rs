//! The stores and queues that jobs need.

#![warn(missing_docs)]

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::access::client::ClientId;
use crate::jobs::batch::Batch;
use crate::jobs::estimate::JobClass;
use crate::jobs::job::Job;
use crate::jobs::status::JobStatus;
use crate::primitives::id::{BatchId, JobId, TraceId, UserId};
use crate::primitives::priority::Priority;
use crate::store::StoreError;
use crate::webhooks::delivery::Delivery;

/// Stores jobs, each together with the webhook of the same change.
#[async_trait]
pub trait JobStore: Send + Sync {
    /// Loads a job with a strongly consistent read. Returns `None` if the job does not exist or has
    /// expired.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn load(&self, id: JobId) -> Result<Option<Job>, StoreError>;

    /// Loads these jobs with strongly consistent reads, in as few calls as possible. The result has one
    /// entry for each id, in the same order, with `None` as in [`Self::load`].
    ///
    /// Fails with [`StoreError::Unavailable`], also if the store stays throttled.
    async fn load_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError>;

    /// Saves the job and the webhook of this change, if any, in one transaction, and increments
    /// `job.revision`.
    ///
    /// Fails with [`StoreError::Conflict`] if the row no longer has the revision that `job` was read with
    /// (for a new job: if a row exists), and with [`StoreError::Unavailable`], after which the row may have
    /// been written or not. After a failure `job` is unchanged.
    async fn save(&self, job: &mut Job, delivery: Option<&Delivery>) -> Result<(), StoreError>;
}

/// Stores batches.
#[async_trait]
pub trait BatchStore: Send + Sync {
    /// Loads a batch with a strongly consistent read. Returns `None` if the batch does not exist or has
    /// expired.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn load_batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError>;

    /// Saves the batch and increments its revision.
    ///
    /// Fails with [`StoreError::Conflict`] if the row no longer has the revision that the batch was read
    /// with (for a new batch: if a row exists), and with [`StoreError::Unavailable`].
    async fn save_batch(&self, batch: &mut Batch) -> Result<(), StoreError>;
}

/// Selects the jobs of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFilter {
    /// Only jobs of this client.
    pub client: ClientId,
    /// Only jobs for this user. `None` selects all users.
    pub user: Option<UserId>,
    /// Only jobs with this status. `None` selects every status.
    pub status: Option<JobStatus>,
}

/// One page of a list of jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobPage {
    /// The ids of the jobs, newest first.
    pub ids: Vec<JobId>,
    /// The next page begins after this job. `None` if this is the last page.
    pub next: Option<JobId>,
}

/// Lists jobs through indexes, without a table scan.
#[async_trait]
pub trait JobList: Send + Sync {
    /// Lists at most `limit` jobs that are older than `after`, newest first.
    ///
    /// The work is bounded: if few jobs match, a page may hold fewer than `limit` jobs, or none, and
    /// still have a next page. The index may lag behind the rows.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn list_jobs(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: u8,
    ) -> Result<JobPage, StoreError>;
}

/// A queue message that starts a run of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
pub enum JobMessage {
    /// Version 1.
    #[serde(rename = "1", rename_all = "camelCase")]
    V1 {
        /// The job to run.
        job_id: JobId,
        /// The trace of the request that created the job.
        trace_id: TraceId,
    },
}

impl JobMessage {
    /// Returns the message for `job`.
    #[must_use]
    pub const fn about(job: &Job) -> Self {
        Self::V1 { job_id: job.id, trace_id: job.trace_id }
    }
}

/// Sends messages to the workers' queues.
#[async_trait]
pub trait JobQueue: Send + Sync {
    /// Sends a message that becomes visible after `delay` (at most 900 seconds). The queue serves clients
    /// fairly, by `client`.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn send(
        &self,
        message: &JobMessage,
        priority: Priority,
        client: &ClientId,
        delay: Duration,
    ) -> Result<(), StoreError>;

    /// Sends the messages for these jobs, up to ten in each call, visible immediately. Returns the jobs
    /// whose message was not accepted, each with the error.
    async fn send_many(&self, jobs: &[Job]) -> Vec<(JobId, StoreError)>;
}

/// Stores how long jobs took.
#[async_trait]
pub trait EstimateStore: Send + Sync {
    /// Returns the estimated time from acceptance to end for a job of this class, from the most recent
    /// durations. Returns `None` if there are none. The value may be up to 60 seconds old.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn estimate(&self, class: JobClass) -> Result<Option<Duration>, StoreError>;

    /// Stores `time`, the duration of `job` from acceptance to end.
    ///
    /// Fails with [`StoreError::Unavailable`].
    async fn record_duration(&self, class: JobClass, job: JobId, time: Duration) -> Result<(), StoreError>;
}
