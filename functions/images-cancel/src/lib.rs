//! `DELETE /images/cancel/{jobId}`: cancels a job.
//!
//! If a worker is running the job, its next write conflicts with the changed row, and it stops. The sweeper
//! deletes the images that the worker has stored, once the worker's lease has expired.

use std::time::Duration;

use domain::jobs::{BatchStore, JobStore, WebhookEvent};
use domain::store::StoreError;
use domain::{Error, Job, Timestamp};
use edge::http::{Answer, Request};
use http::StatusCode;
use tracing::{error, info};

/// How often the row is read again after a conflict with another write.
const MAX_CONFLICT_RETRIES: u32 = 10;

pub struct Deps<'a> {
    pub batches: &'a dyn BatchStore,
    pub jobs: &'a dyn JobStore,
}

/// Answers one request.
///
/// # Errors
///
/// Those that the OpenAPI document lists for this endpoint.
/// A job of another client or user is [`Error::NotFound`], the same as one that does not exist.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    for _ in 0..MAX_CONFLICT_RETRIES {
        let id = request.path_parameter("jobId");
        let mut job = app::jobs::ownership::job(deps.jobs, deps.batches, caller, id).await?;
        let now = Timestamp::now();
        // A job of a batch may have no row yet. Its first row is then that of a cancelled job: it was never
        // queued, so no event says that it was.
        job.cancel(now).map_err(|_| Error::CannotCancel)?;
        if save(deps.jobs, &mut job, WebhookEvent::Cancelled, now).await? {
            info!(jobId = %job.id, jobTraceId = %job.trace_id, attempts = job.attempts, "job cancelled");
            if let Some(calls) = job.paid_calls_in_flight() {
                error!(metric = "possibly_paid", calls, "calls may have been paid for without a result");
            }
            return Ok(Answer::empty(StatusCode::NO_CONTENT));
        }
    }
    Err(Error::Unavailable { cause: "the row kept changing".into(), retry_after: Duration::from_secs(1) })
}

/// Writes the job, and the webhook delivery for `event` in the same transaction. Returns `false` on a
/// conflict with another write.
async fn save(
    jobs: &dyn JobStore,
    job: &mut Job,
    event: WebhookEvent,
    now: Timestamp,
) -> Result<bool, Error> {
    let delivery = job.delivery(event, now);
    match jobs.save(job, delivery.as_ref()).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
