//! Asks providers for the images that are missing: the one that was named, or one after the other.

use std::time::Duration;

use domain::Timestamp;
use domain::ports::ImageProvider;
use domain::provider::{FaultOf, Finished, ImageTask, ProviderError, Reason, Step};
use domain::tries::Handle;
use tracing::{error, info, warn};

use crate::sink::Sink;
use crate::{Deps, observe, traffic};

/// A provider that has less time than this is not asked: it could not answer.
const SHORTEST_CALL: Duration = Duration::from_secs(1);
/// How soon a provider is asked again that was cut off with work under way.
const AFTER_CUT_OFF: Duration = Duration::from_secs(5);

/// Asks until all images are there, until a provider works on by itself, or until nobody is left to ask.
pub(crate) async fn ask(deps: &Deps<'_>, sink: &Sink<'_>, cut_off: Timestamp) -> Result<Step, ProviderError> {
    let registry = deps.providers.get().await?;
    let mut job = sink.job().await;
    let under_way = job.handle.as_ref().and_then(|handle| registry.image_provider(&handle.provider));
    if under_way.is_none()
        && let Some(Handle { provider, .. }) = &job.handle
    {
        warn!(provider, metric = "possibly_paid", "the provider that was at work is not enabled any more");
        let gone = ProviderError::new(FaultOf::Operator, Reason::NoAnswer, "it is not enabled any more");
        sink.end_try(Some(&gone.maybe_paid())).await;
        job = sink.job().await;
    }
    let mut candidates = match under_way {
        Some(provider) => vec![provider],
        None => registry.candidates(&job.picture)?,
    };
    // A provider that has failed this job comes after those that have not, or a function whose time is
    // used up by one that hangs would never get to the others.
    candidates.sort_by_key(|provider| job.failed_at(provider.name()));
    let mut failures = Vec::new();
    for provider in candidates {
        match ask_one(deps, sink, provider, cut_off).await {
            Ok(step) => return Ok(step),
            // Nobody is asked for what one provider has refused, nor for a job that is gone.
            Err(failure) if refused(&failure) || sink.stopped().is_some() => return Err(failure),
            Err(failure) => failures.push(failure),
        }
    }
    Err(gravest(failures))
}

/// Whether the provider objects to what is asked for. That it cannot make it, for want of the prompt's
/// language perhaps, says nothing of the others.
fn refused(failure: &ProviderError) -> bool {
    failure.fault == FaultOf::Caller && failure.reason != Reason::Unsupported
}

/// The failure by which the job goes on, and the soonest time that any provider gave.
fn gravest(failures: Vec<ProviderError>) -> ProviderError {
    // As long as somebody may still make it, the job has not failed.
    let weight = |failure: &ProviderError| match failure.fault {
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

async fn ask_one(
    deps: &Deps<'_>,
    sink: &Sink<'_>,
    provider: &dyn ImageProvider,
    deadline: Timestamp,
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
        deadline,
        user: job.end_user(),
        handle: handle.map(|handle| handle.note.clone()),
    };
    if task.time_left() < SHORTEST_CALL {
        return Err(ProviderError::new(FaultOf::Ours, Reason::Timeout, "no time was left for a provider"));
    }
    let calls = provider.calls(&task);
    let place = match (provider.bounds(), &task.handle) {
        // What is under way has its place already, and is paid for.
        (None, _) | (_, Some(_)) => None,
        (Some(bounds), None) => Some(traffic::enter(deps, name, bounds, &job, &task.missing).await?),
    };
    if task.handle.is_none() || calls > 0 {
        if let Err(stop) = sink.begin_try(name, calls).await {
            if place.is_some() {
                let ours = ProviderError::from(stop);
                traffic::leave(deps, name, job.id, Err(&ours)).await;
            }
            return Err(stop.into());
        }
        task.attempt = sink.job().await.attempts;
        // The one line that every call to a provider leaves: what may have been paid for.
        info!(provider = name, attempt = task.attempt, images = task.missing.len(), calls, "provider called");
    }
    let called = std::time::Instant::now();
    let outcome = match until_cut_off(provider.generate(&task, sink), sink, task.deadline).await {
        Some(outcome) => outcome,
        None => cut_off(sink).await,
    };
    let outcome = unless_unusable(outcome, sink);
    report(name, &outcome, called.elapsed());
    let failure = outcome.as_ref().err();
    match &outcome {
        Ok(Step::AskAgain { after }) if provider.bounds().is_some() => {
            traffic::stay(deps, name, job.id, *after).await;
        }
        Ok(Step::AskAgain { .. }) => {}
        Ok(Step::Finished(_)) | Err(_) => {
            sink.end_try(failure).await;
            if provider.bounds().is_some() {
                traffic::leave(deps, name, job.id, failure.map_or(Ok(()), Err)).await;
            }
        }
    }
    observe::saw(deps, name, &outcome).await;
    outcome
}

/// What the sink found wrong with what came, and too few images, are the provider's failures.
fn unless_unusable(outcome: Result<Step, ProviderError>, sink: &Sink<'_>) -> Result<Step, ProviderError> {
    let bad = |message| Err(ProviderError::new(FaultOf::Provider, Reason::BadResponse, message));
    if let Some(problem) = sink.take_bad_image() {
        warn!(problem, "the provider sent what is no image");
        return bad("the provider sent an unusable image");
    }
    match outcome {
        Ok(Step::Finished(Finished { .. })) if !sink.missing().is_empty() => {
            bad("the provider made fewer images than asked for")
        }
        outcome @ (Ok(_) | Err(_)) => outcome,
    }
}

fn report(provider: &str, outcome: &Result<Step, ProviderError>, time: Duration) {
    let duration = time.as_millis() as u64;
    match outcome {
        Ok(Step::Finished(_)) => info!(provider, durationMs = duration, "provider answered"),
        Ok(Step::AskAgain { after }) => {
            info!(
                provider,
                durationMs = duration,
                askAgainMs = after.as_millis() as u64,
                "provider works on"
            );
        }
        Err(failure) => {
            warn!(
                provider,
                durationMs = duration,
                fault = ?failure.fault,
                reason = ?failure.reason,
                problem = failure.message,
                "provider failed"
            );
            if failure.maybe_paid {
                warn!(provider, metric = "possibly_paid", "a call may have been paid for without a result");
            }
            if failure.fault == FaultOf::Operator {
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
        return Ok(Step::AskAgain { after: AFTER_CUT_OFF });
    }
    let message = "the provider did not answer in time";
    Err(ProviderError::new(FaultOf::Provider, Reason::Timeout, message).maybe_paid())
}
