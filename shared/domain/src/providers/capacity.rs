//! What is under way at one provider, across all workers and queues: how many calls at a time, how
//! many images a minute, and whether it is asked at all (a circuit breaker).
//!
//! Every method is pure. Whoever calls one saves the row on the condition that nobody else has saved
//! it since it was read.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::primitives::id::JobId;
use crate::primitives::priority::Priority;
use crate::primitives::timestamp::Timestamp;
use crate::providers::error::{ErrorClass, ProviderError, Reason};
use crate::providers::task::CapacityLimits;

/// In which time a provider's pace is counted.
const MINUTE: Duration = Duration::from_secs(60);

/// How many failures without a success between them open the breaker, if they lie within [`FAILURE_WINDOW`].
pub const BREAKER_THRESHOLD: usize = 5;

/// As how many failures a call counts that was not answered for [`SLOW_CALL`].
pub const TIMEOUT_WEIGHT: usize = 3;

/// How long a call holds a place, and a worker, that does more harm than one that fails at once.
const SLOW_CALL: Duration = Duration::from_secs(60);

/// In which time failures are counted: longer than two calls that hang one after the other.
pub const FAILURE_WINDOW: Duration = Duration::from_secs(900);

/// How long the breaker is open for the first time; each failed trial doubles it.
pub const MIN_OPEN: Duration = Duration::from_secs(30);

/// How long it is open at the most.
pub const MAX_OPEN: Duration = Duration::from_secs(600);

/// How long a provider is left alone whose account is in trouble: an operator must see to it.
pub const ACCOUNT_PAUSE: Duration = Duration::from_secs(300);

/// How long a provider is left alone that has no room and does not say for how long.
pub const CAPACITY_PAUSE: Duration = Duration::from_secs(5);

/// How soon to look again for a slot of a provider all of whose slots are taken.
const PERMIT_POLL: Duration = Duration::from_secs(2);

/// How long images of a minute are kept free for a job that found too few of them.
const RESERVATION_TTL: Duration = Duration::from_secs(120);

/// What is under way at one provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderCapacity {
    /// Which provider.
    pub provider: String,
    /// How often its row was written: the condition of the next write.
    pub revision: u64,
    /// Who is at it.
    #[serde(default)]
    permits: Vec<Permit>,
    /// When images were begun in the last minute, one entry each.
    #[serde(default)]
    image_starts: Vec<Timestamp>,
    /// For whom images of the next minute are kept free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reservation: Option<Reservation>,
    /// When it failed since it last did well.
    #[serde(default)]
    failures: Vec<Timestamp>,
    /// How often in a row the breaker opened.
    #[serde(default)]
    times_opened: u32,
    /// Until when it is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<Denied>,
}

/// A place at a provider, which lapses by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Permit {
    job: JobId,
    /// Since when the provider is asked for it.
    since: Timestamp,
    until: Timestamp,
    low: bool,
}

/// Images that others leave to a job of several, or jobs of one would for ever come before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reservation {
    job: JobId,
    images: usize,
    until: Timestamp,
}

/// Why a provider is not asked at present, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Denied {
    /// When to come again.
    pub until: Timestamp,
    /// Why.
    pub reason: DenialReason,
}

/// Why a provider is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DenialReason {
    /// As many calls are under way as it bears.
    NoPermit,
    /// As many images were begun in this minute as it makes.
    RateExceeded,
    /// It said that it has no room.
    RetryAfter,
    /// It failed too often.
    BreakerOpen,
    /// The operator's account is in trouble.
    Account,
}

impl DenialReason {
    /// In words, for a person.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::NoPermit => "as many calls are under way as it bears",
            Self::RateExceeded => "as many images were begun in this minute as it makes",
            Self::RetryAfter => "it has no room at present",
            Self::BreakerOpen => "it has failed too often lately",
            Self::Account => "its account is in trouble",
        }
    }
}

/// What a provider is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct PermitRequest {
    /// For which job.
    pub job: JobId,
    /// How urgent it is.
    pub priority: Priority,
    /// How many images.
    pub images: u32,
    /// When the place lapses: later than its holder can live.
    pub until: Timestamp,
}

