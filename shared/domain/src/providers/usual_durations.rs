//! How long the calls of a provider usually take.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many durations are kept for each class of jobs.
const SAMPLES: usize = 5;

/// The durations of a provider's last successful calls, by the class of the job (such as `gpt_image-1`).
///
/// They are kept in the row of the provider's capacity, which is read before and written after each call
/// anyway. The estimates of whole jobs also hold the time in the queue, so they do not tell this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UsualDurations(BTreeMap<String, Vec<u32>>);

impl UsualDurations {
    /// Records a successful call.
    pub fn record(&mut self, class: &str, time: Duration) {
        let samples = self.0.entry(class.to_owned()).or_default();
        if samples.len() >= SAMPLES {
            samples.remove(0);
        }
        samples.push(u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
    }

    /// Returns the median of the kept durations. `None` if there are none.
    #[must_use]
    pub fn of(&self, class: &str) -> Option<Duration> {
        let mut samples = self.0.get(class)?.clone();
        samples.sort_unstable();
        samples.get(samples.len() / 2).map(|millis| Duration::from_millis(u64::from(*millis)))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_duration_is_the_median_of_the_last_calls_of_the_class() {
        let mut usual = UsualDurations::default();
        assert_eq!(usual.of("a-1"), None);
        for seconds in [900, 900, 900, 20, 21, 400, 22, 23] {
            usual.record("a-1", Duration::from_secs(seconds));
        }
        assert_eq!(usual.of("a-1"), Some(Duration::from_secs(22)));
        assert_eq!(usual.of("a-2"), None);
    }
}
