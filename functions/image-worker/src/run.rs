//! One run of a job, from the lease to the run's last write.

use std::time::Duration;

use domain::images::ContentWarning;
use domain::jobs::{FailureReason, JobError, JobMessage};
use domain::primitives::source::random_fraction;
use domain::providers::{ErrorClass, Finished, ProviderError, Reason, SETTINGS_LOOK, Step, WaitReason};
use domain::store::MAX_QUEUE_DELAY;
use domain::{Error, Job, Timestamp};
use tracing::{info, warn};

use crate::failover::{AskFailure, RunTime, ask};
use crate::finish::{RunOutcome, finish, result_of};
use crate::sink::{Sink, Stopped};
use crate::{Deps, Purpose, metrics, partial, recovery};

/// How long before the function's deadline a provider's call is cut off: the time left to store the images
/// that have arrived and to write the row.
const RESERVE: Duration = Duration::from_secs(10);

/// The part of [`RESERVE`] that is for writing the row.
const ROW_RESERVE: Duration = Duration::from_secs(3);

/// The shortest pause before the next run. A provider that always answers "retry at once" would otherwise be
/// called without end and without a pause.
const MIN_PAUSE: Duration = Duration::from_secs(1);
/// How much longer each further wait for a permit is, at least.
const WAIT_STEP: Duration = Duration::from_secs(2);
/// How often that grows. Permits become free all the time; a job that sleeps long leaves them unused.
const MAX_WAIT_STEPS: u32 = 5;

pub(crate) async fn run(
    deps: &Deps<'_>,
    job: Job,
    purpose: Purpose,
    deadline: Timestamp,
) -> Result<(), Error> {
    let time = deadline.since(Timestamp::now());
    let cut_off = deadline - RESERVE.min(time / 4);
    let whole = cut_off.since(Timestamp::now());
    // No provider is called for images that would arrive after the job's deadline. A recovery still fetches
    // what exists already.
    let cut_off = if purpose == Purpose::Generate { cut_off.min(job.deadline) } else { cut_off };
    let sink = Sink::new(deps, &job, deadline - ROW_RESERVE.min(time / 8));
    // If no provider was called, no image can have been stored.
    if job.attempts > 0
        && let Err(problem) = recovery::recover_stored_images(deps, &job, &sink).await
    {
        if purpose == Purpose::RecoverOnly {
            // A released job would have no worker, and would be ended without another look into the store.
            // So the lease is left to lapse, and another worker recovers the images.
            return Err(problem.into());
        }
        let failure = ProviderError::from(&problem);
        return release_job(deps, job, failure, deadline).await;
    }
    // A task that is pending at a provider is paid for, so its result is requested once more. Without such a
    // task, a recovery that misses images ends the job.
    if purpose == Purpose::RecoverOnly && !sink.missing().is_empty() && job.handle.is_none() {
        let error = job.ending_error(Timestamp::now());
        return partial::end(deps, job, &sink, error, deadline).await;
    }
    let outcome = if sink.missing().is_empty() {
        info!("every image was there already");
        Ok(Step::Finished(Finished::default()))
    } else {
        ask(deps, &sink, purpose, RunTime { cut_off, whole }).await
    };
    if sink.stopped() == Some(Stopped::JobGone) {
        // The job was cancelled, or another worker holds it. The sweeper deletes what this worker stored.
        info!("the job is no longer this worker's");
        return Ok(());
    }
    let job = sink.job().await;
    match outcome {
        Ok(Step::Finished(finished)) => complete(deps, job, &sink, finished.warnings, deadline).await,
        Err(AskFailure { failure, .. }) if failure.class == ErrorClass::Caller => {
            refuse(deps, job, &sink, failure, deadline).await
        }
        outcome if purpose == Purpose::RecoverOnly => end_recovery(deps, job, &sink, outcome, deadline).await,
        Ok(Step::Pending { poll_after }) => {
            look_again(deps, job, poll_after, sink.waiting_for(), deadline).await
        }
        Err(AskFailure { failure, exhausted, .. }) => {
            let counted = failure.counts_against_job() && job.failures + 1 >= deps.policy.max_failures;
            if exhausted || counted {
                let error = job.exhausted_error();
                return partial::end(deps, job, &sink, error, deadline).await;
            }
            release_job(deps, job, failure, deadline).await
        }
    }
}

