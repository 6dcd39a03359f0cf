//! The estimated duration of a job, from the durations of recent jobs.

use std::time::Duration;

use crate::images::picture::{Count, Picture, ProviderChoice};
use crate::primitives::id::JobId;
use crate::primitives::named::NamedValue as _;

/// How many durations are kept for each job class.
pub const ESTIMATE_SAMPLES: u8 = 16;

/// Jobs that take about the same time: they request the same provider and the same number of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobClass {
    pub provider: ProviderChoice,
    /// The number of images.
    pub count: Count,
}

impl JobClass {
    /// Returns the class of a job for `picture`.
    #[must_use]
    pub const fn of(picture: &Picture) -> Self {
        Self { provider: picture.provider, count: picture.count }
    }

    /// Returns the class as text, such as `automatic-1`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.provider.as_str(), self.count.get())
    }
}

/// Returns the index among the [`ESTIMATE_SAMPLES`] at which the duration of `job` is stored.
///
/// The index is random (taken from the job's id), so that workers need no coordination and each index
/// holds the duration of a recent job.
#[must_use]
pub fn sample_index(job: JobId) -> u8 {
    job.uuid().as_bytes()[14] % ESTIMATE_SAMPLES
}

/// Returns the median of `recent`, the durations from acceptance to end. One job that waited for hours
/// does not move the median. Returns `None` if `recent` is empty.
#[must_use]
pub fn estimate_from(mut recent: Vec<Duration>) -> Option<Duration> {
    recent.sort_unstable();
    recent.get(recent.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimate_is_the_median_of_recent_durations() {
        let seconds = |all: &[u64]| estimate_from(all.iter().copied().map(Duration::from_secs).collect());
        assert_eq!(seconds(&[]), None);
        assert_eq!(seconds(&[7]), Some(Duration::from_secs(7)));
        assert_eq!(seconds(&[2, 36_000, 3, 1, 4]), Some(Duration::from_secs(3)));
    }

    #[test]
    fn sample_indexes_cover_every_slot() {
        let indexes: std::collections::BTreeSet<_> = (0..500).map(|_| sample_index(JobId::new())).collect();
        assert_eq!(indexes.len(), usize::from(ESTIMATE_SAMPLES));
    }
}
