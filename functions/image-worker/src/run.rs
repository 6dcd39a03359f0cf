//! One try at a job, from the lease to its end.

use std::time::Duration;

use domain::images::ContentWarning;
use domain::jobs::{FailureReason, JobError, JobMessage, JobResult};
use domain::providers::{ACCOUNT_PAUSE, CAPACITY_PAUSE, ErrorClass, Finished, ProviderError, Reason, Step};
use domain::store::MAX_QUEUE_DELAY;
use domain::{Error, Job, Timestamp};
use tracing::{info, warn};

use crate::failover::ask;
use crate::finish::{RunOutcome, finish};
use crate::sink::{Sink, Stopped};
use crate::{Deps, Purpose, metrics, recovery};

/// What is left of the function's time when a provider's call is cut off: for storing what has come,
/// and for the row.
const RESERVE: Duration = Duration::from_secs(10);
/// The part of it that is for the row.
const ROW_RESERVE: Duration = Duration::from_secs(3);
/// The pause after the first failed try; each further one is four times as long.
const MIN_BACKOFF: Duration = Duration::from_secs(2);
/// A provider that says "at once" and means it would be asked for ever without a pause.
const MIN_PAUSE: Duration = Duration::from_secs(1);
/// How much longer each further wait for a place at a provider is at the least.
const WAIT_STEP: Duration = Duration::from_secs(2);
/// How often it grows. Where places become free all the time, a job that sleeps long leaves them empty.
const MAX_WAIT_STEPS: u32 = 5;
const MAX_BACKOFF: Duration = Duration::from_secs(900);

pub(crate) async fn run(
    deps: &Deps<'_>,
    job: Job,
    purpose: Purpose,
    deadline: Timestamp,
) -> Result<(), Error> {
    let time = deadline.since(Timestamp::now());
    let cut_off = deadline - RESERVE.min(time / 4);
    // Nobody is asked for what would come after the job's own end. What is there already is still fetched.
    let cut_off = if purpose == Purpose::Generate { cut_off.min(job.deadline) } else { cut_off };
    let sink = Sink::new(deps, &job, deadline - ROW_RESERVE.min(time / 8));
    // Where no provider was asked, nothing can have been stored.
    if job.attempts > 0
        && let Err(problem) = recovery::recover_stored_images(deps, &job, &sink).await
    {
        if purpose == Purpose::RecoverOnly {
            // Put back, it would be a job without a worker, and ended without another look into the
            // store. Its lease lapses instead, and another worker salvages.
            return Err(problem.into());
        }
        let failure = ProviderError::new(ErrorClass::Internal, Reason::NoAnswer, problem.to_string());
        return release_job(deps, job, failure, deadline).await;
    }
    // What a provider has under way is paid for, and is asked for once more.
    if purpose == Purpose::RecoverOnly && !sink.missing().is_empty() && job.handle.is_none() {
        let error = job.ending_error(Timestamp::now());
        return finish(deps, job, RunOutcome::Failed(error), deadline).await;
    }
    let outcome = if sink.missing().is_empty() {
        info!("every image was there already");
        Ok(Step::Finished(Finished::default()))
    } else {
        ask(deps, &sink, purpose, cut_off).await
    };
    if sink.stopped() == Some(Stopped::JobGone) {
        // Cancelled, or another worker's by now. What this one stored is the sweeper's to delete.
        info!("the job is no longer this worker's");
        return Ok(());
    }
    let job = sink.job().await;
    match outcome {
        Ok(Step::Finished(finished)) => complete(deps, job, &sink, finished.warnings, deadline).await,
        Err(failure) if failure.class == ErrorClass::Caller => refuse(deps, job, failure, deadline).await,
        outcome if purpose == Purpose::RecoverOnly => end_recovery(deps, job, outcome, deadline).await,
        Ok(Step::Pending { poll_after }) => wait_for_provider(deps, job, poll_after, deadline).await,
        Err(failure) => release_job(deps, job, failure, deadline).await,
    }
}

/// A salvage that brought nothing ends the job, unless that was our own fault: then the lease lapses and
/// another worker salvages, as long as that is worth while.
async fn end_recovery(
    deps: &Deps<'_>,
    job: Job,
    outcome: Result<Step, ProviderError>,
    deadline: Timestamp,
) -> Result<(), Error> {
    match outcome {
        Err(failure) if failure.class == ErrorClass::Internal => {
            Err(Error::Unavailable { cause: failure.message, retry_after: Duration::from_secs(1) })
        }
        Ok(_) | Err(_) => {
            let error = job.ending_error(Timestamp::now());
            finish(deps, job, RunOutcome::Failed(error), deadline).await
        }
    }
}

