//! One call of one provider: the concurrency permit, the attempt on the row, the call, and what is recorded
//! about it.

use std::time::Duration;

use domain::providers::{
    ErrorClass, Finished, ImageProvider, ImageTask, ProviderError, Reason, Severity, Step,
};
use domain::{Job, Timestamp};
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::permits::Settings;
use crate::sink::{Sink, Stopped};
use crate::{Deps, Purpose, metrics, permits};

/// How soon a pending task is polled again after its call was cut off.
const POLL_AFTER_CUT_OFF: Duration = Duration::from_secs(5);

/// The limits of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Why the job was started: a recovery makes no paid call.
    pub(crate) purpose: Purpose,
    /// When the call is cut off.
    pub(crate) deadline: Timestamp,
    /// The call is not made with less time than this.
    pub(crate) shortest: Duration,
    /// The time that this worker had at first.
    pub(crate) whole: Duration,
    pub(crate) settings: Settings,
}

impl Limits {
    /// The least time for a paid call that usually takes `usual`. Half of a worker's whole time is enough for
    /// any call: one that usually takes longer could never be made otherwise.
    fn least(self, usual: Option<Duration>) -> Duration {
        self.shortest.max(usual.unwrap_or_default().min(self.whole / 2))
    }
}

/// Asks `provider` for the missing images.
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
        // A pending task continues its attempt; any other call is a new one.
        attempt: job.attempts + u32::from(handle.is_none()),
        deadline: limits.deadline,
        user: job.end_user(),
        handle: handle.map(|handle| handle.checkpoint.clone()),
        one_per_call: false,
    };
    if task.time_left() < limits.shortest {
        return Err(no_time(name));
    }
    let mut calls = provider.max_paid_calls(&task);
    if limits.purpose == Purpose::RecoverOnly && (calls > 0 || task.handle.is_none()) {
        let message = "what was under way has come to nothing";
        return Err(ProviderError::new(ErrorClass::Provider, Reason::NoAnswer, message));
    }
    let settings = limits.settings;
    let permit = match (provider.capacity_limits(), &task.handle) {
        // A pending task has its permit already, and is paid for.
        (None, _) | (_, Some(_)) => None,
        (Some(bounds), None) => {
            let permit = permits::acquire(deps, name, bounds, &job, &task.missing, settings).await;
            if permit.is_err() {
                metrics::record_status(deps, name, &permit).await;
            }
            Some(permit?)
        }
    };
    if permit.is_some_and(|permit| permit.one_per_call) {
        task.one_per_call = true;
        calls = provider.max_paid_calls(&task);
    }
    if task.handle.is_none() || calls > 0 {
        let begun = sink.begin_attempt(name, calls).await.map_err(ProviderError::from);
        // These writes may have taken longer than they should: this is the last look at the clock before
        // money is spent.
        let least = limits.least(permit.and_then(|permit| permit.usual));
        let in_time = begun.and_then(|()| if task.time_left() < least { Err(no_time(name)) } else { Ok(()) });
        if let Err(ours) = in_time {
            if ours.reason == Reason::Timeout {
                sink.withdraw_attempt().await;
            }
            if permit.is_some() {
                permits::release(deps, name, &job, settings, Err(&ours), None).await;
            }
            return Err(ours);
        }
        task.attempt = sink.job().await.attempts;
        // Every call that may cost money leaves exactly this log line.
        info!(provider = name, attempt = task.attempt, images = task.missing.len(), calls, "provider called");
    }
    let called = Instant::now();
    let outcome = match until_cut_off(provider.generate(&task, sink), sink, task.deadline).await {
        Some(outcome) => outcome,
        None => cut_off(sink).await,
    };
    if sink.makes_one_per_call() {
        permits::remember_one_per_call(deps, name).await;
    }
    let outcome = reject_unusable_images(outcome, sink, &task);
    let job = sink.job().await;
    let useless = useless_answers(&outcome, sink, &task, &job);
    let outcome = outcome.map_err(|failure| {
        let failure = failure.at(name).repeated(job.empty_answers() + useless);
        with_retry_after(failure, &job, name)
    });
    report(name, &outcome, called.elapsed());
    let outcome = match outcome {
        // A pending task is paid for. It is not given up because one of our own stores does not answer.
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
    let took = (task.handle.is_none() && outcome.is_ok()).then(|| called.elapsed());
    settle(deps, sink, provider, &outcome, Settled { useless, settings, took }).await;
    // A look at what an earlier call began goes well although the service takes no calls now.
    if task.handle.is_none() || outcome.is_err() {
        metrics::record_status(deps, name, &outcome).await;
    }
    outcome
}

/// The failure of a call that is not made, because an answer would come too late.
fn no_time(provider: &'static str) -> ProviderError {
    ProviderError::new(ErrorClass::Internal, Reason::Timeout, "no time was left for a provider").at(provider)
}

