//! What a run records: how long jobs take, and the status of providers. Recording must neither delay nor
//! fail a job.

use std::time::Duration;

use domain::health::State;
use domain::jobs::JobClass;
use domain::providers::{ProviderError, ProviderStatus, Severity};
use domain::store::StoreError;
use domain::{Job, Timestamp};
use tracing::{error, info, warn};

use crate::Deps;

/// How long such a write may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(1);

/// Records how long a job took if its first attempt succeeded. The duration of other jobs depends on
/// failures, and would distort the estimate.
pub(crate) async fn record_duration(deps: &Deps<'_>, job: &Job, ended_at: Timestamp) {
    if job.attempts == 1 {
        let time = ended_at.since(job.created_at);
        write_within_timeout(deps.estimates.record_duration(JobClass::of(&job.picture), job.id, time)).await;
    }
}

/// Records the status of a provider that was just called, or is not called because it has failed too often.
pub(crate) async fn record_status<T>(deps: &Deps<'_>, provider: &str, outcome: &Result<T, ProviderError>) {
    let state = match outcome {
        Ok(_) => Some(State::Up),
        Err(failure) => failure.health(),
    };
    let Some(state) = state else { return };
    let cause = outcome.as_ref().err().filter(|_| state != State::Up).map(|failure| failure.reason);
    let status =
        ProviderStatus { provider: provider.to_owned(), state, cause, observed_at: Timestamp::now() };
    write_within_timeout(deps.provider_statuses.record_status(&status)).await;
}

/// Logs a failure that occurred before a provider was called, or that no provider caused.
pub(crate) fn log_failure(failure: &ProviderError) {
    let (reason, problem) = (failure.reason, &failure.message);
    match failure.policy().severity {
        Severity::Alarm => {
            error!(alarm = "provider_account", ?reason, problem, "the operator must fix the providers");
        }
        Severity::Warn => warn!(?reason, problem, "no provider could be called"),
        Severity::Info => info!(?reason, problem, "no provider was called"),
    }
}

/// Logs the line that the metric `PossiblyPaid` counts. It is an error, so that no log level hides it.
pub(crate) fn record_possibly_paid(calls: u32) {
    error!(metric = "possibly_paid", calls, "calls may have been paid for without a result");
}

async fn write_within_timeout(writing: impl Future<Output = Result<(), StoreError>>) {
    match tokio::time::timeout(WRITE_TIMEOUT, writing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "a duration or a provider status could not be recorded"),
        Err(_) => warn!("a duration or a provider status could not be recorded in time"),
    }
}
