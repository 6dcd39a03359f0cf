//! What follows when a job's row is written: its message.

use std::time::Duration;

use domain::jobs::{JobMessage, JobQueue, JobStore};
use domain::{Job, Timestamp};
use tracing::warn;

/// Sends the message of a job that was just accepted. If the queue does not take it the job is
/// `pending`, which it stays until the sweeper has sent the message: the job is accepted all the same.
pub async fn enqueue(queue: &dyn JobQueue, jobs: &dyn JobStore, job: &mut Job, now: Timestamp) {
    let message = JobMessage::about(job);
    let Err(error) = queue.send(&message, job.priority, &job.client_id, Duration::ZERO).await else {
        return;
    };
    warn!(jobId = %job.id, %error, "the queue did not take the job's message; the sweeper will send it");
    // Only brings the sweeper sooner: the row was due from the start.
    if job.message_not_sent(now).is_ok()
        && let Err(error) = jobs.save(job, None).await
    {
        warn!(jobId = %job.id, %error, "the job could not be marked as pending");
    }
}