async fn complete(
    deps: &Deps<'_>,
    job: Job,
    sink: &Sink<'_>,
    warnings: Vec<ContentWarning>,
    deadline: Timestamp,
) -> Result<(), Error> {
    let images = sink.stored();
    let started = job.started_at.unwrap_or(job.created_at);
    let result = JobResult {
        provider: images.first().map(|image| image.origin.provider.clone()).unwrap_or_default(),
        cost_micros: images.iter().map(|image| image.origin.cost_micros).sum(),
        processing_millis: Timestamp::now().since(started).as_millis() as u64,
        images,
        warnings,
    };
    let (ended_at, done) = (Timestamp::now(), job.clone());
    finish(deps, job, RunOutcome::Completed(Box::new(result)), deadline).await?;
    metrics::record_duration(deps, &done, ended_at).await;
    Ok(())
}

/// The pause after so many failures.
pub(crate) fn backoff(times: u32) -> Duration {
    (MIN_BACKOFF * 4u32.pow(times.min(5))).min(MAX_BACKOFF)
}

/// What becomes of a job whose provider failed, by whose fault it was.
async fn release_job(
    deps: &Deps<'_>,
    job: Job,
    failure: ProviderError,
    deadline: Timestamp,
) -> Result<(), Error> {
    let counts = match failure.class {
        // Waiting for an operator or for room is no reason to fail a caller's job before its deadline.
        ErrorClass::Operator | ErrorClass::Capacity | ErrorClass::Caller => false,
        // Nor is what is ours in passing, unless money was spent on it: a bucket that takes no images
        // would have them paid for without end.
        ErrorClass::Internal => failure.possibly_paid,
        ErrorClass::Provider => true,
    };
    if counts && job.failures + 1 >= deps.policy.max_failures {
        let error = job.exhausted_error();
        return finish(deps, job, RunOutcome::Failed(error), deadline).await;
    }
    let pause = failure.retry_after.unwrap_or(match failure.class {
        ErrorClass::Operator => ACCOUNT_PAUSE,
        ErrorClass::Capacity => CAPACITY_PAUSE,
        ErrorClass::Internal => backoff(job.deferrals.max(job.failures)),
        ErrorClass::Provider | ErrorClass::Caller => backoff(job.failures),
    });
    let deferred = failure.reason == Reason::Waiting || failure.class == ErrorClass::Internal;
    // Many jobs that wait for one place must neither come all at once nor all the time.
    let queueing = if failure.reason == Reason::Waiting {
        WAIT_STEP * job.deferrals.min(MAX_WAIT_STEPS)
    } else {
        Duration::ZERO
    };
    let pause = pause.max(queueing).mul_f64(1.0 + 0.2 * rand::random::<f64>()).max(MIN_PAUSE);
    let (fault, reason, pause_ms) = (failure.class, failure.reason, pause.as_millis() as u64);
    info!(?fault, ?reason, counts, pauseMs = pause_ms, problem = failure.message, "job put back");
    // Nothing is gained by waiting past the job's own end.
    let at = (Timestamp::now() + pause).min(job.deadline);
    requeue(deps, job, RunOutcome::Released { at, counts, deferred }, at, deadline).await
}

/// The provider works on by itself: whoever takes the job up at that time asks it for what it made.
async fn wait_for_provider(
    deps: &Deps<'_>,
    job: Job,
    after: Duration,
    deadline: Timestamp,
) -> Result<(), Error> {
    let at = (Timestamp::now() + after).min(job.deadline);
    requeue(deps, job, RunOutcome::Released { at, counts: false, deferred: false }, at, deadline).await
}

/// Writes when the job is to be taken up again, and has a worker woken then.
async fn requeue(
    deps: &Deps<'_>,
    job: Job,
    outcome: RunOutcome,
    at: Timestamp,
    deadline: Timestamp,
) -> Result<(), Error> {
    let (message, priority, client) = (JobMessage::about(&job), job.priority, job.client_id.clone());
    finish(deps, job, outcome, deadline).await?;
    let delay = at.since(Timestamp::now());
    if delay <= MAX_QUEUE_DELAY
        && let Err(error) = deps.queue.send(&message, priority, &client, delay).await
    {
        warn!(%error, "the queue did not take the message; the sweeper will send it");
    }
    Ok(())
}

async fn refuse(deps: &Deps<'_>, job: Job, failure: ProviderError, deadline: Timestamp) -> Result<(), Error> {
    if failure.reason == Reason::BadResponse {
        // What was made cannot be had, and what is made anew would be no better: nothing the caller did.
        let error = job.exhausted_error();
        return finish(deps, job, RunOutcome::Failed(error), deadline).await;
    }
    let error = JobError {
        reason: FailureReason::Refused,
        message: failure.message,
        retryable: false,
        retry_after_seconds: None,
        warnings: failure.warnings,
    };
    finish(deps, job, RunOutcome::Failed(error), deadline).await
}
