//! Asks providers for the images that are missing: the one that was named, or one after the other.

use std::time::Duration;

use domain::Timestamp;
use domain::jobs::TaskHandle;
use domain::providers::{ErrorClass, ImageProvider, ProviderError, Reason, Step};
use tracing::warn;

use crate::provider_call::{Limits, call_provider};
use crate::sink::Sink;
use crate::{Deps, Purpose, metrics};

/// A provider that has less time than this is not asked: it could not answer.
const MIN_CALL_TIME: Duration = Duration::from_secs(1);
/// A further candidate has at least this much time, or a fourth of what there was: cut off, it would be
/// paid for nothing, and look as if it hung.
const MIN_FAILOVER_TIME: Duration = Duration::from_secs(60);

/// Asks until all images are there, until a provider works on by itself, or until nobody is left to ask.
pub(crate) async fn ask(
    deps: &Deps<'_>,
    sink: &Sink<'_>,
    purpose: Purpose,
    cut_off: Timestamp,
) -> Result<Step, ProviderError> {
    let registry = deps.providers.get().await.inspect_err(metrics::log_failure)?;
    let mut job = sink.job().await;
    let under_way = job.handle.as_ref().and_then(|handle| registry.image_provider(&handle.provider));
    if under_way.is_none()
        && let Some(TaskHandle { provider, .. }) = &job.handle
    {
        warn!(provider, "the provider that was at work is not enabled any more");
        metrics::record_possibly_paid(job.paid_calls_in_flight().unwrap_or(1));
        let gone = ProviderError::new(ErrorClass::Operator, Reason::NoAnswer, "it is not enabled any more");
        let gone = gone.possibly_paid();
        sink.end_attempt(Some(&gone)).await;
        if purpose == Purpose::RecoverOnly {
            return Err(gone);
        }
        job = sink.job().await;
    }
    let mut candidates = match under_way {
        Some(provider) => vec![provider],
        None => registry.candidates(&job.picture).inspect_err(metrics::log_failure)?,
    };
    // A provider that has failed this job comes after those that have not, or a function whose time is
    // used up by one that hangs would never get to the others.
    candidates.sort_by_key(|provider| job.failures_at(provider.name()));
    // One that has failed it as often as a job may fail is asked no more, as long as there are others.
    let spent =
        |provider: &&dyn ImageProvider| job.counted_failures_at(provider.name()) >= deps.policy.max_failures;
    let some_may_succeed = !candidates.iter().all(spent);
    candidates.retain(|provider| !(some_may_succeed && spent(provider)));

    let alone = candidates.len() == 1;
    let worth = MIN_FAILOVER_TIME.min(cut_off.since(Timestamp::now()) / 4).max(MIN_CALL_TIME);
    let mut failures = Vec::new();
    for provider in candidates {
        let resting = job.not_before_at(provider.name()).filter(|at| !alone && *at > Timestamp::now());
        let outcome = match resting {
            Some(until) => Err(not_yet(provider.name(), until)),
            None => {
                let shortest = if failures.is_empty() { MIN_CALL_TIME } else { worth };
                call_provider(deps, sink, provider, Limits { purpose, deadline: cut_off, shortest }).await
            }
        };
        match outcome {
            Ok(step) => return Ok(step),
            // Nobody is asked for what one provider has refused, nor for a job that is gone.
            Err(failure) if is_refusal(&failure) || sink.stopped().is_some() => return Err(failure),
            Err(failure) => failures.push(failure),
        }
    }
    Err(most_significant(failures, some_may_succeed))
}

/// Where one provider has room before another that failed is to be asked again, the job comes back, and
/// finds that the other is not.
fn not_yet(provider: &str, until: Timestamp) -> ProviderError {
    let message = format!("{provider} has failed and is not asked again yet");
    ProviderError::new(ErrorClass::Internal, Reason::Waiting, message)
        .retry_after(until.since(Timestamp::now()))
}

/// Whether the provider objects to what is asked for. That it cannot make it, for want of the prompt's
/// language perhaps, says nothing of the others.
pub(crate) fn is_refusal(failure: &ProviderError) -> bool {
    failure.class == ErrorClass::Caller && failure.reason != Reason::Unsupported
}

/// The failure by which the job goes on, and the soonest time that any provider gave.
fn most_significant(failures: Vec<ProviderError>, some_may_succeed: bool) -> ProviderError {
    // As long as somebody may still make it, the job has not failed: least of all while one that is well
    // has no room only now. Among those that have all failed it too often nobody waits for room.
    let weight = |failure: &ProviderError| match failure.class {
        ErrorClass::Capacity if some_may_succeed => 5,
        ErrorClass::Provider => 4,
        ErrorClass::Capacity => 3,
        ErrorClass::Internal => 2,
        ErrorClass::Operator => 1,
        ErrorClass::Caller => 0,
    };
    let soonest = failures.iter().filter_map(|failure| failure.retry_after).min();
    let most_significant = failures.into_iter().max_by_key(weight);
    let mut most_significant = most_significant.unwrap_or_else(|| {
        ProviderError::new(ErrorClass::Operator, Reason::Unsupported, "no provider to ask")
    });
    most_significant.retry_after = soonest;
    most_significant
}
