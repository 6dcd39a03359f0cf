//! How each try at a webhook, and the wish for one, changes its row.

use crate::primitives::lease::Lease;
use crate::primitives::timestamp::Timestamp;
use crate::store::MAX_QUEUE_DELAY;
use crate::webhooks::attempt::{Attempt, Outcome};
use crate::webhooks::delivery::{
    Delivery, DeliveryState, MAX_ATTEMPTS_KEPT, MESSAGE_GRACE, RETENTION, Readiness,
};
use crate::webhooks::retry_schedule::{RETRY_SCHEDULE, TimeScale, permit_backoff};
use std::time::Duration;

impl Delivery {
    /// What to do on a message about this delivery.
    #[must_use]
    pub fn readiness(&self, now: Timestamp) -> Readiness {
        match self.state {
            DeliveryState::Delivered | DeliveryState::GivenUp => Readiness::Ended,
            DeliveryState::Pending if self.lease.is_some_and(|lease| lease.until > now) => Readiness::Leased,
            DeliveryState::Pending if self.not_before.is_some_and(|at| at > now) => Readiness::TooEarly,
            DeliveryState::Pending => Readiness::Due,
        }
    }

    /// A sender takes it on until `lease` lapses. A claim that was never given back was a sender's that
    /// died: the receiver has had no say in that, so the ladder stays where it is.
    pub fn begin_attempt(&mut self, lease: Lease, now: Timestamp, time_scale: TimeScale, jitter: f64) {
        if self.redeliver_requested {
            self.restart_schedule();
            self.redeliver_requested = false;
        }
        if self.lease.is_some() {
            self.crashes += 1;
        } else {
            self.retry_index += 1;
        }
        self.close_crashed_attempt();
        self.attempts += 1;
        self.log.push(Attempt::begun(self.attempts, now));
        self.log.drain(..self.log.len().saturating_sub(MAX_ATTEMPTS_KEPT));
        self.requeues = 0;
        self.deferrals = 0;
        self.held = false;
        self.lease = Some(lease);
        // Should this sender die too: where one after the other does, the next comes later and later.
        let wait = time_scale.next_delay(self.crashes + 1, None, jitter).unwrap_or_default();
        let next = lease.until.max(now + wait);
        self.not_before = Some(next);
        self.due_at = Some(next);
    }

    /// A try of whose end nobody has told: its sender died. The receiver may have got it.
    fn close_crashed_attempt(&mut self) {
        if let Some(crashes) = self.log.last_mut().filter(|attempt| attempt.open()) {
            crashes.error = Some("the sender was lost, with or without the webhook sent".to_owned());
        }
    }

    /// Whether one sender after the other has died at the same try, for as long as the whole ladder takes.
    #[must_use]
    pub fn crash_limit_reached(&self) -> bool {
        let crashes = usize::try_from(self.crashes).unwrap_or(usize::MAX);
        self.lease.is_some() && crashes >= RETRY_SCHEDULE.len() && !self.redeliver_requested
    }

    /// No further try is made.
    pub fn give_up(&mut self, now: Timestamp) {
        self.close_crashed_attempt();
        self.finish(DeliveryState::GivenUp, now);
    }

    fn finish(&mut self, state: DeliveryState, now: Timestamp) {
        self.state = state;
        self.expires_at = self.job_expires_at.min(now + RETENTION);
        self.lease = None;
        self.not_before = None;
        self.due_at = None;
    }

    /// A try has come to its end. `url_disabled` says whether its URL is switched off by now: then no rung
    /// of the ladder is used up, and the delivery is kept.
    pub fn record_outcome(
        &mut self,
        outcome: &Outcome,
        url_disabled: bool,
        now: Timestamp,
        time_scale: TimeScale,
        jitter: f64,
    ) {
        self.lease = None;
        self.crashes = 0;
        let redeliver_requested = std::mem::take(&mut self.redeliver_requested);
        self.bypass_disabled = redeliver_requested;
        if let Some(attempt) = self.log.last_mut() {
            attempt.end(outcome);
        }
        if outcome.accepted() {
            self.finish(DeliveryState::Delivered, now);
        } else if redeliver_requested {
            self.restart_schedule();
            self.schedule(now, Duration::ZERO);
        } else if outcome.gone() {
            self.finish(DeliveryState::GivenUp, now);
        } else if url_disabled {
            self.hold(now);
        } else if let Some(wait) = time_scale.next_delay(self.retry_index, outcome.retry_after(), jitter) {
            self.schedule(now, wait);
        } else {
            self.finish(DeliveryState::GivenUp, now);
        }
    }

