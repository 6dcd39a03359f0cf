//! What is under way at one provider, across all workers and queues: how many calls at a time, how
//! many images a minute, and whether it is asked at all (a circuit breaker).
//!
//! Every method is pure. Whoever calls one saves the row on the condition that nobody else has saved
//! it since it was read.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::JobId;
use crate::provider::{Bounds, FaultOf, ProviderError};
use crate::request::Priority;
use crate::timestamp::Timestamp;

/// In which time a provider's pace is counted.
const MINUTE: Duration = Duration::from_secs(60);
/// How many failures without a success between them open the breaker, if they lie within [`WINDOW`].
pub const THRESHOLD: usize = 5;
/// In which time failures are counted.
pub const WINDOW: Duration = Duration::from_secs(60);
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
        let slots = usize::try_from(bounds.at_once).unwrap_or(usize::MAX).max(1);
        let most = match wanted.priority {
            Priority::High | Priority::Normal => slots,
            Priority::Low => (slots / 2).max(1),
        };
        if others >= most {
            return Err(Closed { until: now + SLOT_PAUSE, why: Why::Full });
        }
        self.keep_pace(wanted.images, bounds.per_minute, now)?;
        self.slots.retain(|slot| slot.job != wanted.job);
        self.slots.push(Slot { job: wanted.job, until: wanted.until });
        Ok(())
    }

    fn keep_pace(&mut self, images: u32, per_minute: Option<u32>, now: Timestamp) -> Result<(), Closed> {
        let Some(most) = per_minute.and_then(|most| usize::try_from(most).ok()) else { return Ok(()) };
        // A job of more images than a minute makes goes ahead once it has the minute for itself.
        let images = usize::try_from(images).unwrap_or(usize::MAX).min(most.max(1));
        let over = (self.begun.len() + images).saturating_sub(most.max(1));
        if let Some(last) = over.checked_sub(1).and_then(|index| self.begun.get(index)) {
            return Err(Closed { until: *last + MINUTE, why: Why::Pace });
        }
        self.begun.extend(std::iter::repeat_n(now, images));
        // Clocks of workers differ.
        self.begun.sort();
        Ok(())
    }

    /// Keeps a job's place until `until`: the provider works on for it, though no worker is there.
    pub fn stay(&mut self, job: JobId, until: Timestamp) {
        self.slots.retain(|slot| slot.job != job);
        self.slots.push(Slot { job, until });
    }

    /// Gives a job's place back, and learns from what became of the call.
    pub fn leave(&mut self, job: JobId, outcome: Result<(), &ProviderError>, now: Timestamp) {
        self.slots.retain(|slot| slot.job != job);
        match outcome.map_err(|error| error.fault) {
            // It answers, even if it will not draw this.
            Ok(()) | Err(FaultOf::Caller) => {
                self.failures.clear();
                self.opened = 0;
                self.closed = None;
            }
            Err(FaultOf::Provider) => self.failed(now),
            Err(FaultOf::Capacity) => {
                let pause = outcome.err().and_then(|error| error.retry_after).unwrap_or(CAPACITY_PAUSE);
                self.close(now + pause, Why::NoRoom);
            }
            Err(FaultOf::Operator) => self.close(now + ACCOUNT_PAUSE, Why::Account),
            Err(FaultOf::Ours) => {}
        }
    }

    fn failed(&mut self, now: Timestamp) {
        self.failures.retain(|at| *at + WINDOW > now);
        self.failures.push(now);
        let trial = self.closed.is_some_and(|closed| closed.why != Why::NoRoom && closed.until <= now);
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
