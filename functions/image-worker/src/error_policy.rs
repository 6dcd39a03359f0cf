//! What follows from the class of a provider's error, in one place: whether it counts against the job,
//! how long the job pauses, whether another provider is asked, and what health shows.
//!
//! What it means for the provider's circuit breaker is decided where the breaker is: in
//! `domain::providers::ProviderCapacity`.

use std::time::Duration;

use domain::Job;
use domain::health::State;
use domain::providers::{ACCOUNT_PAUSE, CAPACITY_PAUSE, ErrorClass, ProviderError, Reason};

/// The pause after the first failure; each further one is four times as long.
const MIN_BACKOFF: Duration = Duration::from_secs(2);
const MAX_BACKOFF: Duration = Duration::from_secs(900);
/// How much longer each further wait for a permit is, at least.
const WAIT_STEP: Duration = Duration::from_secs(2);
/// How often that grows. Permits become free all the time; a job that sleeps long leaves them unused.
const MAX_WAIT_STEPS: u32 = 5;

/// The pause after `failures` failures.
fn backoff(failures: u32) -> Duration {
    (MIN_BACKOFF * 4u32.pow(failures.min(5))).min(MAX_BACKOFF)
}

/// Whether the provider rejects the request itself, so that no other provider is asked. "I cannot make
/// this" (such as a prompt in an unsupported language) says nothing about the other providers.
pub(crate) fn is_refusal(failure: &ProviderError) -> bool {
    failure.class == ErrorClass::Caller && failure.reason != Reason::Unsupported
}

/// Whether the failure uses up one of the job's `MaxFailures`.
pub(crate) fn counts_against_job(failure: &ProviderError) -> bool {
    match failure.class {
        // Waiting for the operator or for capacity does not fail a caller's job before its deadline.
        ErrorClass::Operator | ErrorClass::Capacity | ErrorClass::Caller => false,
        // Our own transient error does not count either, unless money was spent: a bucket that rejects
        // images would otherwise have them paid for without end.
        ErrorClass::Internal => failure.possibly_paid,
        ErrorClass::Provider => true,
    }
}

/// Whether the job only waits: for a permit, or for a service of ours.
pub(crate) fn is_deferral(failure: &ProviderError) -> bool {
    failure.reason == Reason::Waiting || failure.class == ErrorClass::Internal
}

/// How long the job pauses, without jitter.
pub(crate) fn pause(failure: &ProviderError, job: &Job) -> Duration {
    let pause = failure.retry_after.unwrap_or(match failure.class {
        ErrorClass::Operator => ACCOUNT_PAUSE,
        ErrorClass::Capacity => CAPACITY_PAUSE,
        ErrorClass::Internal => backoff(job.deferrals.max(job.failures)),
        ErrorClass::Provider | ErrorClass::Caller => backoff(job.failures),
    });
    // Many jobs that wait for one permit must come neither all at once nor all the time.
    if failure.reason == Reason::Waiting {
        pause.max(WAIT_STEP * job.deferrals.min(MAX_WAIT_STEPS))
    } else {
        pause
    }
}

/// The failure with the time after which this provider may be asked for this job again.
pub(crate) fn with_retry_after(failure: ProviderError, job: &Job, provider: &str) -> ProviderError {
    let pause = match failure.class {
        ErrorClass::Provider => backoff(job.counted_failures_at(provider)),
        ErrorClass::Capacity => CAPACITY_PAUSE,
        ErrorClass::Operator => ACCOUNT_PAUSE,
        // Internal: depends on how often that was, which only the whole job knows. Caller: never again.
        ErrorClass::Internal | ErrorClass::Caller => return failure,
    };
    ProviderError { retry_after: failure.retry_after.or(Some(pause)), ..failure }
}

/// Of the failures of all candidates, the one that decides how the job goes on, with the soonest time at
/// which any provider may be asked again. `some_may_succeed` says whether a candidate is left that has
/// not failed this job too often.
pub(crate) fn most_significant(failures: Vec<ProviderError>, some_may_succeed: bool) -> ProviderError {
    // While a provider may still make it, the job has not failed: least of all if a healthy provider only
    // lacks capacity now. If all have failed the job too often, it does not wait for their capacity.
    let weight = |failure: &ProviderError| match failure.class {
        ErrorClass::Capacity if some_may_succeed => 5,
        ErrorClass::Provider => 4,
        ErrorClass::Capacity => 3,
        ErrorClass::Internal => 2,
        ErrorClass::Operator => 1,
        ErrorClass::Caller => 0,
    };
    let soonest = failures.iter().filter_map(|failure| failure.retry_after).min();
    let mut decisive = failures.into_iter().max_by_key(weight).unwrap_or_else(|| {
        ProviderError::new(ErrorClass::Operator, Reason::Unsupported, "no provider to ask")
    });
    decisive.retry_after = soonest;
    decisive
}

/// What health shows of a provider after this failure; `None` if the failure says nothing about it.
pub(crate) const fn provider_state(class: ErrorClass) -> Option<State> {
    match class {
        // It answers, even if it refuses this request.
        ErrorClass::Caller => Some(State::Up),
        ErrorClass::Provider | ErrorClass::Capacity => Some(State::Degraded),
        ErrorClass::Operator => Some(State::Down),
        ErrorClass::Internal => None,
    }
}
