//! Asks providers for the missing images: the requested provider, or all candidates one after the other.

use std::time::Duration;

use domain::jobs::TaskHandle;
use domain::providers::{
    ErrorClass, ImageProvider, MAX_USELESS_ANSWERS, ProviderError, Reason, Step, WaitReason,
    decisive_candidate,
};
use domain::{Job, Timestamp};
use providers::Registry;
use tracing::warn;

use crate::permits::Settings;
use crate::provider_call::{Limits, call_provider};
use crate::sink::Sink;
use crate::{Deps, Purpose, metrics, permits};

/// A provider is not called with less time than this, because it could not answer.
const MIN_CALL_TIME: Duration = Duration::from_secs(1);

/// Each further candidate gets at least this much time, or a quarter of the time there was before the first
/// call. A provider that is cut off is paid without a result, and looks as if it hung.
const MIN_FAILOVER_TIME: Duration = Duration::from_secs(60);

/// Why no candidate made what is missing.
#[derive(Debug)]
pub(crate) struct AskFailure {
    /// The failure that decides how the job goes on.
    pub(crate) failure: ProviderError,
    /// Whether no provider may be asked again for this job.
    pub(crate) exhausted: bool,
    /// Whether newer settings may lead to another outcome.
    settings_matter: bool,
    /// Whether a provider was not asked because another worker knows other settings.
    other_settings: bool,
}

/// The time of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunTime {
    /// When calls are cut off.
    pub(crate) cut_off: Timestamp,
    /// What this worker had at first, whatever is left of the job's own time.
    pub(crate) whole: Duration,
}

impl AskFailure {
    fn of(failure: ProviderError) -> Self {
        let settings_matter = depends_on_settings(&failure);
        Self { failure, exhausted: false, settings_matter, other_settings: false }
    }
}

/// Whether the failure may be mended by newer settings than this worker knows.
fn depends_on_settings(failure: &ProviderError) -> bool {
    failure.class == ErrorClass::Operator
        || failure.reason == Reason::Unsupported
        || failure.waiting_for.is_some_and(WaitReason::may_end_by_new_settings)
}

/// Asks candidates until all images are stored, until a provider's task is pending, or until no candidate is
/// left. If newer settings may help, looks whether there are any, and asks again.
///
/// # Errors
///
/// The most significant failure of all candidates, or the first refusal.
pub(crate) async fn ask(
    deps: &Deps<'_>,
    sink: &Sink<'_>,
    purpose: Purpose,
    time: RunTime,
) -> Result<Step, AskFailure> {
    let registry = match deps.providers.get().await {
        Ok(registry) => registry,
        Err(failure) => {
            // An invalid document may have been replaced; one that cannot be read is read at the next run.
            let newer = match failure.class {
                ErrorClass::Operator => deps.providers.refresh(None).await,
                ErrorClass::Internal | ErrorClass::Provider | ErrorClass::Capacity | ErrorClass::Caller => {
                    None
                }
            };
            newer
                .ok_or_else(|| AskFailure::of(failure))
                .inspect_err(|none| metrics::log_failure(&none.failure))?
        }
    };
    let call = Call { deps, sink, purpose, time };
    let failed = match ask_all(call, &registry, false).await {
        Err(failed) if failed.settings_matter && sink.stopped().is_none() => failed,
        outcome => return outcome,
    };
    let newer = deps.providers.refresh(Some(&registry)).await;
    if newer.is_none() && !failed.other_settings {
        return Err(failed);
    }
    ask_all(call, newer.as_ref().unwrap_or(&registry), true).await
}

/// What all candidates of a run have in common.
#[derive(Clone, Copy)]
struct Call<'a> {
    deps: &'a Deps<'a>,
    sink: &'a Sink<'a>,
    purpose: Purpose,
    time: RunTime,
}

