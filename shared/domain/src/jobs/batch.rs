//! A batch: jobs that are accepted together or not at all.
//!
//! The batch's row holds the whole request, and the batch exists once that row is written. The rows of
//! its jobs are written afterwards by whichever comes first: the function that accepted the batch, the
//! sweeper, or a request that cancels a job without a row. Until then the batch's row defines the job.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::access::client::ClientId;
use crate::images::picture::Picture;
use crate::jobs::job::Job;
use crate::jobs::policy::{JobPolicy, Lifetimes};
use crate::jobs::request::{GenerateRequest, Metadata};
use crate::jobs::subscription::WebhookTarget;
use crate::primitives::id::{BatchId, JobId, TraceId, UserId};
use crate::primitives::priority::Priority;
use crate::primitives::timestamp::Timestamp;

/// The maximum number of jobs in a batch.
pub const BATCH_LIMIT: u8 = 100;

/// The bits in which the ids of a batch and of its jobs differ. They are random bits in a version 7 UUID.
const INDEX_MASK: u128 = 0x7f;

impl BatchId {
    /// Returns the id of the batch that is derived from `seed`.
    #[must_use]
    pub const fn made_from(seed: Uuid) -> Self {
        Self::from_uuid(Uuid::from_u128(seed.as_u128() & !INDEX_MASK))
    }

    /// Returns the id of job number `index` (from 0).
    #[must_use]
    pub const fn job(self, index: u8) -> JobId {
        JobId::from_uuid(Uuid::from_u128((self.uuid().as_u128() & !INDEX_MASK) + index as u128 + 1))
    }
}

impl JobId {
    /// Returns the batch of this job and the job's index in it.
    ///
    /// The bits of a job without a batch can look the same. In that case no batch with the returned id
    /// exists.
    #[must_use]
    pub const fn batch(self) -> Option<(BatchId, u8)> {
        let bits = self.uuid().as_u128();
        match (bits & INDEX_MASK) as u8 {
            position @ 1..=BATCH_LIMIT => Some((BatchId::made_from(self.uuid()), position - 1)),
            _ => None,
        }
    }
}

/// One requested job of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchedJob {
    pub picture: Picture,
    pub priority: Priority,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// The estimated duration of a job of this class, if one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRequest {
    pub user: UserId,
    /// 1 to [`BATCH_LIMIT`] jobs.
    pub jobs: Vec<BatchedJob>,
    pub webhook: Option<WebhookTarget>,
}

/// The row of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// The ids of the jobs are derived from this id.
    pub id: BatchId,
    /// How often the row was written. The next write succeeds only if the row still has this revision.
    pub revision: u64,
    pub client_id: ClientId,
    pub user_id: UserId,
    /// The trace of the request that created the batch.
    pub trace_id: TraceId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookTarget>,
    /// The number of jobs.
    pub total: u8,
    /// The requested jobs. Empty once each job has its own row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unwritten: Vec<BatchedJob>,
    pub created_at: Timestamp,
    /// The deadline and the expiry times of its jobs.
    pub lifetimes: Lifetimes,
    /// When the sweeper must write the missing rows of jobs. `None` if every job has its row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

impl Batch {
    /// Creates a batch that is accepted at `now`.
    #[must_use]
    pub fn accept(
        id: BatchId,
        request: BatchRequest,
        client: ClientId,
        trace_id: TraceId,
        now: Timestamp,
        policy: &JobPolicy,
    ) -> Self {
        Self {
            id,
            revision: 0,
            client_id: client,
            user_id: request.user,
            trace_id,
            webhook: request.webhook,
            total: u8::try_from(request.jobs.len()).unwrap_or(BATCH_LIMIT),
            unwritten: request.jobs,
            created_at: now,
            lifetimes: policy.lifetimes(now),
            due_at: Some(now + policy.requeue_after),
        }
    }