/// Ends the job after a recovery that found nothing. After an internal error the lease lapses instead, and
/// another worker recovers, as long as the job is admitted for recovery.
async fn end_recovery(
    deps: &Deps<'_>,
    job: Job,
    sink: &Sink<'_>,
    outcome: Result<Step, AskFailure>,
    deadline: Timestamp,
) -> Result<(), Error> {
    match outcome {
        Err(AskFailure { failure, .. }) if failure.class == ErrorClass::Internal => {
            Err(Error::Unavailable { cause: failure.message.into(), retry_after: Duration::from_secs(1) })
        }
        Ok(_) | Err(_) => {
            let error = job.ending_error(Timestamp::now());
            partial::end(deps, job, sink, error, deadline).await
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
    let result = result_of(&job, sink, warnings);
    let (ended_at, done) = (Timestamp::now(), job.clone());
    finish(deps, job, RunOutcome::Completed(Box::new(result)), deadline).await?;
    metrics::record_duration(deps, &done, ended_at).await;
    Ok(())
}

/// Releases a job whose providers failed. The failure decides whether it counts and how long the job pauses.
async fn release_job(
    deps: &Deps<'_>,
    job: Job,
    failure: ProviderError,
    deadline: Timestamp,
) -> Result<(), Error> {
    let counts = failure.counts_against_job();
    // The job only waits: for a permit, or for a service of ours.
    let deferred = failure.reason == Reason::Waiting || failure.class == ErrorClass::Internal;
    let pause = pause(&failure, &job).mul_f64(1.0 + 0.2 * random_fraction()).max(MIN_PAUSE);
    let (class, reason, pause_ms) = (failure.class, failure.reason, pause.as_millis() as u64);
    info!(?class, ?reason, counts, pauseMs = pause_ms, problem = failure.message, "job released");
    // Waiting past the job's deadline is of no use.
    let at = (Timestamp::now() + pause).min(job.deadline);
    requeue(deps, job, RunOutcome::Released { at, deferred, failure }, at, deadline).await
}

/// How long the job pauses, without jitter.
fn pause(failure: &ProviderError, job: &Job) -> Duration {
    let times = match failure.class {
        ErrorClass::Internal => job.deferrals.max(job.failures),
        ErrorClass::Provider | ErrorClass::Capacity | ErrorClass::Caller | ErrorClass::Operator => {
            job.failures
        }
    };
    let pause = failure.pause(times);
    if failure.wait_reason().is_some_and(WaitReason::may_end_by_new_settings) {
        return pause.min(SETTINGS_LOOK);
    }
    // Many jobs that wait for one permit must come neither all at once nor all the time.
    if failure.reason == Reason::Waiting {
        pause.max(WAIT_STEP * job.deferrals.min(MAX_WAIT_STEPS))
    } else {
        pause
    }
}

/// Releases the job while the provider works on its task, or while its picture cannot be had because of
/// `waiting_for`. The worker that starts the job again after `after` requests the result.
async fn look_again(
    deps: &Deps<'_>,
    job: Job,
    after: Duration,
    waiting_for: Option<WaitReason>,
    deadline: Timestamp,
) -> Result<(), Error> {
    let at = (Timestamp::now() + after).min(job.deadline);
    requeue(deps, job, RunOutcome::LooksAgain { at, waiting_for }, at, deadline).await
}

/// Writes when the job may start again (`at`), and queues a message for that time.
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

async fn refuse(
    deps: &Deps<'_>,
    job: Job,
    sink: &Sink<'_>,
    failure: ProviderError,
    deadline: Timestamp,
) -> Result<(), Error> {
    if failure.policy().retryable {
        // The images exist but cannot be fetched, and new ones would have the same problem. That is not the
        // caller's fault, so the job does not end as refused.
        let error = job.exhausted_error();
        return partial::end(deps, job, sink, error, deadline).await;
    }
    let error = JobError {
        reason: FailureReason::Refused,
        message: failure.message,
        retryable: false,
        retry_after_seconds: None,
        warnings: failure.warnings,
        missing: 0,
    };
    partial::end(deps, job, sink, error, deadline).await
}
