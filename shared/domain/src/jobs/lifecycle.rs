//! How each event changes a job.

use std::time::Duration;

use crate::jobs::job::Job;
use crate::jobs::outcome::{FailureReason, JobError, JobResult};
use crate::jobs::policy::JobPolicy;
use crate::jobs::status::{InvalidTransition, JobEvent, JobStatus, next_status};
use crate::primitives::lease::Lease;
use crate::primitives::timestamp::Timestamp;

/// The minimum interval between two stored progress values of a job.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

impl Job {
    fn advance(&mut self, event: JobEvent) -> Result<(), InvalidTransition> {
        self.status = next_status(self.status, event)?;
        Ok(())
    }

    pub(super) fn lease_expired(&self, now: Timestamp) -> bool {
        self.lease.is_some_and(|lease| lease.until <= now)
    }

    /// Records that the row of a batched job is about to be written and its message sent afterwards.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended.
    pub fn enqueue(&mut self, now: Timestamp, policy: &JobPolicy) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::Enqueued)?;
        self.due_at = Some(now + policy.requeue_after);
        Ok(())
    }

    /// Records that the queue did not accept the message: the next sweep sends it.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended.
    pub fn message_not_sent(&mut self, now: Timestamp) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::EnqueueFailed)?;
        self.due_at = Some(now);
        Ok(())
    }

    /// Records that the sweeper sent the message again. The time until the next requeue doubles each
    /// time, because the message may only be waiting in a long queue.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended.
    pub fn requeued(&mut self, now: Timestamp, policy: &JobPolicy) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::Enqueued)?;
        self.requeues += 1;
        let next = now + policy.requeue_after * 2u32.pow(self.requeues.min(5));
        // The sweeper must look at the job at its deadline, whatever happens in the queue.
        self.due_at = Some(next.min(self.deadline.max(now + policy.requeue_after)));
        Ok(())
    }

    /// Starts a run that holds `lease`. If the previous lease expired without a release, the previous
    /// worker crashed, which counts as a failure.
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

    /// Stores the worker's progress in percent.
    ///
    /// Progress never decreases, and only the end of the job sets it to 100. A value that arrives less
    /// than [`PROGRESS_INTERVAL`] after the last one is ignored, whichever worker reports it.
    pub fn report_progress(&mut self, percent: u8, now: Timestamp) {
        let last = self.progress_at.or(self.started_at).unwrap_or(self.created_at);
        if percent.min(99) > self.progress && now.since(last) >= PROGRESS_INTERVAL {
            self.progress = percent.min(99);
            self.progress_at = Some(now);
        }
    }

    /// Releases the job until `at`. A failed run counts against the job. Waiting for capacity does not.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended or was never started.
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

    /// Ends the job with its images.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended or was never started.
    pub fn complete(&mut self, result: JobResult, now: Timestamp) -> Result<(), InvalidTransition> {
        self.advance(JobEvent::Completed)?;
        self.progress = 100;
        self.result = Some(result);
        self.end(now);
        Ok(())
    }

    /// Ends the job with the images that there are; `error` says why the others are missing.
    ///
    /// # Errors
    ///
    /// [`InvalidTransition`] if the job has ended or was never started.
    pub fn complete_partly(
        &mut self,
        result: JobResult,
        error: JobError,
        now: Timestamp,
    ) -> Result<(), InvalidTransition> {
        self.complete(result, now)?;
        self.error = Some(error);
        Ok(())
    }

    /// Ends the job without images.
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

    /// Cancels the job. A worker that is running it learns of this at its next write, and the images that
    /// it stores until then are deleted.
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
        // A job that completed in a single attempt left only the images that its row names. In every
        // other case a worker may have left an image, or may still be storing one: the sweeper looks when
        // the last worker is certainly dead.
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
        self.waiting_for = None;
        self.due_at = (self.started_at.is_some() && !clean).then_some(last_worker);
    }

    /// Postpones the cleanup by 10 minutes after it failed, so that jobs that can be cleaned up now come
    /// first.
    pub fn defer_cleanup(&mut self, now: Timestamp) {
        self.due_at = Some(now + Duration::from_secs(600));
    }

    /// Records that only the images that the row names are left in the image store.
    pub fn cleaned_up(&mut self) {
        self.due_at = None;
    }

    /// Returns the error of a job that must end without images at `now`: the deadline has passed, or else
    /// too many runs failed.
    #[must_use]
    pub fn ending_error(&self, now: Timestamp) -> JobError {
        if now >= self.deadline { self.deadline_error() } else { self.exhausted_error() }
    }

    /// Returns the error of a job whose deadline has passed.
    #[must_use]
    pub fn deadline_error(&self) -> JobError {
        let hours = self.deadline.since(self.created_at).as_secs_f64() / 3600.0;
        JobError {
            reason: FailureReason::DeadlineExceeded,
            message: format!("no provider finished the job within {hours} hours of its acceptance"),
            retryable: true,
            retry_after_seconds: None,
            warnings: Vec::new(),
            missing: 0,
        }
    }

    /// Returns the error of a job of which too many runs failed.
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
            missing: 0,
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