    /// Returns the ids of the jobs in the order of the request.
    #[must_use]
    pub fn job_ids(&self) -> Vec<JobId> {
        (0..self.total).map(|index| self.id.job(index)).collect()
    }

    /// Returns job number `index` (from 0) while it has no row: pending, and due at once. Returns `None`
    /// if there is no such job, or if every job has its row.
    #[must_use]
    pub fn unwritten_job(&self, index: u8) -> Option<Job> {
        let requested = self.unwritten.get(usize::from(index))?.clone();
        let request = GenerateRequest {
            user: self.user_id,
            session: None,
            picture: requested.picture,
            priority: requested.priority,
            webhook: self.webhook.clone(),
            metadata: requested.metadata,
        };
        let (id, client) = (self.id.job(index), self.client_id.clone());
        let job = Job::new(id, request, client, self.trace_id, self.created_at, self.lifetimes);
        let mut job = Job { batch_id: Some(self.id), ..job };
        job.set_estimate(requested.estimate);
        Some(job)
    }

    /// Records that every job has its row: from now on those rows define the jobs.
    pub fn written(&mut self) {
        self.unwritten.clear();
        self.due_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::picture::{Count, Prompt, ProviderChoice, Quality, Size};
    use crate::jobs::status::JobStatus;
    use proptest::prelude::*;

    fn batch(jobs: usize) -> Batch {
        let job = |number: usize| BatchedJob {
            picture: Picture {
                prompt: Prompt::try_from(format!("kite {number}")).unwrap(),
                provider: ProviderChoice::Automatic,
                size: Size::S512,
                count: Count::ONE,
                quality: Quality::Standard,
                style: None,
            },
            priority: Priority::High,
            metadata: None,
            estimate: None,
        };
        let request = BatchRequest { user: UserId::new(), jobs: (0..jobs).map(job).collect(), webhook: None };
        let (client, now) = ("acme".parse().unwrap(), Timestamp::from_millis(1_000));
        Batch::accept(
            BatchId::made_from(Uuid::now_v7()),
            request,
            client,
            TraceId::new(),
            now,
            &JobPolicy::default(),
        )
    }

    proptest! {
        #[test]
        fn job_id_contains_batch_and_index(seed in any::<u128>(), index in 0..BATCH_LIMIT) {
            let batch = BatchId::made_from(Uuid::from_u128(seed));
            prop_assert_eq!(batch.job(index).batch(), Some((batch, index)));
            prop_assert_eq!(JobId::from_uuid(batch.uuid()).batch(), None);
        }
    }

    #[test]
    fn batch_job_ids_are_ordered_uuid_version_7() {
        let batch = batch(100);
        let ids = batch.job_ids();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.uuid().get_version_num() == 7));
        assert!(ids.windows(2).all(|pair| pair[0].to_string() < pair[1].to_string()));
        assert!(ids[0].to_string() > batch.id.to_string());
    }

    #[test]
    fn unwritten_job_is_built_from_the_batch_row() {
        let batch = batch(3);
        let job = batch.unwritten_job(2).unwrap();
        assert_eq!((job.id, job.batch_id), (batch.id.job(2), Some(batch.id)));
        assert_eq!((job.status, job.revision, job.attempts), (JobStatus::Pending, 0, 0));
        assert_eq!(job.picture.prompt.as_str(), "kite 2");
        assert_eq!((job.created_at, job.deadline), (batch.created_at, batch.lifetimes.deadline));
        assert_eq!(job.due_at, Some(batch.created_at));
        assert_eq!(batch.unwritten_job(3), None);
    }

    #[test]
    fn batch_is_due_until_every_job_row_is_written() {
        let mut batch = batch(2);
        assert_eq!(batch.due_at, Some(batch.created_at + Duration::from_secs(120)));
        batch.written();
        assert_eq!((batch.due_at, batch.unwritten_job(0)), (None, None));
        assert_eq!(batch.job_ids().len(), 2);
    }
}
