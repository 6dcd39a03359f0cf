//! How long jobs take, by what the last ones took.

use crate::images::picture::{Count, Picture, ProviderChoice};
use crate::primitives::id::JobId;
use crate::primitives::named::NamedValue as _;
use std::time::Duration;

/// How many jobs are remembered of each kind.
pub const ESTIMATE_SAMPLES: u8 = 16;

/// Jobs that take about as long as each other: the same provider was asked for as many images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobClass {
    /// The provider asked for.
    pub provider: ProviderChoice,
    /// How many images.
    pub count: Count,
}

impl JobClass {
    /// The kind of a job for `picture`.
    #[must_use]
    pub const fn of(picture: &Picture) -> Self {
        Self { provider: picture.provider, count: picture.count }
    }

    /// A word for it, such as `automatic-1`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.provider.as_str(), self.count.get())
    }
}

/// The place that a job takes among the [`ESTIMATE_SAMPLES`]: by chance, so that workers need not ask each other
/// whose turn it is, and a place holds one of the last jobs.
#[must_use]
pub fn sample_index(job: JobId) -> u8 {
    job.uuid().as_bytes()[14] % ESTIMATE_SAMPLES
}

/// How long a job of a kind takes from its acceptance to its end: the middle of `recent`, which one
/// job that waited for hours does not move.
#[must_use]
pub fn estimate_from(mut recent: Vec<Duration>) -> Option<Duration> {
    recent.sort_unstable();
    recent.get(recent.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_the_last_jobs_is_expected_of_the_next() {
        let seconds = |all: &[u64]| estimate_from(all.iter().copied().map(Duration::from_secs).collect());
        assert_eq!(seconds(&[]), None);
        assert_eq!(seconds(&[7]), Some(Duration::from_secs(7)));
        assert_eq!(seconds(&[2, 36_000, 3, 1, 4]), Some(Duration::from_secs(3)));
    }

    #[test]
    fn jobs_spread_over_the_places() {
        let places: std::collections::BTreeSet<_> = (0..500).map(|_| sample_index(JobId::new())).collect();
        assert_eq!(places.len(), usize::from(ESTIMATE_SAMPLES));
    }
}
