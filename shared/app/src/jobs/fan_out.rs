//! Gives the jobs of a batch their rows and their messages.
//!
//! The function that accepts a batch does this right away, the sweeper whenever that one did not come
//! to its end. Both may be at it at the same time: a row is written by one of them, and whoever wrote
//! it sends its message. Between any two lines either may die. A row that is missing then is written
//! by the next sweep that finds the batch; a message that is missing is sent when its row is due.

use std::time::Duration;

use domain::jobs::{JobPolicy, JobQueue, JobStore, WebhookEvent};
use domain::store::StoreError;
use domain::{Batch, Job, JobId, Timestamp};
use futures_util::stream::{self, StreamExt as _};
use tracing::warn;

/// How many rows are written side by side.
const SIDE_BY_SIDE: usize = 25;

/// What it takes to fan out a batch.
pub struct FanOut<'a> {
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
    /// What wakes workers.
    pub queue: &'a dyn JobQueue,
    /// How jobs live.
    pub policy: JobPolicy,
}

/// What became of a fan-out.
#[derive(Debug)]
pub struct FannedOut {
    /// The jobs whose rows this run has written, as it left them.
    pub written: Vec<Job>,
}

impl FanOut<'_> {
    /// Writes the rows of these jobs of the batch, which are thought to have none, and sends their
    /// messages. Whatever fails is left to the sweeper, and so is what is not done by `until`.
    pub async fn run(&self, batch: &Batch, indexes: Vec<u8>, until: Timestamp) -> FannedOut {
        let now = Timestamp::now();
        let mut rows = stream::iter(indexes.into_iter().filter_map(|index| batch.unwritten_job(index)))
            .map(|job| self.write(job, now))
            .buffer_unordered(SIDE_BY_SIDE);
        let mut written = Vec::new();
        // What is left of the time is for the messages.
        let rows_until = now + until.since(now) * 2 / 3;
        while let Some(row) = by(rows_until, rows.next()).await.flatten() {
            match row {
                Ok(job) => written.push(job),
                // Somebody else is at it.
                Err(StoreError::Conflict) => {}
                Err(error) => warn!(%error, "a job of a batch could not be written; the sweeper will"),
            }
        }
        drop(rows);
        self.send(&mut written, until).await;
        FannedOut { written }
    }

    async fn write(&self, mut job: Job, now: Timestamp) -> Result<Job, StoreError> {
        job.enqueue(now, &self.policy).map_err(|refused| StoreError::Unavailable(refused.to_string()))?;
        let owed = job.delivery(WebhookEvent::Queued, now);
        self.jobs.save(&mut job, owed.as_ref()).await?;
        Ok(job)
    }

    async fn send(&self, written: &mut [Job], until: Timestamp) {
        let lost = match by(until, self.queue.send_many(written)).await {
            Some(lost) => lost,
            // Whatever went out did; a message more does no harm.
            None => return,
        };
        let Some((_, error)) = lost.first() else { return };
        warn!(lost = lost.len(), %error, "the queue did not take messages; the sweeper will send them");
        let is_lost = |job: &&mut Job| lost.iter().any(|(id, _): &(JobId, _)| *id == job.id);
        let marks = written.iter_mut().filter(is_lost).map(|job| self.mark_lost(job));
        let marks = stream::iter(marks.collect::<Vec<_>>()).buffer_unordered(SIDE_BY_SIDE);
        // Only brings the sweeper sooner: each row was due from the start.
        by(until, marks.collect::<Vec<()>>()).await;
    }

    async fn mark_lost(&self, job: &mut Job) {
        if job.message_not_sent(Timestamp::now()).is_ok()
            && let Err(error) = self.jobs.save(job, None).await
        {
            warn!(jobId = %job.id, %error, "the job could not be marked as pending");
        }
    }
}

/// What `work` gives if it does so by `until`.
async fn by<T>(until: Timestamp, work: impl Future<Output = T>) -> Option<T> {
    let left: Duration = until.since(Timestamp::now());
    tokio::time::timeout(left, work).await.ok()
}