    /// There is no place at its host now. That is no try.
    pub fn defer_for_permit(&mut self, now: Timestamp, jitter: f64) {
        self.deferrals += 1;
        self.schedule(now, permit_backoff(self.deferrals, jitter));
    }

    fn schedule(&mut self, now: Timestamp, wait: Duration) {
        let at = now + wait;
        self.not_before = Some(at);
        // If a queue can keep its message so long, the sweeper only looks whether that came.
        self.due_at = Some(if wait <= MAX_QUEUE_DELAY { at + MESSAGE_GRACE } else { at });
    }

    /// How long its next message is to be delayed, if it has one, and a queue can keep it so long.
    #[must_use]
    pub fn message_delay(&self, now: Timestamp) -> Option<Duration> {
        // A parked one has a time only if it is its URL's try of the day, and waits for a place.
        let at = self.not_before.filter(|_| self.state == DeliveryState::Pending)?;
        Some(at.since(now)).filter(|delay| *delay <= MAX_QUEUE_DELAY)
    }

    /// Its URL is switched off: it is kept until the URL is on again.
    pub fn hold(&mut self, now: Timestamp) {
        self.close_crashed_attempt();
        self.held = true;
        self.restart_schedule();
        // Parked deliveries lie in a part of the due index that belongs to their URL, in this order.
        self.due_at = Some(now);
    }

    /// Its URL is on again, and its message on its way.
    pub fn release(&mut self, now: Timestamp) {
        self.held = false;
        self.due_at = Some(now + MESSAGE_GRACE);
    }

    /// Somebody wants it sent again, from the foot of the ladder, with the same `webhook-id`. Says
    /// whether its message is to go out now: of a try that is under way the end comes first, and only if
    /// that is no success another one follows.
    pub fn redeliver(&mut self, now: Timestamp) -> bool {
        self.bypass_disabled = true;
        if let Some(lease) = self.lease.filter(|lease| lease.until > now) {
            self.redeliver_requested = true;
            // Should its sender die, nobody waits longer than that.
            self.not_before = Some(lease.until);
            self.due_at = Some(lease.until);
            return false;
        }
        self.close_crashed_attempt();
        self.state = DeliveryState::Pending;
        self.restart_schedule();
        self.requeues = 0;
        self.redeliver_requested = false;
        self.held = false;
        self.due_at = Some(now + MESSAGE_GRACE);
        self.expires_at = self.job_expires_at;
        true
    }

    /// Back to the foot of the ladder, with nobody at it.
    fn restart_schedule(&mut self) {
        self.lease = None;
        self.not_before = None;
        self.retry_index = 0;
        self.crashes = 0;
        self.deferrals = 0;
    }

    /// When the next try comes, as far as that is known.
    #[must_use]
    pub fn next_attempt_at(&self, now: Timestamp) -> Option<Timestamp> {
        let under_way = self.lease.is_some_and(|lease| lease.until > now);
        let waiting = self.state == DeliveryState::Pending && !self.held && !under_way;
        waiting.then(|| self.not_before.map_or(now, |at| at.max(now)))
    }

    /// The sweeper sent its message again. Each time it waits twice as long before the next, for a
    /// message may only be waiting its turn in a long queue.
    pub fn message_resent(&mut self, now: Timestamp) {
        self.requeues += 1;
        self.due_at = Some(now + MESSAGE_GRACE * 2u32.pow(self.requeues.min(6)));
    }
}

#[cfg(test)]
mod tests;
