//! Acquires and releases concurrency permits at providers, in rows that all workers share.

use std::time::Duration;

use domain::primitives::source::random_fraction;
use domain::providers::{CapacityLimits, ErrorClass, PermitRequest, ProviderCapacity, ProviderError, Reason};
use domain::store::StoreError;
use domain::{Job, JobId, Timestamp};
use tracing::{info, warn};

use crate::{Deps, metrics};

/// How often a worker reads the row again after a write conflict.
const MAX_CONFLICT_RETRIES: u32 = 40;
/// The longest pause before such a retry.
const MAX_CONFLICT_PAUSE: Duration = Duration::from_millis(60);
/// How long after the next poll a permit still lasts, while no worker runs for the job.
const EXTEND_MARGIN: Duration = Duration::from_secs(120);

/// Changes the row of `provider`, and retries after a conflict with another worker. If `must_save` is false
/// for the outcome, the row is saved only if its reservation has changed.
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
            Err(StoreError::Conflict) => {
                tokio::time::sleep(MAX_CONFLICT_PAUSE.mul_f64(random_fraction())).await
            }
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Unavailable("the row of a provider kept changing".into()))
}

/// Acquires a permit at `provider` for the missing images of `job`.
///
/// # Errors
///
/// [`ErrorClass::Capacity`] with `retry_after` if there is no permit; the provider is not called then.
/// [`ErrorClass::Internal`] if the row could not be read or written: a provider whose calls cannot be counted
/// is not called.
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
            info!(provider, reason = ?denied.reason, until = %denied.until, "permit denied");
            let message = format!("{provider} is not asked at present: {}", denied.reason.description());
            let pause = denied.until.since(Timestamp::now());
            Err(ProviderError::new(ErrorClass::Capacity, Reason::Waiting, message).retry_after(pause))
        }
        Err(problem) => {
            let failure = ProviderError::from(&problem);
            metrics::log_failure(&failure);
            Err(failure)
        }
    }
}

/// Extends the permit of a pending task until some time after its next poll, which is due after `after`.
pub(crate) async fn extend(deps: &Deps<'_>, provider: &str, job: JobId, after: Duration) {
    let until = Timestamp::now() + after + EXTEND_MARGIN;
    log_unwritten(
        update(deps, provider, |capacity| capacity.extend(job, until, Timestamp::now()), |()| true).await,
    );
}

/// Releases the permit and records the call's outcome.
pub(crate) async fn release(
    deps: &Deps<'_>,
    provider: &str,
    job: JobId,
    outcome: Result<(), &ProviderError>,
) {
    let released =
        update(deps, provider, |capacity| capacity.release(job, outcome, Timestamp::now()), |()| true);
    log_unwritten(released.await);
}

/// Only logs a failed write: a permit that is not released lapses by itself.
fn log_unwritten(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        warn!(%error, "a provider's row could not be written");
    }
}
