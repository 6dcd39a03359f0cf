//! Sends the queue message of a job after its row has been written.

use std::time::Duration;

use domain::jobs::{JobMessage, JobQueue, JobStore};
use domain::{Job, Timestamp};
use tracing::warn;

/// Sends the message of a job that was just accepted. If the queue does not accept the message, the job is
/// still accepted: it is `pending` until the sweeper has sent the message.
pub async fn enqueue(queue: &dyn JobQueue, jobs: &dyn JobStore, job: &mut Job, now: Timestamp) {
    let message = JobMessage::about(job);
    let Err(error) = queue.send(&message, job.priority, &job.client_id, Duration::ZERO).await else {
        return;
    };
    warn!(jobId = %job.id, %error, "the queue did not accept the job's message; the sweeper will send it");
    // This only makes the sweeper act earlier: the row has had a due time from the start.
    if job.message_not_sent(now).is_ok()
        && let Err(error) = jobs.save(job, None).await
    {
        warn!(jobId = %job.id, %error, "the job could not be marked as pending");
    }
}