impl ProviderCapacity {
    /// A provider that nobody has asked yet.
    #[must_use]
    pub fn new(provider: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            revision: 0,
            permits: Vec::new(),
            image_starts: Vec::new(),
            reservation: None,
            failures: Vec::new(),
            times_opened: 0,
            open: None,
        }
    }

    /// Takes a place at the provider. A job that has one already keeps it, for longer.
    ///
    /// # Errors
    ///
    /// [`Denied`], if there is none.
    pub fn acquire(
        &mut self,
        request: &PermitRequest,
        limits: CapacityLimits,
        now: Timestamp,
    ) -> Result<(), Denied> {
        self.permits.retain(|permit| permit.until > now);
        self.image_starts.retain(|at| *at + MINUTE > now);
        let others = self.permits.iter().filter(|permit| permit.job != request.job).count();
        if let Some(open) = self.open {
            if open.until > now {
                return Err(open);
            }
            // Half open: one goes ahead and tries, and the others wait for what becomes of it.
            let trial = self
                .permits
                .iter()
                .filter(|permit| permit.job != request.job)
                .map(|permit| permit.until)
                .min();
            if open.reason != DenialReason::RetryAfter
                && let Some(until) = trial
            {
                return Err(Denied { until: until.min(now + MIN_OPEN), reason: open.reason });
            }
        }
        let low = request.priority == Priority::Low;
        let max_permits = usize::try_from(limits.max_concurrent).unwrap_or(usize::MAX).max(1);
        let others_low = self.permits.iter().filter(|permit| permit.job != request.job && permit.low).count();
        if others >= max_permits || low && others_low >= (max_permits / 2).max(1) {
            return Err(Denied { until: now + PERMIT_POLL, reason: DenialReason::NoPermit });
        }
        self.check_rate(request, limits.images_per_minute, now)?;
        self.permits.retain(|permit| permit.job != request.job);
        self.permits.push(Permit { job: request.job, since: now, until: request.until, low });
        Ok(())
    }

    fn check_rate(
        &mut self,
        request: &PermitRequest,
        images_per_minute: Option<u32>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let Some(most) = images_per_minute.and_then(|most| usize::try_from(most).ok()) else { return Ok(()) };
        let most = most.max(1);
        // A job of more images than a minute makes goes ahead once it has the minute for itself.
        let images = usize::try_from(request.images).unwrap_or(usize::MAX).min(most);
        self.reservation = self.reservation.filter(|reservation| reservation.until > now);
        let reserved = match self.reservation {
            Some(reservation) if reservation.job != request.job && request.priority != Priority::High => {
                reservation.images
            }
            Some(_) | None => 0,
        };
        let over = (self.image_starts.len() + images + reserved).saturating_sub(most);
        if let Some(missing) = over.checked_sub(1) {
            if images > 1 {
                self.reservation.get_or_insert(Reservation {
                    job: request.job,
                    images,
                    until: now + RESERVATION_TTL,
                });
            }
            // When so much of the minute has passed; what waits for a promise to be kept looks again then.
            let freed = self.image_starts.get(missing).or(self.image_starts.last()).map(|at| *at + MINUTE);
            return Err(Denied {
                until: freed.unwrap_or(now + PERMIT_POLL),
                reason: DenialReason::RateExceeded,
            });
        }
        self.reservation = self.reservation.filter(|reservation| reservation.job != request.job);
        self.image_starts.extend(std::iter::repeat_n(now, images));
        // Clocks of workers differ.
        self.image_starts.sort();
        Ok(())
    }

    /// For whom images are kept free. Where that changes, the row is to be saved though nobody came in.
    #[must_use]
    pub const fn reservation(&self) -> Option<Reservation> {
        self.reservation
    }

    /// Keeps a job's place until `until`: the provider works on for it, though no worker is there.
    pub fn extend(&mut self, job: JobId, until: Timestamp, now: Timestamp) {
        match self.permits.iter_mut().find(|permit| permit.job == job) {
            Some(permit) => permit.until = until,
            None => self.permits.push(Permit { job, since: now, until, low: false }),
        }
    }

    /// Gives a job's place back, and learns from what became of the call.
    pub fn release(&mut self, job: JobId, outcome: Result<(), &ProviderError>, now: Timestamp) {
        let since = self.permits.iter().find(|permit| permit.job == job).map(|permit| permit.since);
        self.permits.retain(|permit| permit.job != job);
        // Nobody is let in before the time is up: who was in already tells of a time before the closing.
        let outdated = self.open.is_some_and(|open| since.is_none_or(|since| since < open.until));
        match outcome.map_err(|error| (error.class, error.reason)) {
            // It answers, even if it will not draw this.
            Ok(()) | Err((ErrorClass::Caller, _)) if !outdated => {
                self.failures.clear();
                self.times_opened = 0;
                self.open = None;
            }
            Err((ErrorClass::Provider, reason)) if !outdated => {
                let long = since.is_some_and(|since| now.since(since) >= SLOW_CALL);
                self.record_failure(if long && reason == Reason::Timeout { TIMEOUT_WEIGHT } else { 1 }, now);
            }
            Err((ErrorClass::Capacity, _)) => {
                let pause = outcome.err().and_then(|error| error.retry_after).unwrap_or(CAPACITY_PAUSE);
                self.open_breaker(now + pause, DenialReason::RetryAfter);
            }
            Err((ErrorClass::Operator, Reason::Auth | Reason::QuotaExhausted)) => {
                self.open_breaker(now + ACCOUNT_PAUSE, DenialReason::Account);
            }
            // What is wrong with one model or one setting says nothing of the other jobs.
            Ok(()) | Err(_) => {}
        }
    }

    fn record_failure(&mut self, count: usize, now: Timestamp) {
        self.failures.retain(|at| *at + FAILURE_WINDOW > now);
        self.failures.extend(std::iter::repeat_n(now, count));
        let trial = self.open.is_some_and(|open| open.reason != DenialReason::RetryAfter);
        if trial || self.failures.len() >= BREAKER_THRESHOLD {
            self.failures.clear();
            self.open_breaker(
                now + (MIN_OPEN * 2u32.pow(self.times_opened.min(8))).min(MAX_OPEN),
                DenialReason::BreakerOpen,
            );
            self.times_opened += 1;
        }
    }

    /// Calls that were under way when the breaker opened must not shorten what it decided.
    fn open_breaker(&mut self, until: Timestamp, reason: DenialReason) {
        if self.open.is_none_or(|open| open.until < until) {
            self.open = Some(Denied { until, reason });
        }
    }
}

#[cfg(test)]
mod tests;
