//! Writes the rows of a batch's jobs and sends their messages.
//!
//! The function that accepts a batch does this at once; the sweeper does it if that function did not finish.
//! Both may run at the same time: only one of them succeeds in writing a row, and that one sends its message.
//! Either may crash at any point. The next sweep that finds the batch then writes the missing rows, and a
//! missing message is sent when its row is due.

use std::time::Duration;

use domain::jobs::{JobPolicy, JobQueue, JobStore, WebhookEvent};
use domain::store::StoreError;
use domain::{Batch, Cause, Job, JobId, Timestamp};
use futures_util::stream::{self, StreamExt as _};
use tracing::warn;

/// The maximum number of concurrent writes of rows.
const MAX_CONCURRENT_WRITES: usize = 25;

/// Fans out batches.
pub struct FanOut<'a> {
    pub jobs: &'a dyn JobStore,
    pub queue: &'a dyn JobQueue,
    pub policy: JobPolicy,
}

/// The result of a fan-out.
#[derive(Debug)]
pub struct FannedOut {
    /// The jobs whose rows this fan-out has written, in their latest state.
    pub written: Vec<Job>,
}

impl FanOut<'_> {
    /// Writes the rows of these jobs of the batch, which seem to have none yet, and sends their messages. The
    /// sweeper does later what fails or is not finished by `until`.
    pub async fn run(&self, batch: &Batch, indexes: Vec<u8>, until: Timestamp) -> FannedOut {
        let now = Timestamp::now();
        let mut rows = stream::iter(indexes.into_iter().filter_map(|index| batch.unwritten_job(index)))
            .map(|job| self.write(job, now))
            .buffer_unordered(MAX_CONCURRENT_WRITES);
        let mut written = Vec::new();
        // The remaining third of the time is for the messages.
        let rows_until = now + until.since(now) * 2 / 3;
        while let Some(row) = by(rows_until, rows.next()).await.flatten() {
            match row {
                Ok(job) => written.push(job),
                // The other fan-out has written the row.
                Err(StoreError::Conflict) => {}
                Err(error) => warn!(%error, "a job of a batch could not be written; the sweeper will"),
            }
        }
        drop(rows);
        self.send(&mut written, until).await;
        FannedOut { written }
    }

    async fn write(&self, mut job: Job, now: Timestamp) -> Result<Job, StoreError> {
        job.enqueue(now, &self.policy).map_err(|refused| StoreError::Unavailable(Cause::new(refused)))?;
        let delivery = job.delivery(WebhookEvent::Queued, now);
        self.jobs.save(&mut job, delivery.as_ref()).await?;
        Ok(job)
    }

    async fn send(&self, written: &mut [Job], until: Timestamp) {
        let lost = match by(until, self.queue.send_many(written)).await {
            Some(lost) => lost,
            // Some messages may have been sent. The sweeper may send them again, which is harmless.
            None => return,
        };
        let Some((_, error)) = lost.first() else { return };
        warn!(lost = lost.len(), %error, "the queue did not accept messages; the sweeper will send them");
        let is_lost = |job: &&mut Job| lost.iter().any(|(id, _): &(JobId, _)| *id == job.id);
        let marks = written.iter_mut().filter(is_lost).map(|job| self.mark_lost(job));
        let marks = stream::iter(marks.collect::<Vec<_>>()).buffer_unordered(MAX_CONCURRENT_WRITES);
        // This only makes the sweeper act earlier: each row has had a due time from the start.
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

/// Runs `work` until `until` at most; returns `None` if it has not finished by then.
async fn by<T>(until: Timestamp, work: impl Future<Output = T>) -> Option<T> {
    let left: Duration = until.since(Timestamp::now());
    tokio::time::timeout(left, work).await.ok()
}
