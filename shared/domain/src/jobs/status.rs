//! The states of a job and the transitions between them.

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

/// An event that may change the status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobEvent {
    /// The queue accepted the job's message.
    Enqueued,
    /// The queue did not accept the job's message.
    EnqueueFailed,
    /// A worker started a run.
    Leased,
    /// The worker released the job, to be started again later.
    Deferred,
    /// The job's images are stored.
    Completed,
    /// The job ends without images.
    Failed,
    /// The job's owner cancelled it.
    Cancelled,
}

/// The event is not possible in the job's current state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTransition {
    /// An ended job never changes.
    #[error("the job has ended")]
    Ended,
    /// Only a worker that started the job can complete or release it.
    #[error("no worker has started the job")]
    NotStarted,
}

impl JobStatus {
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Queued, Self::Processing, Self::Completed, Self::Failed, Self::Cancelled];

    #[must_use]
    pub const fn ended(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Pending | Self::Queued | Self::Processing => false,
        }
    }

    /// Returns the value on the wire.
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

/// Returns the status after `event`.
///
/// The match covers every pair of status and event. A job's status must not be changed anywhere else.
///
/// # Errors
///
/// [`InvalidTransition`] if the event is not possible in this state. The job then stays as it is.
///
/// # Examples
///
/// ```
/// use domain::jobs::{InvalidTransition, JobEvent, JobStatus, next_status};
///
/// // A worker takes a lease; later another worker takes over from it.
/// assert_eq!(next_status(JobStatus::Queued, JobEvent::Leased), Ok(JobStatus::Processing));
/// assert_eq!(next_status(JobStatus::Processing, JobEvent::Leased), Ok(JobStatus::Processing));
/// // A job that has ended never changes again.
/// assert_eq!(next_status(JobStatus::Failed, JobEvent::Leased), Err(InvalidTransition::Ended));
/// ```
pub const fn next_status(status: JobStatus, event: JobEvent) -> Result<JobStatus, InvalidTransition> {
    use JobEvent as E;
    use JobStatus as S;
    match (status, event) {
        // The confirmation that a message was sent may arrive after a run has started. It changes nothing
        // then.
        (S::Pending | S::Queued, E::Enqueued) => Ok(S::Queued),
        (S::Pending | S::Queued, E::EnqueueFailed) => Ok(S::Pending),
        (S::Processing, E::Enqueued | E::EnqueueFailed) => Ok(S::Processing),

        // A lease that replaces an expired lease is a takeover.
        (S::Pending | S::Queued | S::Processing, E::Leased) => Ok(S::Processing),
        (S::Processing, E::Deferred) => Ok(S::Processing),
        (S::Processing, E::Completed) => Ok(S::Completed),
        (S::Pending | S::Queued, E::Deferred | E::Completed) => Err(InvalidTransition::NotStarted),

        // A job may fail by its deadline, or be cancelled by its owner, before any run.
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

    /// The rank of a status. No event decreases it. A message that was not sent leads from queued to
    /// pending, so both have the same rank.
    fn rank(status: JobStatus) -> u8 {
        match status {
            JobStatus::Pending | JobStatus::Queued => 0,
            JobStatus::Processing => 1,
            JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled => 2,
        }
    }

    proptest! {
        #[test]
        fn ended_job_rejects_every_event(status in statuses(), event in events()) {
            prop_assert_eq!(next_status(status, event) == Err(InvalidTransition::Ended), status.ended());
        }

        #[test]
        fn next_status_never_goes_back(status in statuses(), event in events()) {
            if let Ok(after) = next_status(status, event) {
                prop_assert!(rank(after) >= rank(status));
            }
        }

        #[test]
        fn event_sequence_ends_a_job_at_most_once(events in prop::collection::vec(events(), 0..40)) {
            let mut status = JobStatus::Queued;
            let mut times_ended = 0;
            for event in events {
                if let Ok(after) = next_status(status, event) {
                    times_ended += u32::from(after.ended());
                    status = after;
                }
            }
            prop_assert_eq!(times_ended, u32::from(status.ended()));
        }

        #[test]
        fn job_completes_only_after_a_lease(events in prop::collection::vec(events(), 0..40)) {
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
        fn repeated_event_does_not_change_status_again(status in statuses(), event in events()) {
            if let Ok(once) = next_status(status, event) {
                prop_assert!(next_status(once, event).is_err() || next_status(once, event) == Ok(once));
            }
        }
    }
}
