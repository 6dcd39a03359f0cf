//! Asks providers for the missing images: the requested provider, or all candidates one after the other.

use std::time::Duration;

use domain::Timestamp;
use domain::jobs::TaskHandle;
use domain::providers::{ErrorClass, ImageProvider, ProviderError, Reason, Step};
use tracing::warn;

use crate::error_policy::{is_refusal, most_significant};
use crate::provider_call::{Limits, call_provider};
use crate::sink::Sink;
use crate::{Deps, Purpose, metrics};

/// A provider is not called with less time than this, because it could not answer.
const MIN_CALL_TIME: Duration = Duration::from_secs(1);

/// Each further candidate gets at least this much time, or a quarter of the time there was before the first
/// call. A provider that is cut off is paid without a result, and looks as if it hung.
const MIN_FAILOVER_TIME: Duration = Duration::from_secs(60);

/// Asks candidates until all images are stored, until a provider's task is pending, or until no candidate is
/// left.
///
/// # Errors
///
/// The most significant failure of all candidates, or the first refusal.
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
    // Providers that have failed this job come last. Otherwise a provider that hangs could use up the
    // function's time in every run, and the others would never be asked.
    candidates.sort_by_key(|provider| job.failures_at(provider.name()));
    // A provider that has failed this job `max_failures` times is not asked while there are others.
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
            // After a refusal, or if this worker no longer holds the job, no other provider is asked.
            Err(failure) if is_refusal(&failure) || sink.stopped().is_some() => return Err(failure),
            Err(failure) => failures.push(failure),
        }
    }
    Err(most_significant(failures, some_may_succeed))
}

/// The failure of a provider that has failed this job and may not be asked again before `until`. It occurs if
/// the job starts earlier than that because another provider has capacity earlier.
fn not_yet(provider: &str, until: Timestamp) -> ProviderError {
    let message = format!("{provider} has failed and is not asked again yet");
    ProviderError::new(ErrorClass::Internal, Reason::Waiting, message)
        .retry_after(until.since(Timestamp::now()))
}
