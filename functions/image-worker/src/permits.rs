//! Acquires and releases concurrency permits at providers, in rows that all workers share.

use std::time::Duration;

use domain::jobs::JobClass;
use domain::primitives::source::random_fraction;
use domain::providers::{
    CapacityLimits, Denied, ErrorClass, PermitRequest, ProviderCapacity, ProviderError, Reason,
    SettingsVersion, WaitReason,
};
use domain::store::StoreError;
use domain::{Job, Timestamp};
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

/// How the provider is called: with which settings, and whether these are known to be the newest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) version: Option<SettingsVersion>,
    pub(crate) fresh: bool,
}

/// A permit, and what is known of the provider's calls.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Permit {
    /// How long calls for such a job usually take.
    pub(crate) usual: Option<Duration>,
    /// Whether the provider makes one image a call, however many it is asked for.
    pub(crate) one_per_call: bool,
}

/// Why there is no permit.
enum NoPermit {
    Denied(Denied),
    /// Another worker knows other settings of the provider, which may be newer.
    OtherSettings,
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
    provider: &'static str,
    limits: CapacityLimits,
    job: &Job,
    missing: &[u8],
    settings: Settings,
) -> Result<Permit, ProviderError> {
    let request = PermitRequest {
        job: job.id,
        priority: job.priority,
        images: u32::try_from(missing.len()).unwrap_or(u32::MAX),
        until: job.lease.map_or_else(Timestamp::now, |lease| lease.until),
        settings: settings.version,
    };
    let class = JobClass::of(&job.picture).name();
    let acquired = update(
        deps,
        provider,
        |capacity| {
            if !settings.fresh && capacity.has_other_settings(settings.version) {
                return Err(NoPermit::OtherSettings);
            }
            let now = Timestamp::now();
            capacity.acquire(&request, limits, now).map_err(NoPermit::Denied)?;
            let one_per_call = capacity.makes_one_per_call(now);
            Ok(Permit { usual: capacity.usual.of(&class), one_per_call })
        },
        Result::is_ok,
    );
    match acquired.await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(NoPermit::OtherSettings)) => {
            let message = format!("the settings of {provider} may have changed");
            Err(ProviderError::new(ErrorClass::Internal, Reason::Waiting, message)
                .at(provider)
                .waiting_for(WaitReason::Account))
        }
        Ok(Err(NoPermit::Denied(denied))) => {
            info!(provider, reason = ?denied.reason, until = %denied.until, "permit denied");
            let message = format!("{provider} is not asked at present: {}", denied.reason.description());
            let pause = denied.until.since(Timestamp::now());
            Err(ProviderError::new(ErrorClass::Capacity, Reason::Waiting, message)
                .at(provider)
                .waiting_for(denied.reason.wait_reason())
                .retry_after(pause))
        }
        Err(problem) => {
            let failure = ProviderError::from(&problem);
            metrics::log_failure(&failure);
            Err(failure)
        }
    }
}

/// Whether [`acquire`] failed because another worker knows other settings of the provider.
pub(crate) fn is_other_settings(failure: &ProviderError) -> bool {
    failure.class == ErrorClass::Internal
        && failure.reason == Reason::Waiting
        && failure.retry_after.is_none()
}

/// Extends the permit of a pending task until some time after its next poll, which is due after `after`.
pub(crate) async fn extend(deps: &Deps<'_>, provider: &str, job: &Job, after: Duration) {
    let now = Timestamp::now();
    let since = job.open_attempt().map_or(now, |attempt| attempt.at);
    let until = now + after + EXTEND_MARGIN;
    log_unwritten(update(deps, provider, |capacity| capacity.extend(job.id, since, until), |()| true).await);
}

/// Releases the permit and records the outcome of the call. `took` is how long a whole and successful call
/// took.
pub(crate) async fn release(
    deps: &Deps<'_>,
    provider: &str,
    job: &Job,
    settings: Settings,
    outcome: Result<(), &ProviderError>,
    took: Option<Duration>,
) {
    let class = JobClass::of(&job.picture).name();
    let apply = |capacity: &mut ProviderCapacity| {
        capacity.release(job.id, outcome, settings.version, Timestamp::now());
        if let Some(took) = took {
            capacity.usual.record(&class, took);
        }
    };
    let released = update(deps, provider, apply, |()| true);
    log_unwritten(released.await);
}

/// Remembers that `provider` made one image of several, so that the next job asks for one a call at once.
pub(crate) async fn remember_one_per_call(deps: &Deps<'_>, provider: &str) {
    log_unwritten(
        update(deps, provider, |capacity| capacity.made_one_of_several(Timestamp::now()), |()| true).await,
    );
}

/// Only logs a failed write: a permit that is not released lapses by itself.
fn log_unwritten(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        warn!(%error, "a provider's row could not be written");
    }
}
