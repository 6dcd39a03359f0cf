//! What is done about each failure of a provider call: the one table that workers, adapters and the circuit
//! breaker read.
//!
//! `ARCHITECTURE.md` shows this table; a test compares the two.

use std::time::Duration;

use crate::health::State;
use crate::providers::error::{ErrorClass, ProviderError, Reason};
use crate::providers::wait_reason::WaitReason;

/// The pause after the first failure; each further one is four times as long.
const MIN_BACKOFF: Duration = Duration::from_secs(2);
const MAX_BACKOFF: Duration = Duration::from_secs(900);

/// How long a provider is left alone after a gateway before it gave up: the service behind the gateway may
/// still be working at images that are paid for.
pub const GATEWAY_PAUSE: Duration = Duration::from_secs(120);

/// How long calls are denied after a problem with the operator's account. Only the operator can solve it.
pub const ACCOUNT_PAUSE: Duration = Duration::from_secs(300);

/// How long calls are denied after the provider reported that it has no capacity, without a
/// `Retry-After`.
pub const CAPACITY_PAUSE: Duration = Duration::from_secs(5);

/// How often a job looks whether new settings end its waiting. With its jitter and the time for which a
/// worker may know an older document, a new document takes effect within a minute.
pub const SETTINGS_LOOK: Duration = Duration::from_secs(40);

/// So many useless answers of a provider end its attempts at a job: the third would be paid for as well.
pub const MAX_USELESS_ANSWERS: u32 = 2;

/// Whether a failure uses up one of the job's `MaxFailures`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counts {
    Never,
    /// Only if money may have been spent: a bucket that rejects images would otherwise have them paid for
    /// without end.
    IfPaid,
    Always,
}

/// How long a provider is not asked again, unless its answer says so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// As long as whoever denied the call said.
    AsTold,
    /// 2, 8, 32 … s.
    Backoff,
    /// The same, but at least [`GATEWAY_PAUSE`].
    Gateway,
    /// [`CAPACITY_PAUSE`].
    Capacity,
    /// [`ACCOUNT_PAUSE`], but the job looks for new settings every [`SETTINGS_LOOK`].
    Account,
    /// The job ends.
    None,
}

/// What a failure says about the service, for its circuit breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerEffect {
    /// Nothing.
    None,
    /// It works: the breaker closes.
    Works,
    /// It answered, about this one request: no failure, and a trial has passed.
    Answered,
    /// It failed.
    Failed,
    /// It failed; a call that hung for a minute counts as three failures.
    Hung,
    /// It has no capacity: calls are denied for as long as it says.
    Pauses,
    /// Its account is in trouble: calls are denied for [`ACCOUNT_PAUSE`].
    Account,
}

/// When a failure ends the attempts of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// After `MaxFailures`, or at the deadline.
    Late,
    /// The provider is not asked again after [`MAX_USELESS_ANSWERS`].
    Repeated,
    /// The same, and the job is then the caller's to change.
    RepeatedAsCallers,
    /// At once.
    AtOnce,
}

/// How loud a failure is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    Info,
    Warn,
    /// An error that raises the alarm of a provider's account.
    Alarm,
}

/// What is done about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorPolicy {
    pub counts: Counts,
    pub pause: Pause,
    pub breaker: BreakerEffect,
    /// Whether `automatic` asks another provider.
    pub failover: bool,
    pub ends: Ends,
    pub severity: Severity,
    /// Whether the caller may send the same request again.
    pub retryable: bool,
    /// What a job waits for meanwhile; a denial names its own reason.
    pub waiting_for: Option<WaitReason>,
    /// What health shows of the provider; `None` if the failure says nothing about it.
    pub health: Option<State>,
}

/// A transient failure of the service.
const FAILED: ErrorPolicy = ErrorPolicy {
    counts: Counts::Always,
    pause: Pause::Backoff,
    breaker: BreakerEffect::Failed,
    failover: true,
    ends: Ends::Late,
    severity: Severity::Warn,
    retryable: true,
    waiting_for: Some(WaitReason::Backoff),
    health: Some(State::Degraded),
};

