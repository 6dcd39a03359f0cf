//! The operator's times and bounds for jobs.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::primitives::timestamp::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The times and bounds by which jobs live; the operator sets them.
#[derive(Debug, Clone, Copy)]
pub struct JobPolicy {
    /// How long a message may take before the sweeper sends another.
    pub requeue_after: Duration,
    /// How many failed tries end a job.
    pub max_failures: u32,
    /// How long after its acceptance a job ends at the latest.
    pub lifetime: Duration,
    /// How long images are kept.
    pub keep_images: Duration,
    /// How long jobs are kept.
    pub keep_jobs: Duration,
}

impl JobPolicy {
    /// How long what is accepted at `now` lasts.
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

/// How long a job and its images last: fixed when it is accepted, whatever the operator sets later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lifetimes {
    /// When the job ends at the latest.
    pub deadline: Timestamp,
    /// From when on the job does not exist any more.
    pub expires_at: Timestamp,
    /// From when on its images do not exist any more.
    pub images_expire_at: Timestamp,
}
