//! Asks providers for the images that are missing: the one that was named, or one after the other.

use std::time::Duration;

use domain::Timestamp;
use domain::jobs::Handle;
use domain::providers::{FaultOf, ImageProvider, ProviderError, Reason, Step};
use tracing::warn;

use crate::call::{Limits, ask_one};
use crate::sink::Sink;
use crate::{Deps, Purpose, observe};

/// A provider that has less time than this is not asked: it could not answer.
const SHORTEST_CALL: Duration = Duration::from_secs(1);
/// A further candidate has at least this much time, or a fourth of what there was: cut off, it would be
/// paid for nothing, and look as if it hung.
const WORTH_A_CALL: Duration = Duration::from_secs(60);

/// Asks until all images are there, until a provider works on by itself, or until nobody is left to ask.
pub(crate) async fn ask(
    deps: &Deps<'_>,
    sink: &Sink<'_>,
    purpose: Purpose,
    cut_off: Timestamp,
) -> Result<Step, ProviderError> {
    let registry = deps.providers.get().await.inspect_err(observe::tell)?;
    let mut job = sink.job().await;
    let under_way = job.handle.as_ref().and_then(|handle| registry.image_provider(&handle.provider));
    if under_way.is_none()
        && let Some(Handle { provider, .. }) = &job.handle
    {
        warn!(provider, "the provider that was at work is not enabled any more");
        observe::paid_in_vain(job.calls_under_way().unwrap_or(1));
        let gone = ProviderError::new(FaultOf::Operator, Reason::NoAnswer, "it is not enabled any more");
        let gone = gone.maybe_paid();
        sink.end_try(Some(&gone)).await;
        if purpose == Purpose::Salvage {
            return Err(gone);
        }
        job = sink.job().await;
    }
    let mut candidates = match under_way {
        Some(provider) => vec![provider],
        None => registry.candidates(&job.picture).inspect_err(observe::tell)?,
    };
    // A provider that has failed this job comes after those that have not, or a function whose time is
    // used up by one that hangs would never get to the others.
    candidates.sort_by_key(|provider| job.failed_at(provider.name()));
    // One that has failed it as often as a job may fail is asked no more, as long as there are others.
    let spent = |provider: &&dyn ImageProvider| job.failures_of(provider.name()) >= deps.policy.max_failures;
    let hopeful = !candidates.iter().all(spent);
    candidates.retain(|provider| !(hopeful && spent(provider)));

    let alone = candidates.len() == 1;
    let worth = WORTH_A_CALL.min(cut_off.since(Timestamp::now()) / 4).max(SHORTEST_CALL);
    let mut failures = Vec::new();
    for provider in candidates {
        let resting = job.not_before_at(provider.name()).filter(|at| !alone && *at > Timestamp::now());
        let outcome = match resting {
            Some(until) => Err(not_yet(provider.name(), until)),
            None => {
                let shortest = if failures.is_empty() { SHORTEST_CALL } else { worth };
                ask_one(deps, sink, provider, Limits { purpose, deadline: cut_off, shortest }).await
            }
        };
        match outcome {
            Ok(step) => return Ok(step),
            // Nobody is asked for what one provider has refused, nor for a job that is gone.
            Err(failure) if refused(&failure) || sink.stopped().is_some() => return Err(failure),
            Err(failure) => failures.push(failure),
        }
    }
    Err(gravest(failures, hopeful))
}

/// Where one provider has room before another that failed is to be asked again, the job comes back, and
/// finds that the other is not.
fn not_yet(provider: &str, until: Timestamp) -> ProviderError {
    let message = format!("{provider} has failed and is not asked again yet");
    ProviderError::new(FaultOf::Ours, Reason::Waiting, message).retry_after(until.since(Timestamp::now()))
}

/// Whether the provider objects to what is asked for. That it cannot make it, for want of the prompt's
/// language perhaps, says nothing of the others.
pub(crate) fn refused(failure: &ProviderError) -> bool {
    failure.fault == FaultOf::Caller && failure.reason != Reason::Unsupported
}

/// The failure by which the job goes on, and the soonest time that any provider gave.
fn gravest(failures: Vec<ProviderError>, hopeful: bool) -> ProviderError {
    // As long as somebody may still make it, the job has not failed: least of all while one that is well
    // has no room only now. Among those that have all failed it too often nobody waits for room.
    let weight = |failure: &ProviderError| match failure.fault {
        FaultOf::Capacity if hopeful => 5,
        FaultOf::Provider => 4,
        FaultOf::Capacity => 3,
        FaultOf::Ours => 2,
        FaultOf::Operator => 1,
        FaultOf::Caller => 0,
    };
    let soonest = failures.iter().filter_map(|failure| failure.retry_after).min();
    let gravest = failures.into_iter().max_by_key(weight);
    let mut gravest = gravest
        .unwrap_or_else(|| ProviderError::new(FaultOf::Operator, Reason::Unsupported, "no provider to ask"));
    gravest.retry_after = soonest;
    gravest
}
