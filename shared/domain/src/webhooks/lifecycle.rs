//! How each try at a webhook, and the wish for one, changes its row.

use crate::primitives::lease::Lease;
use crate::primitives::timestamp::Timestamp;
use crate::store::LONGEST_DELAY;
use crate::webhooks::attempt::{Attempt, Outcome};
use crate::webhooks::delivery::{Delivery, DeliveryState, KEPT, REMEMBERED, Turn, UNATTENDED};
use crate::webhooks::retry_schedule::{LADDER, Tempo, wait_for_place};
use std::time::Duration;

impl Delivery {
    /// What to do on a message about this delivery.
    #[must_use]
    pub fn turn(&self, now: Timestamp) -> Turn {
        match self.state {
            DeliveryState::Delivered | DeliveryState::GivenUp => Turn::Over,
            DeliveryState::Owed if self.claim.is_some_and(|claim| claim.until > now) => Turn::Claimed,
            DeliveryState::Owed if self.not_before.is_some_and(|at| at > now) => Turn::TooEarly,
            DeliveryState::Owed => Turn::Now,
        }
    }

    /// A sender takes it on until `claim` lapses. A claim that was never given back was a sender's that
    /// died: the receiver has had no say in that, so the ladder stays where it is.
    pub fn take_on(&mut self, claim: Lease, now: Timestamp, tempo: Tempo, jitter: f64) {
        if self.again {
            self.go_to_the_foot();
            self.again = false;
        }
        if self.claim.is_some() {
            self.lost += 1;
        } else {
            self.rung += 1;
        }
        self.close_lost_attempt();
        self.attempts += 1;
        self.log.push(Attempt::begun(self.attempts, now));
        self.log.drain(..self.log.len().saturating_sub(REMEMBERED));
        self.resends = 0;
        self.waits = 0;
        self.parked = false;
        self.claim = Some(claim);
        // Should this sender die too: where one after the other does, the next comes later and later.
        let wait = tempo.next_try(self.lost + 1, None, jitter).unwrap_or_default();
        let next = claim.until.max(now + wait);
        self.not_before = Some(next);
        self.due_at = Some(next);
    }

    /// A try of whose end nobody has told: its sender died. The receiver may have got it.
    fn close_lost_attempt(&mut self) {
        if let Some(lost) = self.log.last_mut().filter(|attempt| attempt.open()) {
            lost.error = Some("the sender was lost, with or without the webhook sent".to_owned());
        }
    }

    /// Whether one sender after the other has died at the same try, for as long as the whole ladder takes.
    #[must_use]
    pub fn worn_out(&self) -> bool {
        let lost = usize::try_from(self.lost).unwrap_or(usize::MAX);
        self.claim.is_some() && lost >= LADDER.len() && !self.again
    }

    /// No further try is made.
    pub fn give_up(&mut self, now: Timestamp) {
        self.close_lost_attempt();
        self.rest(DeliveryState::GivenUp, now);
    }

    fn rest(&mut self, state: DeliveryState, now: Timestamp) {
        self.state = state;
        self.expires_at = self.job_expires_at.min(now + KEPT);
        self.claim = None;
        self.not_before = None;
        self.due_at = None;
    }

    /// A try has come to its end. `url_off` says whether its URL is switched off by now: then no rung
    /// of the ladder is used up, and the delivery is kept.
    pub fn tried(&mut self, outcome: &Outcome, url_off: bool, now: Timestamp, tempo: Tempo, jitter: f64) {
        self.claim = None;
        self.lost = 0;
        let again = std::mem::take(&mut self.again);
        self.even_if_off = again;
        if let Some(attempt) = self.log.last_mut() {
            attempt.end(outcome);
        }
        if outcome.accepted() {
            self.rest(DeliveryState::Delivered, now);
        } else if again {
            self.go_to_the_foot();
            self.put_off(now, Duration::ZERO);
        } else if outcome.gone() {
            self.rest(DeliveryState::GivenUp, now);
        } else if url_off {
            self.park(now);
        } else if let Some(wait) = tempo.next_try(self.rung, outcome.retry_after(), jitter) {
            self.put_off(now, wait);
        } else {
            self.rest(DeliveryState::GivenUp, now);
        }
    }

    /// There is no place at its host now. That is no try.
    pub fn wait_for_place(&mut self, now: Timestamp, jitter: f64) {
        self.waits += 1;
        self.put_off(now, wait_for_place(self.waits, jitter));
    }

    fn put_off(&mut self, now: Timestamp, wait: Duration) {
        let at = now + wait;
        self.not_before = Some(at);
        // If a queue can keep its message so long, the sweeper only looks whether that came.
        self.due_at = Some(if wait <= LONGEST_DELAY { at + UNATTENDED } else { at });
    }

    /// How long its next message is to be delayed, if it has one, and a queue can keep it so long.
    #[must_use]
    pub fn message_delay(&self, now: Timestamp) -> Option<Duration> {
        // A parked one has a time only if it is its URL's try of the day, and waits for a place.
        let at = self.not_before.filter(|_| self.state == DeliveryState::Owed)?;
        Some(at.since(now)).filter(|delay| *delay <= LONGEST_DELAY)
    }

    /// Its URL is switched off: it is kept until the URL is on again.
    pub fn park(&mut self, now: Timestamp) {
        self.close_lost_attempt();
        self.parked = true;
        self.go_to_the_foot();
        // Parked deliveries lie in a part of the due index that belongs to their URL, in this order.
        self.due_at = Some(now);
    }

    /// Its URL is on again, and its message on its way.
    pub fn unpark(&mut self, now: Timestamp) {
        self.parked = false;
        self.due_at = Some(now + UNATTENDED);
    }

    /// Somebody wants it sent again, from the foot of the ladder, with the same `webhook-id`. Says
    /// whether its message is to go out now: of a try that is under way the end comes first, and only if
    /// that is no success another one follows.
    pub fn redeliver(&mut self, now: Timestamp) -> bool {
        self.even_if_off = true;
        if let Some(claim) = self.claim.filter(|claim| claim.until > now) {
            self.again = true;
            // Should its sender die, nobody waits longer than that.
            self.not_before = Some(claim.until);
            self.due_at = Some(claim.until);
            return false;
        }
        self.close_lost_attempt();
        self.state = DeliveryState::Owed;
        self.go_to_the_foot();
        self.resends = 0;
        self.again = false;
        self.parked = false;
        self.due_at = Some(now + UNATTENDED);
        self.expires_at = self.job_expires_at;
        true
    }

    /// Back to the foot of the ladder, with nobody at it.
    fn go_to_the_foot(&mut self) {
        self.claim = None;
        self.not_before = None;
        self.rung = 0;
        self.lost = 0;
        self.waits = 0;
    }

    /// When the next try comes, as far as that is known.
    #[must_use]
    pub fn next_attempt_at(&self, now: Timestamp) -> Option<Timestamp> {
        let under_way = self.claim.is_some_and(|claim| claim.until > now);
        let waiting = self.state == DeliveryState::Owed && !self.parked && !under_way;
        waiting.then(|| self.not_before.map_or(now, |at| at.max(now)))
    }

    /// The sweeper sent its message again. Each time it waits twice as long before the next, for a
    /// message may only be waiting its turn in a long queue.
    pub fn message_sent(&mut self, now: Timestamp) {
        self.resends += 1;
        self.due_at = Some(now + UNATTENDED * 2u32.pow(self.resends.min(6)));
    }
}

#[cfg(test)]
mod tests;
