//! The pauses between attempts at a call that must succeed before a deadline.

use std::time::Duration;

use domain::Timestamp;
use domain::store::StoreError;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Exponential backoff up to a deadline: 100 ms, doubled with each attempt, at most 5 s.
///
/// Not the crate `backon`: what is repeated here reads the row again after a conflict and then goes on
/// without a pause, which does not fit a retried closure.
#[derive(Debug)]
pub struct Backoff {
    pause: Duration,
    deadline: Timestamp,
}

impl Backoff {
    /// Pauses for attempts that must begin before `deadline`.
    #[must_use]
    pub const fn until(deadline: Timestamp) -> Self {
        Self { pause: FIRST_PAUSE, deadline }
    }

    /// Sleeps until the next attempt after `error`. Returns `false`, at once, if that attempt would begin too
    /// late, or if no attempt can succeed.
    pub async fn pause(&mut self, error: &StoreError) -> bool {
        if !error.may_pass() || Timestamp::now() + self.pause >= self.deadline {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(MAX_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pauses_double_and_end_at_the_deadline() {
        let mut backoff = Backoff::until(Timestamp::now() + Duration::from_millis(250));
        assert!(backoff.pause(&StoreError::Conflict).await);
        assert_eq!(backoff.pause, FIRST_PAUSE * 2);
        assert!(!backoff.pause(&StoreError::Conflict).await, "200 ms more would be too late");
    }

    #[tokio::test]
    async fn denied_call_is_not_attempted_again() {
        let mut backoff = Backoff::until(Timestamp::now() + Duration::from_secs(60));
        assert!(!backoff.pause(&StoreError::Denied("GetItem: AccessDeniedException".into())).await);
        assert!(backoff.pause(&StoreError::Throttled("GetItem: ThrottlingException".into())).await);
    }
}