/// A failure of our own stores.
const INTERNAL: ErrorPolicy =
    ErrorPolicy { counts: Counts::IfPaid, breaker: BreakerEffect::None, health: None, ..FAILED };

const LIMITED: ErrorPolicy = ErrorPolicy {
    counts: Counts::Never,
    pause: Pause::Capacity,
    breaker: BreakerEffect::Pauses,
    severity: Severity::Info,
    waiting_for: Some(WaitReason::RetryAfter),
    ..FAILED
};

const OPERATOR: ErrorPolicy = ErrorPolicy {
    counts: Counts::Never,
    pause: Pause::Account,
    breaker: BreakerEffect::None,
    severity: Severity::Alarm,
    waiting_for: Some(WaitReason::Account),
    health: Some(State::Down),
    ..FAILED
};

const REFUSED: ErrorPolicy = ErrorPolicy {
    counts: Counts::Never,
    pause: Pause::None,
    breaker: BreakerEffect::Works,
    failover: false,
    ends: Ends::AtOnce,
    severity: Severity::Info,
    retryable: false,
    waiting_for: None,
    health: Some(State::Up),
};

/// A row of the table: a class, the reasons (all others if it names none), and what is done.
type Row = (ErrorClass, &'static [Reason], ErrorPolicy);

/// The table. The first row that fits decides.
const TABLE: [Row; 14] = [
    (
        ErrorClass::Internal,
        &[Reason::Waiting],
        ErrorPolicy { counts: Counts::Never, pause: Pause::AsTold, severity: Severity::Info, ..INTERNAL },
    ),
    (ErrorClass::Internal, &[], INTERNAL),
    (ErrorClass::Provider, &[Reason::GatewayTimeout], ErrorPolicy { pause: Pause::Gateway, ..FAILED }),
    (ErrorClass::Provider, &[Reason::Timeout], ErrorPolicy { breaker: BreakerEffect::Hung, ..FAILED }),
    (
        ErrorClass::Provider,
        &[Reason::NoImage],
        ErrorPolicy {
            breaker: BreakerEffect::Answered,
            ends: Ends::RepeatedAsCallers,
            health: Some(State::Up),
            ..FAILED
        },
    ),
    (
        ErrorClass::Provider,
        &[Reason::BadResponse],
        ErrorPolicy {
            breaker: BreakerEffect::Answered,
            ends: Ends::Repeated,
            health: Some(State::Up),
            ..FAILED
        },
    ),
    (ErrorClass::Provider, &[], FAILED),
    (
        ErrorClass::Capacity,
        &[Reason::Waiting],
        ErrorPolicy { pause: Pause::AsTold, breaker: BreakerEffect::None, health: None, ..LIMITED },
    ),
    (ErrorClass::Capacity, &[], LIMITED),
    (
        ErrorClass::Operator,
        &[Reason::Auth, Reason::QuotaExhausted],
        ErrorPolicy { breaker: BreakerEffect::Account, ..OPERATOR },
    ),
    // A problem with one model or one setting says nothing about other jobs.
    (ErrorClass::Operator, &[], OPERATOR),
    // "I cannot make this" says nothing about the other providers.
    (ErrorClass::Caller, &[Reason::Unsupported], ErrorPolicy { failover: true, ..REFUSED }),
    // The images were made and are lost. That is not the caller's fault, and new ones would be paid for.
    (
        ErrorClass::Caller,
        &[Reason::BadResponse],
        ErrorPolicy { severity: Severity::Warn, retryable: true, ..REFUSED },
    ),
    (ErrorClass::Caller, &[], REFUSED),
];

/// Returns what is done about a failure of this class for this reason.
#[must_use]
pub fn policy(class: ErrorClass, reason: Reason) -> ErrorPolicy {
    let fits = |row: &&Row| row.0 == class && (row.1.is_empty() || row.1.contains(&reason));
    TABLE.iter().find(fits).map_or(INTERNAL, |row| row.2)
}

/// Returns the pause after `failures` failures.
#[must_use]
pub fn backoff(failures: u32) -> Duration {
    (MIN_BACKOFF * 4u32.pow(failures.min(5))).min(MAX_BACKOFF)
}

impl ProviderError {
    /// Returns what is done about this failure.
    #[must_use]
    pub fn policy(&self) -> ErrorPolicy {
        policy(self.class, self.reason)
    }

    /// Returns what health shows of the provider; `None` if the failure says nothing about it. A provider that is
    /// not asked because it has failed too often is down, whatever its last answer was.
    #[must_use]
    pub fn health(&self) -> Option<State> {
        match self.waiting_for {
            Some(WaitReason::ProviderDown) => Some(State::Down),
            Some(_) | None => self.policy().health,
        }
    }

    /// Whether the provider rejects the request itself, so that no other provider is asked.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        let policy = self.policy();
        policy.ends == Ends::AtOnce && !policy.failover
    }

    /// Whether the failure uses up one of the job's `MaxFailures`.
    #[must_use]
    pub fn counts_against_job(&self) -> bool {
        match self.policy().counts {
            Counts::Never => false,
            Counts::IfPaid => self.possibly_paid,
            Counts::Always => true,
        }
    }

    /// Whether the answer was of no use, so that the same request would most probably be answered the same
    /// way, and be paid for.
    #[must_use]
    pub fn is_useless_answer(&self) -> bool {
        matches!(self.policy().ends, Ends::Repeated | Ends::RepeatedAsCallers)
    }

    /// Returns the failure after it has occurred often enough to be the caller's, if it ever is: the same
    /// request gets no image, and another attempt would only be paid for.
    #[must_use]
    pub fn repeated(self, useless_answers: u32) -> Self {
        if self.policy().ends == Ends::RepeatedAsCallers && useless_answers >= MAX_USELESS_ANSWERS {
            let message = format!("{}: no image comes of this request", self.message);
            return Self { class: ErrorClass::Caller, message, ..self };
        }
        self
    }

    /// Returns the time until this provider may be asked again, after so many failures, without jitter.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Duration {
        let usual = match self.policy().pause {
            Pause::AsTold | Pause::Backoff | Pause::None => backoff(failures),
            Pause::Gateway => backoff(failures).max(GATEWAY_PAUSE),
            Pause::Capacity => CAPACITY_PAUSE,
            Pause::Account => ACCOUNT_PAUSE,
        };
        self.retry_after.unwrap_or(usual)
    }

    /// Returns why a job with this failure waits.
    #[must_use]
    pub fn wait_reason(&self) -> Option<WaitReason> {
        self.waiting_for.or(self.policy().waiting_for)
    }
}

