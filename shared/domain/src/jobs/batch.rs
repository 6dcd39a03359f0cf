//! A batch: jobs that are accepted together or not at all.
//!
//! Its row holds the whole request, and the batch exists once that row does. The jobs' own rows are
//! written after it, by whoever comes first: the function that accepted the batch, the sweeper, or
//! somebody who cancels a job that has no row yet. Until then a job is what its batch says of it.

use crate::access::client::ClientId;
use crate::images::picture::Picture;
use crate::jobs::job::Job;
use crate::jobs::policy::{JobPolicy, Lifetimes};
use crate::jobs::request::{GenerateRequest, Metadata};
use crate::jobs::subscription::WebhookTarget;
use crate::primitives::id::{BatchId, JobId, TraceId, UserId};
use crate::primitives::priority::Priority;
use crate::primitives::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use uuid::Uuid;

/// The most jobs that a batch may have.
pub const BATCH_LIMIT: u8 = 100;

/// The bits of an id by which a batch's jobs differ from it and from one another. In a version 7 UUID
/// they are random ones.
const PLACE: u128 = 0x7f;

impl BatchId {
    /// The id of the batch that is made from `seed`.
    #[must_use]
    pub const fn made_from(seed: Uuid) -> Self {
        Self::from_uuid(Uuid::from_u128(seed.as_u128() & !PLACE))
    }

    /// The id of its job number `index`, counted from 0.
    #[must_use]
    pub const fn job(self, index: u8) -> JobId {
        JobId::from_uuid(Uuid::from_u128((self.uuid().as_u128() & !PLACE) + index as u128 + 1))
    }
}

impl JobId {
    /// The batch that the job is in and its number there, if it is in one: every other job's id looks
    /// like that too, but no batch has the id.
    #[must_use]
    pub const fn batch(self) -> Option<(BatchId, u8)> {
        let bits = self.uuid().as_u128();
        match (bits & PLACE) as u8 {
            place @ 1..=BATCH_LIMIT => Some((BatchId::made_from(self.uuid()), place - 1)),
            _ => None,
        }
    }
}

/// One job of a batch, as it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchedJob {
    /// What to make.
    pub picture: Picture,
    /// How urgent it is.
    pub priority: Priority,
    /// What to give back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// How long jobs of its kind take, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Duration>,
}

/// A request for a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRequest {
    /// For whom.
    pub user: UserId,
    /// What to make: 1 to [`BATCH_LIMIT`] jobs.
    pub jobs: Vec<BatchedJob>,
    /// Whom to tell.
    pub webhook: Option<WebhookTarget>,
}

/// One batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Its id, from which those of its jobs are made.
    pub id: BatchId,
    /// How often its row was written: the condition of the next write.
    pub revision: u64,
    /// Whose it is.
    pub client_id: ClientId,
    /// For whom.
    pub user_id: UserId,
    /// The trace of the request that started it.
    pub trace_id: TraceId,
    /// Whom to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookTarget>,
    /// How many jobs it has.
    pub total: u8,
    /// The jobs as they were asked for; none once each has a row of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unwritten: Vec<BatchedJob>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// How long its jobs last.
    pub lifetimes: Lifetimes,
    /// When the sweeper must see that each job has its row; they all have for a batch without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
}

impl Batch {
    /// A new batch, accepted at `now`.
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

    /// The ids of its jobs, in the order in which they were asked for.
    #[must_use]
    pub fn job_ids(&self) -> Vec<JobId> {
        (0..self.total).map(|index| self.id.job(index)).collect()
    }

    /// Its job number `index` as long as that has no row: pending, and due at once. `None` if there is
    /// no such job, or if every job has its row.
    #[must_use]
    pub fn unwritten_job(&self, index: u8) -> Option<Job> {
        let wanted = self.unwritten.get(usize::from(index))?.clone();
        let request = GenerateRequest {
            user: self.user_id,
            session: None,
            picture: wanted.picture,
            priority: wanted.priority,
            webhook: self.webhook.clone(),
            metadata: wanted.metadata,
        };
        let (id, client) = (self.id.job(index), self.client_id.clone());
        let job = Job::new(id, request, client, self.trace_id, self.created_at, self.lifetimes);
        let mut job = Job { batch_id: Some(self.id), ..job };
        job.set_estimate(wanted.estimate);
        Some(job)
    }

    /// Every job has its row: from here on they speak for themselves.
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
        fn a_job_knows_its_batch_and_its_place(seed in any::<u128>(), index in 0..BATCH_LIMIT) {
            let batch = BatchId::made_from(Uuid::from_u128(seed));
            prop_assert_eq!(batch.job(index).batch(), Some((batch, index)));
            prop_assert_eq!(JobId::from_uuid(batch.uuid()).batch(), None);
        }
    }

    #[test]
    fn the_jobs_of_a_batch_are_version_7_and_in_its_order() {
        let batch = batch(100);
        let ids = batch.job_ids();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id.uuid().get_version_num() == 7));
        assert!(ids.windows(2).all(|pair| pair[0].to_string() < pair[1].to_string()));
        assert!(ids[0].to_string() > batch.id.to_string());
    }

    #[test]
    fn a_job_without_a_row_is_what_its_batch_says() {
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
    fn a_batch_is_watched_until_every_job_has_its_row() {
        let mut batch = batch(2);
        assert_eq!(batch.due_at, Some(batch.created_at + Duration::from_secs(120)));
        batch.written();
        assert_eq!((batch.due_at, batch.unwritten_job(0)), (None, None));
        assert_eq!(batch.job_ids().len(), 2);
    }
}
