//! The operator's time limits and bounds for jobs.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::primitives::timestamp::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Time limits and bounds for jobs, set by the operator.
#[derive(Debug, Clone, Copy)]
pub struct JobPolicy {
    /// How long the sweeper waits for a message to have an effect before it sends another one.
    pub requeue_after: Duration,
    /// How many failed runs end a job.
    pub max_failures: u32,
    /// From the acceptance of a job to its deadline.
    pub lifetime: Duration,
    /// How long images are kept after the acceptance.
    pub keep_images: Duration,
    /// How long jobs are kept after their acceptance.
    pub keep_jobs: Duration,
}

impl JobPolicy {
    /// Returns the deadline and the expiry times of a job that is accepted at `now`.
    #[must_use]
    pub fn lifetimes(&self, now: Timestamp) -> Lifetimes {
        Lifetimes {
            deadline: now + self.lifetime,
            expires_at: now + self.keep_jobs,
            images_expire_at: now + self.keep_images,
        }
    }
}

impl Default for JobPolicy {
    fn default() -> Self {
        Self {
            requeue_after: Duration::from_secs(120),
            max_failures: 5,
            lifetime: DAY,
            keep_images: DAY.saturating_mul(30),
            keep_jobs: DAY.saturating_mul(90),
        }
    }
}

/// The deadline and the expiry times of a job. They are fixed at the acceptance; later changes of the
/// operator's policy do not affect them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifetimes {
    /// The latest time at which the job ends.
    pub deadline: Timestamp,
    /// From this time on the job does not exist.
    pub expires_at: Timestamp,
    /// From this time on the job's images do not exist.
    pub images_expire_at: Timestamp,
}
