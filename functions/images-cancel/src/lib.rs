//! `DELETE /images/cancel/{jobId}`: ends a job that nobody wants any more.
//!
//! Its worker, if it has one, finds the row changed at its next write, and writes no more. What it has
//! stored by then is deleted by the sweeper once the worker's lease has lapsed.

use std::time::Duration;

use domain::jobs::{BatchStore, JobStore, WebhookEvent};
use domain::store::StoreError;
use domain::{Error, Job, Timestamp};
use edge::http::{Answer, Request};
use lambda_http::http::StatusCode;
use tracing::{error, info};

/// How often the row is read again when others keep changing it.
const MAX_CONFLICT_RETRIES: u32 = 10;

/// What the endpoint needs.
pub struct Deps<'a> {
    /// Where batches are kept.
    pub batches: &'a dyn BatchStore,
    /// Where jobs are kept.
    pub jobs: &'a dyn JobStore,
}

/// Answers one request.
///
/// # Errors
///
/// As the API's contract has them. A job of somebody else is as little there as one that never was.
pub async fn handle(deps: &Deps<'_>, request: Request) -> Result<Answer, Error> {
    let caller = request.caller()?;
    for _ in 0..MAX_CONFLICT_RETRIES {
        let id = request.path_parameter("jobId");
        let mut job = app::jobs::ownership::job(deps.jobs, deps.batches, caller, id).await?;
        let now = Timestamp::now();
        // A job of a batch that has no row yet gets it first, as any other does.
        if job.revision == 0 && !save(deps.jobs, &mut job, WebhookEvent::Queued, now).await? {
            continue;
        }
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

/// Writes the job with the webhook that is owed because of `event`. `false` if somebody else wrote the
/// row first.
async fn save(
    jobs: &dyn JobStore,
    job: &mut Job,
    event: WebhookEvent,
    now: Timestamp,
) -> Result<bool, Error> {
    let owed = job.delivery(event, now);
    match jobs.save(job, owed.as_ref()).await {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
