//! The states of a job and the only ways between them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// Accepted, but the message that wakes a worker has not gone out yet.
    Pending,
    /// Accepted, and its message is on its way.
    Queued,
    /// A worker has taken it up at least once.
    Processing,
    /// Ended well.
    Completed,
    /// Ended without pictures.
    Failed,
    /// Ended because its owner said so.
    Cancelled,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobEvent {
    /// The queue took its message.
    Enqueued,
    /// The queue did not take its message.
    EnqueueFailed,
    /// A worker leased it.
    Leased,
    /// Its worker put it back, to be taken up again later.
    Deferred,
    /// Its pictures are stored.
    Completed,
    /// It will have no pictures.
    Failed,
    /// Its owner wants it no more.
    Cancelled,
}

/// The event cannot happen to a job in that state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransition {
    /// An ended job never changes again.
    #[error("the job has ended")]
    Ended,
    /// Only a worker that took the job up can end it so or put it back.
    #[error("no worker has taken the job up")]
    NotStarted,
}

impl JobStatus {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Queued, Self::Processing, Self::Completed, Self::Failed, Self::Cancelled];

    /// Whether the job is over.
    #[must_use]
    pub const fn ended(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Pending | Self::Queued | Self::Processing => false,
        }
    }

    /// The word for it on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The state after `event`, from `status`. Total: every pair has its arm, and nothing else in the
/// project may change a status.
///
/// # Errors
///
/// [`InvalidTransition`] where the event cannot happen; the job stays as it is.
pub const fn next_status(status: JobStatus, event: JobEvent) -> Result<JobStatus, InvalidTransition> {
    use JobEvent as E;
    use JobStatus as S;
    match (status, event) {
        // A message may be known to have gone out only after a worker has begun: that changes nothing then.
        (S::Pending | S::Queued, E::Enqueued) => Ok(S::Queued),
        (S::Pending | S::Queued, E::EnqueueFailed) => Ok(S::Pending),
        (S::Processing, E::Enqueued | E::EnqueueFailed) => Ok(S::Processing),

        // A lease over a lapsed lease is a takeover.
        (S::Pending | S::Queued | S::Processing, E::Leased) => Ok(S::Processing),
        (S::Processing, E::Deferred) => Ok(S::Processing),
        (S::Processing, E::Completed) => Ok(S::Completed),
        (S::Pending | S::Queued, E::Deferred | E::Completed) => Err(InvalidTransition::NotStarted),

        // A job may fail or be cancelled before any worker saw it: by its deadline, by its owner.
        (S::Pending | S::Queued | S::Processing, E::Failed) => Ok(S::Failed),
        (S::Pending | S::Queued | S::Processing, E::Cancelled) => Ok(S::Cancelled),

        (
            S::Completed | S::Failed | S::Cancelled,
            E::Enqueued
            | E::EnqueueFailed
            | E::Leased
            | E::Deferred
            | E::Completed
            | E::Failed
            | E::Cancelled,
        ) => Err(InvalidTransition::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn statuses() -> impl Strategy<Value = JobStatus> {
        prop::sample::select(&JobStatus::ALL)
    }

    fn events() -> impl Strategy<Value = JobEvent> {
        use JobEvent as E;
        prop::sample::select(&[
            E::Enqueued,
            E::EnqueueFailed,
            E::Leased,
            E::Deferred,
            E::Completed,
            E::Failed,
            E::Cancelled,
        ])
    }

    /// How far along a state is; no event may lead back, but for a message that did not go out.
    fn rank(status: JobStatus) -> u8 {
        match status {
            JobStatus::Pending | JobStatus::Queued => 0,
            JobStatus::Processing => 1,
            JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => 2,
        }
    }

    proptest! {
        #[test]
        fn an_ended_job_never_changes(status in statuses(), event in events()) {
            prop_assert_eq!(next_status(status, event) == Err(InvalidTransition::Ended), status.ended());
        }

        #[test]
        fn nothing_leads_back(status in statuses(), event in events()) {
            if let Ok(after) = next_status(status, event) {
                prop_assert!(rank(after) >= rank(status));
            }
        }

        #[test]
        fn any_history_has_at_most_one_ending(events in prop::collection::vec(events(), 0..40)) {
            let mut status = JobStatus::Queued;
            let mut endings = 0;
            for event in events {
                if let Ok(after) = next_status(status, event) {
                    endings += u32::from(after.ended());
                    status = after;
                }
            }
            prop_assert_eq!(endings, u32::from(status.ended()));
        }

        #[test]
        fn a_job_completes_only_after_a_lease(events in prop::collection::vec(events(), 0..40)) {
            let (mut status, mut leased) = (JobStatus::Queued, false);
            for event in events {
                if let Ok(after) = next_status(status, event) {
                    leased |= event == JobEvent::Leased;
                    status = after;
                }
            }
            prop_assert!(status != JobStatus::Completed || leased);
        }

        #[test]
        fn the_same_event_twice_leads_no_further_than_once(status in statuses(), event in events()) {
            if let Ok(once) = next_status(status, event) {
                prop_assert!(next_status(once, event).is_err() || next_status(once, event) == Ok(once));
            }
        }
    }
}
