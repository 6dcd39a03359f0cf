//! What a worker should do with a job when its message arrives.

use crate::jobs::job::Job;
use crate::jobs::policy::JobPolicy;
use crate::primitives::timestamp::Timestamp;
use std::time::Duration;

/// What a worker that was handed a job should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Take it up.
    Run,
    /// Nothing: it is over.
    Ended,
    /// Nothing: somebody works at it, and the sweeper looks after it.
    Leased,
    /// Nothing: its time comes later, and so does its message.
    TooEarly,
    /// End it: its time is up.
    Expired,
    /// End it: it failed too often.
    Exhausted,
    /// Its time or its tries are up, but its last worker died and may have stored what was paid for:
    /// take it up once more, ask for nothing that costs money, and end it by what is there.
    RecoverOnly,
}

/// How long after a job's deadline its last worker's images may still be salvaged.
const RECOVERY_WINDOW: Duration = Duration::from_secs(30 * 60);

/// How many crashes of a worker that salvages are too many.
const MAX_RECOVERY_CRASHES: u32 = 3;

impl Job {
    /// What to do on a message about this job.
    #[must_use]
    pub fn admission(&self, now: Timestamp, policy: &JobPolicy) -> Admission {
        let failures = self.failures + u32::from(self.lease_expired(now));
        let over = now >= self.deadline || failures >= policy.max_failures;
        if self.status.ended() {
            Admission::Ended
        } else if self.lease.is_some_and(|lease| lease.until > now) {
            Admission::Leased
        } else if over
            && self.lease_expired(now)
            && now < self.deadline + RECOVERY_WINDOW
            && failures < policy.max_failures + MAX_RECOVERY_CRASHES
        {
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
}
