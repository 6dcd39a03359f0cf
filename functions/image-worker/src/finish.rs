//! The last write of a try: the job's end, or its return to the queue.

use std::time::Duration;

use domain::jobs::{JobError, JobResult, WebhookEvent};
use domain::store::StoreError;
use domain::{Error, Job, Timestamp};
use tracing::{info, warn};

use crate::{Deps, metrics};

/// How a try ends.
#[derive(Clone)]
pub(crate) enum RunOutcome {
    Completed(Box<JobResult>),
    Failed(JobError),
    Released { at: Timestamp, counts: bool, deferred: bool },
}

/// Writes the end, with the webhook that is owed for it, as long as the job is this worker's. What
/// was made is paid for, so a store that does not answer is asked again until the function's time is up.
pub(crate) async fn finish(
    deps: &Deps<'_>,
    mut job: Job,
    outcome: RunOutcome,
    deadline: Timestamp,
) -> Result<(), Error> {
    let lease = job.lease;
    let mut pause = Duration::from_millis(100);
    loop {
        let mut next = job.clone();
        let now = Timestamp::now();
        let owed = apply(deps, &mut next, outcome.clone(), now)?;
        let error = match deps.jobs.save(&mut next, owed.as_ref()).await {
            Ok(()) => {
                let (attempts, failures) = (next.attempts, next.failures);
                info!(status = next.status.as_str(), attempts, failures, "try ended");
                if let (RunOutcome::Failed(_), Some(calls)) = (&outcome, next.paid_calls_in_flight()) {
                    metrics::record_possibly_paid(calls);
                }
                return Ok(());
            }
            // Somebody else wrote the row, or our own write went through and its answer was lost. Both
            // show in the row: it has ended, or has another lease.
            Err(StoreError::Conflict) => match deps.jobs.load(job.id).await {
                Ok(Some(current)) if !current.status.ended() && current.lease == lease => {
                    job = current.with_holder_state(&job);
                    continue;
                }
                Ok(_) => {
                    info!("the job is no longer this worker's");
                    return Ok(());
                }
                Err(error) => error,
            },
            Err(error) => error,
        };
        // Writing the same once more is safe: a write that went through has changed the revision.
        if now + pause >= deadline {
            return Err(error.into());
        }
        warn!(%error, "the row could not be written; trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

fn apply(
    deps: &Deps<'_>,
    job: &mut Job,
    outcome: RunOutcome,
    now: Timestamp,
) -> Result<Option<domain::webhooks::Delivery>, Error> {
    let event = match outcome {
        RunOutcome::Completed(result) => {
            job.complete(*result, now).map_err(Error::internal)?;
            Some(WebhookEvent::Completed)
        }
        RunOutcome::Failed(error) => {
            job.fail(error, now).map_err(Error::internal)?;
            Some(WebhookEvent::Failed)
        }
        RunOutcome::Released { at, counts, deferred } => {
            job.deferrals += u32::from(deferred);
            job.release(at, counts, &deps.policy).map_err(Error::internal)?;
            None
        }
    };
    Ok(event.and_then(|event| job.delivery(event, now)))
}