/// How many calls were paid for and answered with nothing of use, also if other calls of the attempt brought
/// images. A call that brought fewer images than asked for is not one of them, but one with an unusable image is:
/// the next call for it would most probably bring the same.
fn useless_answers(
    outcome: &Result<Step, ProviderError>,
    sink: &Sink<'_>,
    task: &ImageTask,
    job: &Job,
) -> u32 {
    let useless =
        outcome.as_ref().err().filter(|failure| failure.is_useless_answer() && failure.possibly_paid);
    useless.map_or(0, |failure| {
        let brought_some = failure.reason == Reason::NoImage && sink.missing() != task.missing;
        let calls = job.open_attempt().map_or(1, |attempt| attempt.calls);
        failure.calls.min(if brought_some { calls.saturating_sub(1) } else { failure.calls })
    })
}

/// The failure with the time after which this provider may be asked for this job again.
fn with_retry_after(failure: ProviderError, job: &Job, provider: &str) -> ProviderError {
    match failure.class {
        // Internal: depends on how often that was, which only the whole job knows. Caller: never again.
        ErrorClass::Internal | ErrorClass::Caller => failure,
        ErrorClass::Provider | ErrorClass::Capacity | ErrorClass::Operator => {
            let pause = failure.pause(job.counted_failures_at(provider));
            failure.retry_after(pause)
        }
    }
}

/// What is recorded about a call besides its outcome.
struct Settled {
    useless: u32,
    settings: Settings,
    /// How long a whole and successful call took.
    took: Option<Duration>,
}

/// Extends the permit of a pending task. If the attempt is over, records how it ended and releases the
/// permit.
async fn settle(
    deps: &Deps<'_>,
    sink: &Sink<'_>,
    provider: &dyn ImageProvider,
    outcome: &Result<Step, ProviderError>,
    Settled { useless, settings, took }: Settled,
) {
    let (name, job, counted) = (provider.name(), sink.job().await, provider.capacity_limits().is_some());
    match outcome {
        Ok(Step::Pending { poll_after }) if counted => permits::extend(deps, name, &job, *poll_after).await,
        Ok(Step::Pending { .. }) => {}
        Ok(Step::Finished(_)) | Err(_) => {
            let failure = outcome.as_ref().err();
            sink.end_attempt(failure, useless, settings.version).await;
            if counted {
                permits::release(deps, name, &job, settings, failure.map_or(Ok(()), Err), took).await;
            }
        }
    }
}

/// Turns unusable images and missing images into a failure of this attempt. A refusal stays a refusal even if
/// images arrived with it, because no other provider is asked after a refusal.
fn reject_unusable_images(
    outcome: Result<Step, ProviderError>,
    sink: &Sink<'_>,
    task: &ImageTask,
) -> Result<Step, ProviderError> {
    let bad =
        |message| Err(ProviderError::new(ErrorClass::Provider, Reason::BadResponse, message).possibly_paid());
    let (problem, lost) = (sink.take_bad_image(), sink.take_lost());
    if outcome.as_ref().is_err_and(ProviderError::is_refusal) {
        return outcome;
    }
    if let Some(problem) = problem {
        warn!(problem, "the provider sent what is no image");
        return bad("the provider sent an unusable image");
    }
    match outcome {
        Ok(Step::Finished(Finished { .. })) if !sink.missing().is_empty() => {
            let message = "the provider made fewer images than asked for";
            let failure = ProviderError::new(ErrorClass::Provider, Reason::NoImage, message).possibly_paid();
            // Which call brought too few is not known. If any image came, none of them counts as one without.
            Err(ProviderError { calls: u32::from(sink.missing() == task.missing), ..failure })
        }
        Err(ours) if lost && ours.class == ErrorClass::Internal => Err(ours.possibly_paid()),
        outcome @ (Ok(_) | Err(_)) => outcome,
    }
}

/// How many calls were possibly paid without a result, at most one for each missing image. For a cancelled
/// job the function that cancelled it has logged them.
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
                class = ?failure.class,
                reason = ?failure.reason,
                problem = failure.message,
                "provider failed"
            );
            if failure.policy().severity == Severity::Alarm {
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

/// Returns the provider's answer, or `None` if there was none by `cut_off`. An image that has arrived by then
/// is paid for and is still stored.
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
            // The sink stops storing by itself before the function's deadline.
            Err(_) if sink.is_storing() => limit = Duration::from_millis(50),
            Err(_) => return None,
        }
    }
}

/// The outcome of a call that was cut off. A task with a checkpoint continues at the provider without us.
async fn cut_off(sink: &Sink<'_>) -> Result<Step, ProviderError> {
    if sink.job().await.handle.is_some() {
        return Ok(Step::Pending { poll_after: POLL_AFTER_CUT_OFF });
    }
    let message = "the provider did not answer in time";
    Err(ProviderError::new(ErrorClass::Provider, Reason::Timeout, message).possibly_paid())
}