/// Of the failures of calls that one adapter made at the same time, returns the one that decides most about
/// what follows, possibly paid for if any of them is. `None` if there are none.
#[must_use]
pub fn decisive_call(failures: Vec<ProviderError>) -> Option<ProviderError> {
    let possibly_paid = failures.iter().any(|failure| failure.possibly_paid);
    let rank = |failure: &ProviderError| match failure.class {
        ErrorClass::Caller => 0,
        ErrorClass::Operator => 1,
        ErrorClass::Capacity => 2,
        ErrorClass::Provider => 3,
        ErrorClass::Internal => 4,
    };
    let position = failures.iter().enumerate().min_by_key(|(_, failure)| rank(failure))?.0;
    let same = |other: &ProviderError| {
        failures.get(position).is_some_and(|found| (found.class, found.reason) == (other.class, other.reason))
    };
    let calls = failures.iter().filter(|other| same(other)).map(|other| other.calls).sum();
    failures.into_iter().nth(position).map(|decisive| ProviderError { possibly_paid, calls, ..decisive })
}

/// Of the failures of all candidates, returns the one that decides how the job goes on, with the soonest
/// time at which any provider may be asked again. `some_may_succeed` says whether a candidate is left that
/// has not failed this job too often. `None` if there are none.
#[must_use]
pub fn decisive_candidate(failures: Vec<ProviderError>, some_may_succeed: bool) -> Option<ProviderError> {
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
    let decisive = failures.into_iter().max_by_key(weight)?;
    Some(ProviderError { retry_after: soonest, ..decisive })
}

#[cfg(test)]
mod tests;
