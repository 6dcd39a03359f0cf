//! Takes and gives back places at providers, in rows that all workers share.

use std::time::Duration;

use domain::providers::{Bounds, FaultOf, ProviderError, Reason, Traffic, Wanted};
use domain::store::StoreError;
use domain::{Job, JobId, Timestamp};
use tracing::{info, warn};

use crate::{Deps, observe};

/// How often a worker reads again when others keep changing the row before it does.
const RACES: u32 = 40;
/// The longest pause between two of these.
const RACE_PAUSE: Duration = Duration::from_millis(60);
/// How much longer than the next question a place is kept while nobody is there.
const STAY_MARGIN: Duration = Duration::from_secs(120);

/// Changes the row of `provider`, whoever else does too.
async fn change<T>(
    deps: &Deps<'_>,
    provider: &str,
    mut apply: impl FnMut(&mut Traffic) -> T,
    matters: impl Fn(&T) -> bool,
) -> Result<T, StoreError> {
    for _ in 0..RACES {
        let mut traffic = deps.traffic.traffic(provider).await?;
        let promise = traffic.promise();
        let outcome = apply(&mut traffic);
        if !matters(&outcome) && traffic.promise() == promise {
            return Ok(outcome);
        }
        match deps.traffic.save_traffic(&mut traffic).await {
            Ok(()) => return Ok(outcome),
            Err(StoreError::Conflict) => tokio::time::sleep(RACE_PAUSE.mul_f64(rand::random())).await,
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
pub(crate) async fn enter(
    deps: &Deps<'_>,
    provider: &str,
    bounds: Bounds,
    job: &Job,
    missing: &[u8],
) -> Result<(), ProviderError> {
    let wanted = Wanted {
        job: job.id,
        priority: job.priority,
        images: u32::try_from(missing.len()).unwrap_or(u32::MAX),
        until: job.lease.map_or_else(Timestamp::now, |lease| lease.until),
    };
    let entered =
        change(deps, provider, |traffic| traffic.enter(&wanted, bounds, Timestamp::now()), Result::is_ok);
    match entered.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(closed)) => {
            info!(provider, why = ?closed.why, until = %closed.until, "provider not asked");
            let message = format!("{provider} is not asked at present: {}", closed.why.words());
            let pause = closed.until.since(Timestamp::now());
            Err(ProviderError::new(FaultOf::Capacity, Reason::Waiting, message).retry_after(pause))
        }
        Err(problem) => {
            let ours = ProviderError::new(FaultOf::Ours, Reason::NoAnswer, problem.to_string());
            observe::tell(&ours);
            Err(ours)
        }
    }
}

/// Keeps the place of a job that the provider works on for, until it is asked about it again.
pub(crate) async fn stay(deps: &Deps<'_>, provider: &str, job: JobId, after: Duration) {
    let until = Timestamp::now() + after + STAY_MARGIN;
    note(change(deps, provider, |traffic| traffic.stay(job, until, Timestamp::now()), |()| true).await);
}

/// Gives the place back and tells what became of the call.
pub(crate) async fn leave(deps: &Deps<'_>, provider: &str, job: JobId, outcome: Result<(), &ProviderError>) {
    let left = change(deps, provider, |traffic| traffic.leave(job, outcome, Timestamp::now()), |()| true);
    note(left.await);
}

/// A place that is not given back lapses by itself.
fn note(outcome: Result<(), StoreError>) {
    if let Err(error) = outcome {
        warn!(%error, "a provider's row could not be written");
    }
}
