//! The last write of a run: the job's end, or its release.

use app::backoff::Backoff;
use domain::images::ContentWarning;
use domain::jobs::{JobError, JobResult, WebhookEvent};
use domain::providers::{ProviderError, WaitReason};
use domain::store::StoreError;
use domain::{Error, Job, Timestamp};
use tracing::{info, warn};

use crate::sink::Sink;
use crate::{Deps, metrics};

/// How a run ends.
#[derive(Clone)]
pub(crate) enum RunOutcome {
    Completed(Box<JobResult>),
    /// With some of the images; the error says why the others are missing.
    Partial(Box<JobResult>, JobError),
    Failed(JobError),
    /// To be started again at `at`, because of `failure`.
    Released {
        at: Timestamp,
        deferred: bool,
        failure: ProviderError,
    },
    /// To look at `at` for what a call began, which waits for this if the provider is not at work on it.
    LooksAgain {
        at: Timestamp,
        waiting_for: Option<WaitReason>,
    },
}

/// The result of a job with the images that are stored.
pub(crate) fn result_of(job: &Job, sink: &Sink<'_>, warnings: Vec<ContentWarning>) -> JobResult {
    let images = sink.stored();
    let started = job.started_at.unwrap_or(job.created_at);
    JobResult {
        provider: images.first().map(|image| image.origin.provider.clone()).unwrap_or_default(),
        cost_micros: images.iter().map(|image| image.origin.cost_micros).sum(),
        processing_millis: Timestamp::now().since(started).as_millis() as u64,
        images,
        warnings,
    }
}

/// Writes the outcome and its webhook, as long as this worker holds the job. The images are paid for, so a
/// write that fails is repeated until `deadline`.
pub(crate) async fn finish(
    deps: &Deps<'_>,
    mut job: Job,
    outcome: RunOutcome,
    deadline: Timestamp,
) -> Result<(), Error> {
    let lease = job.lease;
    let mut backoff = Backoff::until(deadline);
    loop {
        let mut next = job.clone();
        let now = Timestamp::now();
        let webhook = apply(deps, &mut next, outcome.clone(), now)?;
        let error = match deps.jobs.save(&mut next, webhook.as_ref()).await {
            Ok(()) => {
                let (attempts, failures) = (next.attempts, next.failures);
                info!(status = next.status.as_str(), attempts, failures, "run ended");
                if let (RunOutcome::Failed(_) | RunOutcome::Partial(..), Some(calls)) =
                    (&outcome, next.paid_calls_in_flight())
                {
                    metrics::record_possibly_paid(calls);
                }
                return Ok(());
            }
            // Another function wrote the row, or our own write succeeded and its answer did not arrive. The
            // row shows which: after our own write it has ended or has no lease of ours.
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
        // Repeating the write is safe: a write that succeeded has changed the revision.
        if !backoff.pause(&error).await {
            return Err(error.into());
        }
        warn!(%error, "the row could not be written; trying again");
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
        RunOutcome::Partial(result, error) => {
            job.complete_partly(*result, error, now).map_err(Error::internal)?;
            Some(WebhookEvent::Completed)
        }
        RunOutcome::Failed(error) => {
            job.fail(error, now).map_err(Error::internal)?;
            Some(WebhookEvent::Failed)
        }
        RunOutcome::Released { at, deferred, failure } => {
            job.deferrals += u32::from(deferred);
            job.wait_for(&failure, now, at);
            job.release(at, failure.counts_against_job(), &deps.policy).map_err(Error::internal)?;
            None
        }
        RunOutcome::LooksAgain { at, waiting_for } => {
            job.look_again(waiting_for, now, at);
            job.release(at, false, &deps.policy).map_err(Error::internal)?;
            None
        }
    };
    Ok(event.and_then(|event| job.delivery(event, now)))
}
