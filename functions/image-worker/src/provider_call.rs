//! One provider, asked once: a place with it, the row before it, the call, and what is learned from it.

use std::time::{Duration, Instant};

use domain::providers::{
    ACCOUNT_PAUSE, CAPACITY_PAUSE, ErrorClass, Finished, ImageProvider, ImageTask, ProviderError, Reason,
    Step,
};
use domain::{Job, Timestamp};
use tracing::{error, info, warn};

use crate::failover::is_refusal;
use crate::run::backoff;
use crate::sink::{Sink, Stopped};
use crate::{Deps, Purpose, metrics, permits};

/// How soon a provider is asked again that has work under way, where the asking was cut short.
const POLL_AFTER_CUT_OFF: Duration = Duration::from_secs(5);

/// What bounds a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// What the job was taken up for: a salvage pays for nothing.
    pub(crate) purpose: Purpose,
    /// When the call is cut off.
    pub(crate) deadline: Timestamp,
    /// With less time than this it is not made.
    pub(crate) shortest: Duration,
}

/// Asks `provider` for what is missing.
pub(crate) async fn call_provider(
    deps: &Deps<'_>,
    sink: &Sink<'_>,
    provider: &dyn ImageProvider,
    limits: Limits,
) -> Result<Step, ProviderError> {
    let job = sink.job().await;
    let name = provider.name();
    let handle = job.handle.as_ref().filter(|handle| handle.provider == name);
    let mut task = ImageTask {
        job: job.id,
        picture: job.picture.clone(),
        missing: sink.missing(),
        // What is under way goes on; anything else is one more try.
        attempt: job.attempts + u32::from(handle.is_none()),
        deadline: limits.deadline,
        user: job.end_user(),
        handle: handle.map(|handle| handle.checkpoint.clone()),
    };
    if task.time_left() < limits.shortest {
        return Err(ProviderError::new(
            ErrorClass::Internal,
            Reason::Timeout,
            "no time was left for a provider",
        ));
    }
    let calls = provider.max_paid_calls(&task);
    if limits.purpose == Purpose::RecoverOnly && (calls > 0 || task.handle.is_none()) {
        let message = "what was under way has come to nothing";
        return Err(ProviderError::new(ErrorClass::Provider, Reason::NoAnswer, message));
    }
    let permit = match (provider.capacity_limits(), &task.handle) {
        // What is under way has its place already, and is paid for.
        (None, _) | (_, Some(_)) => None,
        (Some(bounds), None) => Some(permits::acquire(deps, name, bounds, &job, &task.missing).await?),
    };
    if task.handle.is_none() || calls > 0 {
        if let Err(stop) = sink.begin_attempt(name, calls).await {
            if permit.is_some() {
                let ours = ProviderError::from(stop);
                permits::release(deps, name, job.id, Err(&ours)).await;
            }
            return Err(stop.into());
        }
        task.attempt = sink.job().await.attempts;
        // The one line that every call to a provider leaves: what may have been paid for.
        info!(provider = name, attempt = task.attempt, images = task.missing.len(), calls, "provider called");
    }
    let called = Instant::now();
    let outcome = match until_cut_off(provider.generate(&task, sink), sink, task.deadline).await {
        Some(outcome) => outcome,
        None => cut_off(sink).await,
    };
    let outcome = reject_unusable_images(outcome, sink);
    let job = sink.job().await;
    let outcome = outcome.map_err(|failure| with_pause(failure, &job, name));
    report(name, &outcome, called.elapsed());
    let outcome = match outcome {
        // What is paid for and under way is not given up because a store of ours does not answer.
        Err(failure) if failure.class == ErrorClass::Internal && job.handle.is_some() => {
            if limits.purpose == Purpose::RecoverOnly {
                return Err(failure);
            }
            Ok(Step::Pending { poll_after: POLL_AFTER_CUT_OFF })
        }
        outcome => outcome,
    };
    if let Some(calls) = possibly_paid_calls(&outcome, sink, &job) {
        metrics::record_possibly_paid(calls);
    }
    settle(deps, sink, provider, &outcome).await;
    metrics::record_status(deps, name, &outcome).await;
    outcome
}

/// Keeps the place of what is under way; gives it back, and notes how the try ended, where it is over.
async fn settle(
    deps: &Deps<'_>,
    sink: &Sink<'_>,
    provider: &dyn ImageProvider,
    outcome: &Result<Step, ProviderError>,
) {
    let (name, job, counted) = (provider.name(), sink.job().await.id, provider.capacity_limits().is_some());
    match outcome {
        Ok(Step::Pending { poll_after }) if counted => permits::extend(deps, name, job, *poll_after).await,
        Ok(Step::Pending { .. }) => {}
        Ok(Step::Finished(_)) | Err(_) => {
            let failure = outcome.as_ref().err();
            sink.end_attempt(failure).await;
            if counted {
                permits::release(deps, name, job, failure.map_or(Ok(()), Err)).await;
            }
        }
    }
}

