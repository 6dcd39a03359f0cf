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
use crate::providers::error::{FaultOf, ProviderError, Reason};
use crate::providers::task::Bounds;

/// In which time a provider's pace is counted.
const MINUTE: Duration = Duration::from_secs(60);

/// How many failures without a success between them open the breaker, if they lie within [`WINDOW`].
pub const THRESHOLD: usize = 5;

/// As how many failures a call counts that was not answered for [`LONG`].
pub const HANGING: usize = 3;

/// How long a call holds a place, and a worker, that does more harm than one that fails at once.
const LONG: Duration = Duration::from_secs(60);

/// In which time failures are counted: longer than two calls that hang one after the other.
pub const WINDOW: Duration = Duration::from_secs(900);

/// How long the breaker is open for the first time; each failed trial doubles it.
pub const FIRST_OPEN: Duration = Duration::from_secs(30);

/// How long it is open at the most.
pub const LONGEST_OPEN: Duration = Duration::from_secs(600);

/// How long a provider is left alone whose account is in trouble: an operator must see to it.
pub const ACCOUNT_PAUSE: Duration = Duration::from_secs(300);

/// How long a provider is left alone that has no room and does not say for how long.
pub const CAPACITY_PAUSE: Duration = Duration::from_secs(5);

/// How soon to look again for a slot of a provider all of whose slots are taken.
const SLOT_PAUSE: Duration = Duration::from_secs(2);

/// How long images of a minute are kept free for a job that found too few of them.
const PROMISE: Duration = Duration::from_secs(120);

/// What is under way at one provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Which provider.
    pub provider: String,
    /// How often its row was written: the condition of the next write.
    pub revision: u64,
    /// Who is at it.
    #[serde(default)]
    slots: Vec<Slot>,
    /// When images were begun in the last minute, one entry each.
    #[serde(default)]
    begun: Vec<Timestamp>,
    /// For whom images of the next minute are kept free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    promise: Option<Promise>,
    /// When it failed since it last did well.
    #[serde(default)]
    failures: Vec<Timestamp>,
    /// How often in a row the breaker opened.
    #[serde(default)]
    opened: u32,
    /// Until when it is not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed: Option<Closed>,
}

/// A place at a provider, which lapses by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slot {
    job: JobId,
    /// Since when the provider is asked for it.
    since: Timestamp,
    until: Timestamp,
    low: bool,
}

/// Images that others leave to a job of several, or jobs of one would for ever come before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promise {
    job: JobId,
    images: usize,
    until: Timestamp,
}

/// Why a provider is not asked at present, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// When to come again.
    pub until: Timestamp,
    /// Why.
    pub why: Why,
}

/// Why a provider is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// As many calls are under way as it bears.
    Full,
    /// As many images were begun in this minute as it makes.
    Pace,
    /// It said that it has no room.
    NoRoom,
    /// It failed too often.
    Failing,
    /// The operator's account is in trouble.
    Account,
}

impl Why {
    /// In words, for a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Full => "as many calls are under way as it bears",
            Self::Pace => "as many images were begun in this minute as it makes",
            Self::NoRoom => "it has no room at present",
            Self::Failing => "it has failed too often lately",
            Self::Account => "its account is in trouble",
        }
    }
}

/// What a provider is wanted for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// For which job.
    pub job: JobId,
    /// How urgent it is.
    pub priority: Priority,
    /// How many images.
    pub images: u32,
    /// When the place lapses: later than its holder can live.
    pub until: Timestamp,
}

