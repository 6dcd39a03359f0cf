//! What a try teaches: how long jobs take, and how providers are. None of it may hold up or fail a job.

use std::time::Duration;

use domain::health::State;
use domain::jobs::JobClass;
use domain::providers::{ErrorClass, ProviderError, ProviderStatus};
use domain::store::StoreError;
use domain::{Job, Timestamp};
use tracing::{error, info, warn};

use crate::Deps;

/// How long a note may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// Notes how long a job took that was made at the first try: others tell of faults, not of the pace.
pub(crate) async fn record_duration(deps: &Deps<'_>, job: &Job, ended_at: Timestamp) {
    if job.attempts == 1 {
        let time = ended_at.since(job.created_at);
        write_within_timeout(deps.estimates.record_duration(JobClass::of(&job.picture), job.id, time)).await;
    }
}

/// Notes how a provider was that has just been asked.
pub(crate) async fn record_status<T>(deps: &Deps<'_>, provider: &str, outcome: &Result<T, ProviderError>) {
    let state = match outcome.as_ref().map_err(|failure| failure.class) {
        // It answers, even if it will not draw this.
        Ok(_) | Err(ErrorClass::Caller) => State::Up,
        Err(ErrorClass::Provider | ErrorClass::Capacity) => State::Degraded,
        Err(ErrorClass::Operator) => State::Down,
        Err(ErrorClass::Internal) => return,
    };
    let status = ProviderStatus { provider: provider.to_owned(), state, observed_at: Timestamp::now() };
    write_within_timeout(deps.provider_statuses.record_status(&status)).await;
}

/// Logs a failure that came before any provider was asked, or that none of them brought about.
pub(crate) fn log_failure(failure: &ProviderError) {
    let (reason, problem) = (failure.reason, &failure.message);
    match failure.class {
        ErrorClass::Operator => {
            error!(alarm = "provider_account", ?reason, problem, "the operator must see to the providers");
        }
        ErrorClass::Internal | ErrorClass::Provider => warn!(?reason, problem, "no provider could be asked"),
        ErrorClass::Capacity | ErrorClass::Caller => info!(?reason, problem, "no provider was asked"),
    }
}

/// Logs what the metric `PossiblyPaid` counts. An error, so that no level of logging hides it.
pub(crate) fn record_possibly_paid(calls: u32) {
    error!(metric = "possibly_paid", calls, "calls may have been paid for without a result");
}

async fn write_within_timeout(writing: impl Future<Output = Result<(), StoreError>>) {
    match tokio::time::timeout(WRITE_TIMEOUT, writing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "a note could not be made"),
        Err(_) => warn!("a note could not be made in time"),
    }
}
