//! One try at a job, from the lease to its end.

use std::time::Duration;

use domain::job::{FailureReason, JobError, JobResult};
use domain::ports::JobMessage;
use domain::provider::{ContentWarning, FaultOf, Finished, ImageTask, ProviderError};
use domain::{Error, Job, Timestamp};
use providers::Registry;
use tracing::{error, info, warn};

use crate::conclude::{End, conclude};
use crate::sink::{Sink, Stopped};
use crate::{Deps, Purpose, observe, takeover};

/// What is left of the function's time when a provider's call is cut off: for storing what has come,
/// and for the row.
const RESERVE: Duration = Duration::from_secs(10);
/// The part of it that is for the row.
const ROW_RESERVE: Duration = Duration::from_secs(3);
/// A provider that has less time than this is not asked: it could not answer.
const SHORTEST_CALL: Duration = Duration::from_secs(1);
/// How long a provider that is out of room is left alone, if it does not say.
const CAPACITY_PAUSE: Duration = Duration::from_secs(5);
/// How long to wait for an operator to see to the account.
const OPERATOR_PAUSE: Duration = Duration::from_secs(300);
/// The pause after the first failed try; each further one is four times as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

pub(crate) async fn run(
    deps: &Deps<'_>,
    mut job: Job,
    purpose: Purpose,
    deadline: Timestamp,
) -> Result<(), Error> {
    let time = deadline.since(Timestamp::now());
    let cut_off = deadline - RESERVE.min(time / 4);
    let sink = Sink::new(deps, &job, deadline - ROW_RESERVE.min(time / 8));
    if job.attempts > 1
        && let Err(problem) = takeover::collect(deps, &job, &sink).await
    {
        if purpose == Purpose::Salvage {
            // Put back, it would be a job without a worker, and ended without another look into the
            // store. Its lease lapses instead, and another worker salvages.
            return Err(problem.into());
        }
        let failure = ProviderError::new(FaultOf::Ours, problem.to_string());
        return put_back(deps, job, failure, deadline).await;
    }
    if purpose == Purpose::Salvage && !sink.missing().is_empty() {
        let error = job.ending_error(Timestamp::now());
        return conclude(deps, job, End::Failed(error), deadline).await;
    }
    let outcome = generate(deps, &job, &sink, cut_off).await;
    if let Some(current) = sink.current_job() {
        job = current;
    }
    match (outcome, sink.stopped()) {
        (_, Some(Stopped::JobGone)) => {
            // Cancelled, or another worker's by now. What this one stored is the sweeper's to delete.
            info!("the job is no longer this worker's");
            Ok(())
        }
        (_, Some(Stopped::BadImage(problem))) => {
            warn!(problem, "the provider sent what is no image");
            let failure = ProviderError::new(FaultOf::Provider, "the provider sent an unusable image");
            put_back(deps, job, failure, deadline).await
        }
        (Ok(finished), None) if sink.missing().is_empty() => {
            complete(deps, job, &sink, finished.warnings, deadline).await
        }
        (Ok(_), None) => {
            let failure =
                ProviderError::new(FaultOf::Provider, "the provider made fewer images than asked for");
            put_back(deps, job, failure, deadline).await
        }
        (Err(failure), None) => put_back(deps, job, failure, deadline).await,
    }
}

async fn generate(
    deps: &Deps<'_>,
    job: &Job,
    sink: &Sink<'_>,
    cut_off: Timestamp,
) -> Result<Finished, ProviderError> {
    let missing = sink.missing();
    if missing.is_empty() {
        info!("every image was there already");
        return Ok(Finished::default());
    }
    let document = deps
        .providers
        .read()
        .await
        .map_err(|problem| ProviderError::new(FaultOf::Ours, problem.to_string()))?;
    let registry = Registry::from_document(&document)
        .map_err(|problem| ProviderError::new(FaultOf::Operator, problem.to_string()))?;
    let provider = registry.choose(&job.picture)?;
    if cut_off.since(Timestamp::now()) < SHORTEST_CALL {
        return Err(ProviderError::new(FaultOf::Ours, "no time was left for a provider"));
    }
    let task = ImageTask {
        job: job.id,
        picture: job.picture.clone(),
        missing,
        attempt: job.attempts,
        deadline: cut_off,
    };
    // The one line that every call to a provider leaves: what may have been paid for.
    info!(provider = provider.name(), attempt = job.attempts, images = task.missing.len(), "provider called");
    let called = std::time::Instant::now();
    let outcome = until_cut_off(provider.generate(&task, sink), sink, cut_off).await;
    let duration = called.elapsed().as_millis() as u64;
    match &outcome {
        Ok(_) => info!(provider = provider.name(), durationMs = duration, "provider answered"),
        Err(failure) => warn!(
            provider = provider.name(),
            durationMs = duration,
            fault = ?failure.fault,
            problem = failure.message,
            "provider failed"
        ),
    }
    observe::saw(deps, provider.name(), &outcome).await;
    outcome
}

