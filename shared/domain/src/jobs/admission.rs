//! Decides what a worker does with a job when the job's message arrives.

use std::time::Duration;

use crate::jobs::job::Job;
use crate::jobs::policy::JobPolicy;
use crate::primitives::timestamp::Timestamp;

/// What a worker does with a job whose message it received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Start a run.
    Run,
    /// Do nothing: the job has ended.
    Ended,
    /// Do nothing: another worker holds the lease. The sweeper requeues the job if that worker dies.
    Leased,
    /// Do nothing: the job was released until a later time, and a message for that time is on its way.
    TooEarly,
    /// Fail the job: its deadline has passed.
    Expired,
    /// Fail the job: too many of its runs failed.
    Exhausted,
    /// The deadline has passed or too many runs failed, but an earlier run may have stored images that are
    /// already paid for. Start one more run, make no paid call, and end the job with the
    /// images that exist.
    RecoverOnly,
}

/// How long after a job's deadline the images of a crashed worker can still be recovered.
const RECOVERY_WINDOW: Duration = Duration::from_secs(30 * 60);

/// The number of crashes during recovery after which the job is ended.
const MAX_RECOVERY_CRASHES: u32 = 3;

impl Job {
    /// Returns what a worker does at `now` with a message about this job.
    #[must_use]
    pub fn admission(&self, now: Timestamp, policy: &JobPolicy) -> Admission {
        let failures = self.failures + u32::from(self.lease_expired(now));
        let over = now >= self.deadline || failures >= policy.max_failures;
        if self.status.ended() {
            Admission::Ended
        } else if self.lease.is_some_and(|lease| lease.until > now) {
            Admission::Leased
        } else if over && self.may_have_images(now, failures, policy) {
            Admission::RecoverOnly
        } else if now >= self.deadline {
            Admission::Expired
        } else if over {
            Admission::Exhausted
        } else if self.not_before.is_some_and(|at| at > now) {
            Admission::TooEarly
        } else {
            Admission::Run
        }
    }

    /// Whether an earlier run may have stored images that one more run would find. A crash during that run
    /// is followed by another one, but not without end.
    fn may_have_images(&self, now: Timestamp, failures: u32, policy: &JobPolicy) -> bool {
        if self.lease_expired(now) {
            now < self.deadline + RECOVERY_WINDOW && failures < policy.max_failures + MAX_RECOVERY_CRASHES
        } else {
            self.attempts > 0
        }
    }
}