/// Asks the candidates of one registry; `fresh` if it is known to be the newest.
async fn ask_all(
    Call { deps, sink, purpose, time: RunTime { cut_off, whole } }: Call<'_>,
    registry: &Registry,
    fresh: bool,
) -> Result<Step, AskFailure> {
    let mut job = sink.job().await;
    let under_way = job.handle.as_ref().and_then(|handle| registry.image_provider(&handle.provider));
    if under_way.is_none()
        && let Some(TaskHandle { provider, .. }) = &job.handle
    {
        warn!(provider, "the provider that was at work is not enabled any more");
        metrics::record_possibly_paid(job.paid_calls_in_flight().unwrap_or(1));
        let gone = ProviderError::new(ErrorClass::Operator, Reason::NoAnswer, "it is not enabled any more");
        let gone = gone.possibly_paid();
        sink.end_attempt(Some(&gone), 0, None).await;
        if purpose == Purpose::RecoverOnly {
            return Err(AskFailure::of(gone));
        }
        job = sink.job().await;
    }
    let mut candidates = match under_way {
        Some(provider) => vec![provider],
        None => {
            let candidates = registry.candidates(&job.picture).map_err(AskFailure::of);
            candidates.inspect_err(|none| metrics::log_failure(&none.failure))?
        }
    };
    // The same request would most probably be answered in the same way, and be paid for.
    let useless = |job: &Job, provider: &&dyn ImageProvider| {
        job.useless_answers_at(provider.name()) >= MAX_USELESS_ANSWERS
    };
    if under_way.is_none() {
        let all = candidates.clone();
        candidates.retain(|provider| !useless(&job, provider));
        if candidates.is_empty() {
            let message = "every provider's answers were of no use";
            let failure = ProviderError::new(ErrorClass::Provider, Reason::BadResponse, message);
            let failure = match all.as_slice() {
                [only] => failure.at(only.name()),
                _ => failure,
            };
            return Err(AskFailure { exhausted: true, ..AskFailure::of(failure) });
        }
    }
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
    for &provider in &candidates {
        let settings = Settings { version: registry.settings_version(provider.name()), fresh };
        // A provider that is alone is asked at the time for which the job was released.
        let resting = job
            .rests_until(provider.name(), settings.version, Timestamp::now())
            .filter(|(_, reason)| (!alone || *reason == WaitReason::Account) && under_way.is_none());
        let outcome = match resting {
            Some((until, reason)) => Err(not_yet(provider.name(), until, reason)),
            None => {
                let shortest = if failures.is_empty() { MIN_CALL_TIME } else { worth };
                let limits = Limits { purpose, deadline: cut_off, shortest, whole, settings };
                call_provider(deps, sink, provider, limits).await
            }
        };
        match outcome {
            Ok(step) => return Ok(step),
            // After a refusal, or if this worker no longer holds the job, no other provider is asked.
            Err(failure) if failure.is_refusal() || sink.stopped().is_some() => {
                return Err(AskFailure { settings_matter: false, ..AskFailure::of(failure) });
            }
            Err(failure) => failures.push(failure),
        }
    }
    let job = sink.job().await;
    let settings_matter = failures.iter().any(depends_on_settings);
    let other_settings = failures.iter().any(permits::is_other_settings);
    let failure = decisive_candidate(failures, some_may_succeed).unwrap_or_else(|| {
        ProviderError::new(ErrorClass::Operator, Reason::Unsupported, "no provider to ask")
    });
    // A spent provider is asked again only while there is none better, and a useless one never.
    let exhausted = under_way.is_none() && candidates.iter().all(|provider| useless(&job, provider));
    Err(AskFailure { failure, exhausted, settings_matter, other_settings })
}

/// The failure of a provider that has failed this job and may not be asked again before `until`. It occurs if
/// the job starts earlier than that because another provider has capacity earlier.
fn not_yet(provider: &'static str, until: Timestamp, reason: WaitReason) -> ProviderError {
    let message = format!("{provider} has failed and is not asked again yet");
    ProviderError::new(ErrorClass::Internal, Reason::Waiting, message)
        .at(provider)
        .waiting_for(reason)
        .retry_after(until.since(Timestamp::now()))
}
