//! What a try teaches: how long jobs take, and how providers are. None of it may hold up or fail a job.

use std::time::Duration;

use domain::health::State;
use domain::jobs::Kind;
use domain::providers::{FaultOf, ProviderError, Sighting};
use domain::store::StoreError;
use domain::{Job, Timestamp};
use tracing::{error, info, warn};

use crate::Deps;

/// How long a note may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Notes how long a job took that was made at the first try: others tell of faults, not of the pace.
pub(crate) async fn took(deps: &Deps<'_>, job: &Job, ended_at: Timestamp) {
    if job.attempts == 1 {
        let time = ended_at.since(job.created_at);
        note(deps.paces.took(Kind::of(&job.picture), job.id, time)).await;
    }
}

/// Notes how a provider was that has just been asked.
pub(crate) async fn saw<T>(deps: &Deps<'_>, provider: &str, outcome: &Result<T, ProviderError>) {
    let state = match outcome.as_ref().map_err(|failure| failure.fault) {
        // It answers, even if it will not draw this.
        Ok(_) | Err(FaultOf::Caller) => State::Up,
        Err(FaultOf::Provider | FaultOf::Capacity) => State::Degraded,
        Err(FaultOf::Operator) => State::Down,
        Err(FaultOf::Ours) => return,
    };
    let sighting = Sighting { provider: provider.to_owned(), state, seen_at: Timestamp::now() };
    note(deps.sightings.saw(&sighting)).await;
}

/// Logs a failure that came before any provider was asked, or that none of them brought about.
pub(crate) fn tell(failure: &ProviderError) {
    let (reason, problem) = (failure.reason, &failure.message);
    match failure.fault {
        FaultOf::Operator => {
            error!(alarm = "provider_account", ?reason, problem, "the operator must see to the providers");
        }
        FaultOf::Ours | FaultOf::Provider => warn!(?reason, problem, "no provider could be asked"),
        FaultOf::Capacity | FaultOf::Caller => info!(?reason, problem, "no provider was asked"),
    }
}

/// Logs what the metric `PossiblyPaid` counts. An error, so that no level of logging hides it.
pub(crate) fn paid_in_vain(calls: u32) {
    error!(metric = "possibly_paid", calls, "calls may have been paid for without a result");
}

async fn note(writing: impl Future<Output = Result<(), StoreError>>) {
    match tokio::time::timeout(PATIENCE, writing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "a note could not be made"),
        Err(_) => warn!("a note could not be made in time"),
    }
}