/// The failure with the time after which this provider should be asked for this job again.
fn with_pause(failure: ProviderError, job: &Job, provider: &str) -> ProviderError {
    let pause = match failure.class {
        ErrorClass::Provider => backoff(job.counted_failures_at(provider)),
        ErrorClass::Capacity => CAPACITY_PAUSE,
        ErrorClass::Operator => ACCOUNT_PAUSE,
        // By how often that was, which the whole job knows; and never.
        ErrorClass::Internal | ErrorClass::Caller => return failure,
    };
    ProviderError { retry_after: failure.retry_after.or(Some(pause)), ..failure }
}

/// What the sink found wrong with what came, and too few images, are failures of this try. But a refusal
/// stays one, whatever came beside it: nobody is to be asked for that again.
fn reject_unusable_images(
    outcome: Result<Step, ProviderError>,
    sink: &Sink<'_>,
) -> Result<Step, ProviderError> {
    let bad =
        |message| Err(ProviderError::new(ErrorClass::Provider, Reason::BadResponse, message).possibly_paid());
    let (problem, lost) = (sink.take_bad_image(), sink.take_lost());
    if outcome.as_ref().is_err_and(is_refusal) {
        return outcome;
    }
    if let Some(problem) = problem {
        warn!(problem, "the provider sent what is no image");
        return bad("the provider sent an unusable image");
    }
    match outcome {
        Ok(Step::Finished(Finished { .. })) if !sink.missing().is_empty() => {
            bad("the provider made fewer images than asked for")
        }
        Err(ours) if lost && ours.class == ErrorClass::Internal => Err(ours.possibly_paid()),
        outcome @ (Ok(_) | Err(_)) => outcome,
    }
}

/// How many calls may have been paid for without a result: no more than images are missing. Of a job that
/// was cancelled, the one who cancelled it has told.
fn possibly_paid_calls(outcome: &Result<Step, ProviderError>, sink: &Sink<'_>, job: &Job) -> Option<u32> {
    let failed = outcome.as_ref().is_err_and(|failure| failure.possibly_paid);
    if !failed || sink.stopped() == Some(Stopped::JobGone) {
        return None;
    }
    let calls = job.open_attempt().map_or(1, |last| last.calls);
    Some(calls.min(u32::try_from(sink.missing().len()).unwrap_or(u32::MAX)).max(1))
}

fn report(provider: &str, outcome: &Result<Step, ProviderError>, time: Duration) {
    let duration = time.as_millis() as u64;
    match outcome {
        Ok(Step::Finished(_)) => info!(provider, durationMs = duration, "provider answered"),
        Ok(Step::Pending { poll_after }) => {
            info!(
                provider,
                durationMs = duration,
                pollAfterMs = poll_after.as_millis() as u64,
                "provider works on"
            );
        }
        Err(failure) => {
            warn!(
                provider,
                durationMs = duration,
                fault = ?failure.class,
                reason = ?failure.reason,
                problem = failure.message,
                "provider failed"
            );
            if failure.class == ErrorClass::Operator {
                error!(
                    provider,
                    alarm = "provider_account",
                    problem = failure.message,
                    "the operator must see to a provider"
                );
            }
        }
    }
}

/// The provider's answer; nothing, if there was none by `cut_off`. An image that has come by then is
/// still stored: it is paid for.
async fn until_cut_off(
    call: impl Future<Output = Result<Step, ProviderError>>,
    sink: &Sink<'_>,
    cut_off: Timestamp,
) -> Option<Result<Step, ProviderError>> {
    let mut call = std::pin::pin!(call);
    let mut limit = cut_off.since(Timestamp::now());
    loop {
        match tokio::time::timeout(limit, &mut call).await {
            Ok(outcome) => return Some(outcome),
            // Storing ends by itself before the function does.
            Err(_) if sink.is_storing() => limit = Duration::from_millis(50),
            Err(_) => return None,
        }
    }
}

/// What it means that the provider was cut off: what it noted as under way goes on without us.
async fn cut_off(sink: &Sink<'_>) -> Result<Step, ProviderError> {
    if sink.job().await.handle.is_some() {
        return Ok(Step::Pending { poll_after: POLL_AFTER_CUT_OFF });
    }
    let message = "the provider did not answer in time";
    Err(ProviderError::new(ErrorClass::Provider, Reason::Timeout, message).possibly_paid())
}