/// The provider's answer, or that there was none by `cut_off`. An image that has come by then is still
/// stored: it is paid for.
async fn until_cut_off(
    call: impl Future<Output = Result<Finished, ProviderError>>,
    sink: &Sink<'_>,
    cut_off: Timestamp,
) -> Result<Finished, ProviderError> {
    let mut call = std::pin::pin!(call);
    let mut limit = cut_off.since(Timestamp::now());
    loop {
        match tokio::time::timeout(limit, &mut call).await {
            Ok(outcome) => return outcome,
            // Storing ends by itself before the function does.
            Err(_) if sink.is_storing() => limit = Duration::from_millis(50),
            Err(_) => {
                return Err(ProviderError::new(FaultOf::Provider, "the provider did not answer in time"));
            }
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
    conclude(deps, job, End::Completed(Box::new(result)), deadline).await?;
    observe::took(deps, &done, ended_at).await;
    Ok(())
}

/// What becomes of a job whose provider failed, by whose fault it was.
async fn put_back(
    deps: &Deps<'_>,
    job: Job,
    failure: ProviderError,
    deadline: Timestamp,
) -> Result<(), Error> {
    let counts = match failure.fault {
        FaultOf::Caller => return refuse(deps, job, failure, deadline).await,
        FaultOf::Operator => {
            error!(
                alarm = "provider_account",
                problem = failure.message,
                "the operator must see to a provider"
            );
            false
        }
        // What is ours in passing is no reason to fail a caller's job before its deadline.
        FaultOf::Capacity | FaultOf::Ours => false,
        FaultOf::Provider => true,
    };
    if counts && job.failures + 1 >= deps.policy.max_failures {
        let error = job.exhausted_error();
        return conclude(deps, job, End::Failed(error), deadline).await;
    }
    let growing = |times: u32| (FIRST_PAUSE * 4u32.pow(times.min(5))).min(LONGEST_PAUSE);
    let pause = failure.retry_after.unwrap_or(match failure.fault {
        FaultOf::Operator => OPERATOR_PAUSE,
        FaultOf::Capacity => CAPACITY_PAUSE,
        FaultOf::Ours => growing(job.attempts.saturating_sub(1)),
        FaultOf::Provider | FaultOf::Caller => growing(job.failures),
    });
    // A provider that says "at once" and means it would be asked for ever without a pause.
    let pause = pause.max(SHORTEST_PAUSE);
    let (message, priority, client) = (JobMessage::about(&job), job.priority, job.client_id.clone());
    // Nothing is gained by waiting past the job's own end.
    let at = (Timestamp::now() + pause).min(job.deadline);
    conclude(deps, job, End::PutBack { at, counts }, deadline).await?;
    let delay = at.since(Timestamp::now());
    if delay <= domain::ports::LONGEST_DELAY
        && let Err(error) = deps.queue.send(&message, priority, &client, delay).await
    {
        warn!(%error, "the queue did not take the message; the sweeper will send it");
    }
    Ok(())
}

async fn refuse(deps: &Deps<'_>, job: Job, failure: ProviderError, deadline: Timestamp) -> Result<(), Error> {
    let error = JobError {
        reason: FailureReason::Refused,
        message: failure.message,
        retryable: false,
        retry_after_seconds: None,
        warnings: failure.warnings,
    };
    conclude(deps, job, End::Failed(error), deadline).await
}
