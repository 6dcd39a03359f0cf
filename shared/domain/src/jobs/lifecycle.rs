//! How each event changes a job.

use crate::jobs::job::Job;
use crate::jobs::outcome::{FailureReason, JobError, JobResult};
use crate::jobs::policy::JobPolicy;
use crate::jobs::status::{InvalidTransition, JobEvent, JobStatus, next_status};
use crate::primitives::lease::Lease;
use crate::primitives::timestamp::Timestamp;
use std::time::Duration;

/// How far apart two reports of a job's progress are at the least.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

impl Job {
    fn advance(&mut self, event: JobEvent) -> Result<(), InvalidTransition> {
        self.status = next_status(self.status, event)?;
        Ok(())
    }

    pub(super) fn lease_expired(&self, now: Timestamp) -> bool {
        self.lease.is_some_and(|lease| lease.until <= now)
    }

    /// Its row is about to be written, and its message to go out after it.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended.
    pub fn enqueue(&mut self, now: Timestamp, policy: &JobPolicy) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::Enqueued)?;
        self.due_at = Some(now + policy.requeue_after);
        Ok(())
    }

    /// The queue did not take the message: the next sweep shall send it.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended.
    pub fn message_not_sent(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::EnqueueFailed)?;
        self.due_at = Some(now);
        Ok(())
    }

    /// The sweeper sent the message again. Each time it waits twice as long before the next,
    /// for a message may only be waiting its turn in a long queue.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended.
    pub fn message_resent(&mut self, now: Timestamp, policy: &JobPolicy) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::Enqueued)?;
        self.requeues += 1;
        let next = now + policy.requeue_after * 2u32.pow(self.requeues.min(5));
        // Whatever the queue does, the sweeper is there when the job must end.
        self.due_at = Some(next.min(self.deadline.max(now + policy.requeue_after)));
        Ok(())
    }

    /// A worker takes it up until `lease` lapses. A lease that was never given back was a crash.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended.
    pub fn start(&mut self, lease: Lease, now: Timestamp) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::Leased)?;
        if self.lease_expired(now) {
            self.failures += 1;
            self.worker_crashed();
        }
        self.started_at.get_or_insert(now);
        self.lease = Some(lease);
        self.not_before = None;
        self.requeues = 0;
        self.due_at = Some(lease.until);
        Ok(())
    }

    /// Its worker has come so far. Never goes backwards, and only the end makes it 100; what comes sooner
    /// than [`PROGRESS_INTERVAL`] after the last is left out, whichever worker it comes from.
    pub fn report_progress(&mut self, percent: u8, now: Timestamp) {
        let last = self.progress_at.or(self.started_at).unwrap_or(self.created_at);
        if percent.min(99) > self.progress && now.since(last) >= PROGRESS_INTERVAL {
            self.progress = percent.min(99);
            self.progress_at = Some(now);
        }
    }

    /// Its worker gives it back until `at`. A failed try counts against the job; waiting for room does not.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended or was never taken up.
    pub fn release(
        &mut self,
        at: Timestamp,
        failed: bool,
        policy: &JobPolicy,
    ) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::Deferred)?;
        self.failures += u32::from(failed);
        self.lease = None;
        self.not_before = Some(at);
        self.due_at = Some((at + policy.requeue_after).min(self.deadline.max(at)));
        Ok(())
    }

    /// It ends well.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended or was never taken up.
    pub fn complete(&mut self, result: JobResult, now: Timestamp) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::Completed)?;
        self.progress = 100;
        self.result = Some(result);
        self.end(now);
        Ok(())
    }

    /// It ends without images.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended.
    pub fn fail(&mut self, error: JobError, now: Timestamp) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::Failed)?;
        self.error = Some(error);
        self.end(now);
        Ok(())
    }

    /// Its owner wants it no more. A worker that is at it finds out at its next write, and what it
    /// stores until then is deleted.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::Cancelled)?;
        self.end(now);
        Ok(())
    }

    fn end(&mut self, now: Timestamp) {
        // A single try that completed a job has stored what the row names and nothing else. In
        // every other case a worker may have left an image, or may still be storing one: the
        // sweeper looks when the last of them is certainly dead.
        let clean = self.status == JobStatus::Completed && self.attempts <= 1 && self.failures == 0;
        let last_worker = self.lease.take().map_or(now, |lease| match self.status {
            JobStatus::Completed => now,
            JobStatus::Failed
            | JobStatus::Cancelled
            | JobStatus::Pending
            | JobStatus::Queued
            | JobStatus::Processing => lease.until.max(now),
        });
        self.completed_at = Some(now);
        self.not_before = None;
        self.due_at = (self.started_at.is_some() && !clean).then_some(last_worker);
    }

    /// Its clean-up failed: later, behind what can be seen to now.
    pub fn defer_cleanup(&mut self, now: Timestamp) {
        self.due_at = Some(now + Duration::from_secs(600));
    }

    /// Nothing is left of it in the store but what its row names.
    pub fn cleaned_up(&mut self) {
        self.due_at = None;
    }

    /// The error of a job that must end without images at `now`: its time is up, or else its tries are.
    #[must_use]
    pub fn ending_error(&self, now: Timestamp) -> JobError {
        if now >= self.deadline { self.deadline_error() } else { self.exhausted_error() }
    }

    /// The error of a job whose time is up.
    #[must_use]
    pub fn deadline_error(&self) -> JobError {
        let hours = self.deadline.since(self.created_at).as_secs_f64() / 3600.0;
        JobError {
            reason: FailureReason::DeadlineExceeded,
            message: format!("no provider finished the job within {hours} hours of its acceptance"),
            retryable: true,
            retry_after_seconds: None,
            warnings: Vec::new(),
        }
    }

    /// The error of a job that failed too often.
    #[must_use]
    pub fn exhausted_error(&self) -> JobError {
        JobError {
            reason: FailureReason::AttemptsExhausted,
            message: match self.failed_attempts().last() {
                Some((last, failure)) => format!(
                    "{} attempts failed, the last one at {}: {}",
                    self.attempts, last.provider, failure.message
                ),
                None => format!("{} attempts failed", self.attempts),
            },
            retryable: true,
            retry_after_seconds: None,
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
