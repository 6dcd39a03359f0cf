//! How each event changes a delivery: attempts, holds, releases and redeliveries.

use std::time::Duration;

use crate::primitives::lease::Lease;
use crate::primitives::timestamp::Timestamp;
use crate::store::MAX_QUEUE_DELAY;
use crate::webhooks::attempt::{Attempt, Outcome};
use crate::webhooks::delivery::{
    Delivery, DeliveryState, MAX_ATTEMPTS_KEPT, MESSAGE_GRACE, RETENTION, Readiness,
};
use crate::webhooks::retry_schedule::{RETRY_SCHEDULE, TimeScale};

/// How long a delivery waits in a line for the first time before the sweeper sends its message.
const WAIT_IN_LINE: Duration = Duration::from_secs(600);

/// How often this time doubles: up to some ten hours.
const MAX_WAIT_DOUBLINGS: u32 = 6;

impl Delivery {
    /// Returns what a sender does at `now` with a message about this delivery.
    #[must_use]
    pub fn readiness(&self, now: Timestamp) -> Readiness {
        match self.state {
            DeliveryState::Delivered | DeliveryState::GivenUp => Readiness::Ended,
            DeliveryState::Pending if self.lease.is_some_and(|lease| lease.until > now) => Readiness::Leased,
            DeliveryState::Pending if self.not_before.is_some_and(|at| at > now) => Readiness::TooEarly,
            DeliveryState::Pending => Readiness::Due,
        }
    }

    /// Begins an attempt that holds `lease`.
    ///
    /// If the previous lease expired without an outcome, its sender crashed. The endpoint was not the
    /// cause, so the retry index stays the same. `jitter` is from 0 to 1, see [`TimeScale::next_delay`].
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
        // In case this sender crashes too: the more senders crash in a row, the later the next attempt.
        let wait = time_scale.next_delay(self.crashes + 1, None, jitter).unwrap_or_default();
        let next = lease.until.max(now + wait);
        self.not_before = Some(next);
        self.due_at = Some(next);
    }

    /// Closes an attempt without an outcome: its sender crashed. The endpoint may have received the
    /// webhook.
    fn close_crashed_attempt(&mut self) {
        if let Some(attempt) = self.log.last_mut().filter(|last| last.open()) {
            attempt.error = Some("the sender was lost, with or without the webhook sent".to_owned());
        }
    }

    /// Returns whether so many senders in a row crashed at the same position that their pauses add up to
    /// the whole retry schedule.
    #[must_use]
    pub fn crash_limit_reached(&self) -> bool {
        let crashes = usize::try_from(self.crashes).unwrap_or(usize::MAX);
        self.lease.is_some() && crashes >= RETRY_SCHEDULE.len() && !self.redeliver_requested
    }

    /// Ends the delivery without success: no further attempt is made.
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

    /// Records the outcome of an attempt.
    ///
    /// `url_disabled` says whether the endpoint is disabled by now. If so, a failure does not use up a
    /// step of the retry schedule: the delivery is held. `jitter` is from 0 to 1, see
    /// [`TimeScale::next_delay`].
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

    /// Records that the delivery has joined a waiting line. This is not an attempt.
    ///
    /// It is woken when it is its turn. Only if that is lost, the sweeper sends its message: the time until
    /// then doubles each time that the delivery joins a line, so that waiting costs ever fewer looks.
    pub fn wait_in_line(&mut self, now: Timestamp) {
        self.deferrals += 1;
        self.not_before = None;
        if !self.held {
            let longer = 2u32.pow(self.deferrals.saturating_sub(1).min(MAX_WAIT_DOUBLINGS));
            self.due_at = Some(now + WAIT_IN_LINE * longer);
        }
    }

    /// Defers the delivery because its host has too many waiting lines: the sweeper sends its message.
    pub fn wait_outside(&mut self, now: Timestamp) {
        self.deferrals += 1;
        self.not_before = None;
        if !self.held {
            self.due_at = Some(now + MESSAGE_GRACE * 2u32.pow(self.deferrals.min(MAX_WAIT_DOUBLINGS)));
        }
    }

    fn schedule(&mut self, now: Timestamp, wait: Duration) {
        let at = now + wait;
        self.not_before = Some(at);
        // If a queue can delay the message that long, the sweeper only checks that it arrived.
        self.due_at = Some(if wait <= MAX_QUEUE_DELAY { at + MESSAGE_GRACE } else { at });
    }

    /// Returns how long the next message must be delayed. `None` if there is no next message, or if the
    /// delay is longer than [`MAX_QUEUE_DELAY`].
    #[must_use]
    pub fn message_delay(&self, now: Timestamp) -> Option<Duration> {
        let at = self.not_before.filter(|_| self.state == DeliveryState::Pending)?;
        Some(at.since(now)).filter(|delay| *delay <= MAX_QUEUE_DELAY)
    }

    /// Holds the delivery because its endpoint is disabled, until that is enabled again.
    pub fn hold(&mut self, now: Timestamp) {
        self.close_crashed_attempt();
        self.held = true;
        self.restart_schedule();
        // Held deliveries are in a shard of the due index that belongs to their endpoint, in this order.
        self.due_at = Some(now);
    }

    /// Releases the delivery because its endpoint is enabled again. Its message is on its way.
    pub fn release(&mut self, now: Timestamp) {
        self.held = false;
        self.due_at = Some(now + MESSAGE_GRACE);
    }

    /// Requests a redelivery from the start of the retry schedule, with the same `webhook-id`.
    ///
    /// Returns whether the message must be sent now. If an attempt is in progress, its outcome comes
    /// first, and another attempt follows only if it does not succeed.
    pub fn redeliver(&mut self, now: Timestamp) -> bool {
        self.bypass_disabled = true;
        if let Some(lease) = self.lease.filter(|lease| lease.until > now) {
            self.redeliver_requested = true;
            // If the sender crashes, the redelivery begins at this time at the latest.
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

    /// Returns to the start of the retry schedule, without a lease.
    fn restart_schedule(&mut self) {
        self.lease = None;
        self.not_before = None;
        self.retry_index = 0;
        self.crashes = 0;
        self.deferrals = 0;
    }

    /// Returns when the next attempt begins, if that is known.
    #[must_use]
    pub fn next_attempt_at(&self, now: Timestamp) -> Option<Timestamp> {
        let under_way = self.lease.is_some_and(|lease| lease.until > now);
        let waiting = self.state == DeliveryState::Pending && !self.held && !under_way;
        waiting.then(|| self.not_before.map_or(now, |at| at.max(now)))
    }

    /// Records that the sweeper sent the message again. The time until the next requeue doubles each
    /// time, because the message may only be waiting in a long queue.
    pub fn requeued(&mut self, now: Timestamp) {
        self.requeues += 1;
        self.due_at = Some(now + MESSAGE_GRACE * 2u32.pow(self.requeues.min(6)));
    }
}

#[cfg(test)]
mod tests;