impl Traffic {
    /// A provider that nobody has asked yet.
    #[must_use]
    pub fn new(provider: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            revision: 0,
            slots: Vec::new(),
            begun: Vec::new(),
            promise: None,
            failures: Vec::new(),
            opened: 0,
            closed: None,
        }
    }

    /// Takes a place at the provider. A job that has one already keeps it, for longer.
    ///
    /// # Errors
    ///
    /// [`Closed`], if there is none.
    pub fn enter(&mut self, wanted: &Wanted, bounds: Bounds, now: Timestamp) -> Result<(), Closed> {
        self.slots.retain(|slot| slot.until > now);
        self.begun.retain(|at| *at + MINUTE > now);
        let others = self.slots.iter().filter(|slot| slot.job != wanted.job).count();
        if let Some(closed) = self.closed {
            if closed.until > now {
                return Err(closed);
            }
            // Half open: one goes ahead and tries, and the others wait for what becomes of it.
            let trial = self.slots.iter().filter(|slot| slot.job != wanted.job).map(|slot| slot.until).min();
            if closed.why != Why::NoRoom
                && let Some(until) = trial
            {
                return Err(Closed { until: until.min(now + FIRST_OPEN), why: closed.why });
            }
        }
        let low = wanted.priority == Priority::Low;
        let places = usize::try_from(bounds.at_once).unwrap_or(usize::MAX).max(1);
        let others_low = self.slots.iter().filter(|slot| slot.job != wanted.job && slot.low).count();
        if others >= places || low && others_low >= (places / 2).max(1) {
            return Err(Closed { until: now + SLOT_PAUSE, why: Why::Full });
        }
        self.keep_pace(wanted, bounds.per_minute, now)?;
        self.slots.retain(|slot| slot.job != wanted.job);
        self.slots.push(Slot { job: wanted.job, since: now, until: wanted.until, low });
        Ok(())
    }

    fn keep_pace(&mut self, wanted: &Wanted, per_minute: Option<u32>, now: Timestamp) -> Result<(), Closed> {
        let Some(most) = per_minute.and_then(|most| usize::try_from(most).ok()) else { return Ok(()) };
        let most = most.max(1);
        // A job of more images than a minute makes goes ahead once it has the minute for itself.
        let images = usize::try_from(wanted.images).unwrap_or(usize::MAX).min(most);
        self.promise = self.promise.filter(|promise| promise.until > now);
        let promised = match self.promise {
            Some(promise) if promise.job != wanted.job && wanted.priority != Priority::High => promise.images,
            Some(_) | None => 0,
        };
        let over = (self.begun.len() + images + promised).saturating_sub(most);
        if let Some(missing) = over.checked_sub(1) {
            if images > 1 {
                self.promise.get_or_insert(Promise { job: wanted.job, images, until: now + PROMISE });
            }
            // When so much of the minute has passed; what waits for a promise to be kept looks again then.
            let freed = self.begun.get(missing).or(self.begun.last()).map(|at| *at + MINUTE);
            return Err(Closed { until: freed.unwrap_or(now + SLOT_PAUSE), why: Why::Pace });
        }
        self.promise = self.promise.filter(|promise| promise.job != wanted.job);
        self.begun.extend(std::iter::repeat_n(now, images));
        // Clocks of workers differ.
        self.begun.sort();
        Ok(())
    }

    /// For whom images are kept free. Where that changes, the row is to be saved though nobody came in.
    #[must_use]
    pub const fn promise(&self) -> Option<Promise> {
        self.promise
    }

    /// Keeps a job's place until `until`: the provider works on for it, though no worker is there.
    pub fn stay(&mut self, job: JobId, until: Timestamp, now: Timestamp) {
        match self.slots.iter_mut().find(|slot| slot.job == job) {
            Some(slot) => slot.until = until,
            None => self.slots.push(Slot { job, since: now, until, low: false }),
        }
    }

    /// Gives a job's place back, and learns from what became of the call.
    pub fn leave(&mut self, job: JobId, outcome: Result<(), &ProviderError>, now: Timestamp) {
        let since = self.slots.iter().find(|slot| slot.job == job).map(|slot| slot.since);
        self.slots.retain(|slot| slot.job != job);
        // Nobody is let in before the time is up: who was in already tells of a time before the closing.
        let outdated = self.closed.is_some_and(|closed| since.is_none_or(|since| since < closed.until));
        match outcome.map_err(|error| (error.fault, error.reason)) {
            // It answers, even if it will not draw this.
            Ok(()) | Err((FaultOf::Caller, _)) if !outdated => {
                self.failures.clear();
                self.opened = 0;
                self.closed = None;
            }
            Err((FaultOf::Provider, reason)) if !outdated => {
                let long = since.is_some_and(|since| now.since(since) >= LONG);
                self.failed(if long && reason == Reason::Timeout { HANGING } else { 1 }, now);
            }
            Err((FaultOf::Capacity, _)) => {
                let pause = outcome.err().and_then(|error| error.retry_after).unwrap_or(CAPACITY_PAUSE);
                self.close(now + pause, Why::NoRoom);
            }
            Err((FaultOf::Operator, Reason::Auth | Reason::QuotaExhausted)) => {
                self.close(now + ACCOUNT_PAUSE, Why::Account);
            }
            // What is wrong with one model or one setting says nothing of the other jobs.
            Ok(()) | Err(_) => {}
        }
    }

    fn failed(&mut self, count: usize, now: Timestamp) {
        self.failures.retain(|at| *at + WINDOW > now);
        self.failures.extend(std::iter::repeat_n(now, count));
        let trial = self.closed.is_some_and(|closed| closed.why != Why::NoRoom);
        if trial || self.failures.len() >= THRESHOLD {
            self.failures.clear();
            self.close(now + (FIRST_OPEN * 2u32.pow(self.opened.min(8))).min(LONGEST_OPEN), Why::Failing);
            self.opened += 1;
        }
    }

    /// Calls that were under way when the breaker opened must not shorten what it decided.
    fn close(&mut self, until: Timestamp, why: Why) {
        if self.closed.is_none_or(|closed| closed.until < until) {
            self.closed = Some(Closed { until, why });
        }
    }
}

#[cfg(test)]
mod tests;
