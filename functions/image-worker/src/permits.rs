//! Takes and gives back places at providers, in rows that all workers share.

use std::time::Duration;

use domain::providers::{CapacityLimits, ErrorClass, PermitRequest, ProviderCapacity, ProviderError, Reason};
use domain::store::StoreError;
use domain::{Job, JobId, Timestamp};
use tracing::{info, warn};

use crate::{Deps, metrics};

/// How often a worker reads again when others keep changing the row before it does.
const MAX_CONFLICT_RETRIES: u32 = 40;
/// The longest pause between two of these.
const MAX_CONFLICT_PAUSE: Duration = Duration::from_millis(60);
/// How much longer than the next question a place is kept while nobody is there.
const EXTEND_MARGIN: Duration = Duration::from_secs(120);

/// Changes the row of `provider`, whoever else does too.
async fn update<T>(
    deps: &Deps<'_>,
    provider: &str,
    mut apply: impl FnMut(&mut ProviderCapacity) -> T,
    must_save: impl Fn(&T) -> bool,
) -> Result<T, StoreError> {
    for _ in 0..MAX_CONFLICT_RETRIES {
        let mut capacity = deps.capacity.load_capacity(provider).await?;
        let reservation = capacity.reservation();
        let outcome = apply(&mut capacity);
        if !must_save(&outcome) && capacity.reservation() == reservation {
            return Ok(outcome);
        }
        match deps.capacity.save_capacity(&mut capacity).await {
            Ok(()) => return Ok(outcome),
            Err(StoreError::Conflict) => tokio::time::sleep(MAX_CONFLICT_PAUSE.mul_f64(rand::random())).await,
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Unavailable("the row of a provider kept changing".into()))
}

/// A place at `provider` for what is missing of `job`.
///
/// # Errors
///
/// Capacity, with the time to come again, if there is none: nothing was asked then. Ours, if the rows
/// did not answer: a provider that cannot be counted is not asked.
pub(crate) async fn acquire(
    deps: &Deps<'_>,
    provider: &str,
    limits: CapacityLimits,
    job: &Job,
    missing: &[u8],
) -> Result<(), ProviderError> {
    let request = PermitRequest {
        job: job.id,
        priority: job.priority,
        images: u32::try_from(missing.len()).unwrap_or(u32::MAX),
        until: job.lease.map_or_else(Timestamp::now, |lease| lease.until),
    };
    let acquired = update(
        deps,
        provider,
        |capacity| capacity.acquire(&request, limits, Timestamp::now()),
        Result::is_ok,
    );
    match acquired.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(denied)) => {
            info!(provider, reason = ?denied.reason, until = %denied.until, "provider not asked");
            let message = format!("{provider} is not asked at present: {}", denied.reason.description());
            let pause = denied.until.since(Timestamp::now());
            Err(ProviderError::new(ErrorClass::Capacity, Reason::Waiting, message).retry_after(pause))
        }
        Err(problem) => {
            let ours = ProviderError::new(ErrorClass::Internal, Reason::NoAnswer, problem.to_string());
            metrics::log_failure(&ours);
            Err(ours)
        }
    }
}

/// Keeps the place of a job that the provider works on for, until it is asked about it again.
pub(crate) async fn extend(deps: &Deps<'_>, provider: &str, job: JobId, after: Duration) {
    let until = Timestamp::now() + after + EXTEND_MARGIN;
    write_within_timeout(
        update(deps, provider, |capacity| capacity.extend(job, until, Timestamp::now()), |()| true).await,
    );
}

/// Gives the place back and tells what became of the call.
pub(crate) async fn release(
    deps: &Deps<'_>,
    provider: &str,
    job: JobId,
    outcome: Result<(), &ProviderError>,
) {
    let released =
        update(deps, provider, |capacity| capacity.release(job, outcome, Timestamp::now()), |()| true);
    write_within_timeout(released.await);
}

/// A place that is not given back lapses by itself.
fn write_within_timeout(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        warn!(%error, "a provider's row could not be written");
    }
}
