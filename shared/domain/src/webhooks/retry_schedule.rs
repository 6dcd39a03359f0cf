//! The retry schedule of webhooks.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The delays between a failed attempt and the next one. The first attempt is immediate, so there is one
/// more attempt than there are delays. In total some 75 hours, as suggested by Standard Webhooks.
pub const RETRY_SCHEDULE: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    DAY,
];

/// The longest `Retry-After` of an endpoint that is respected.
const MAX_RETRY_AFTER: Duration = DAY;

/// How long every attempt must have failed before the endpoint is disabled.
const DISABLE_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);

/// How often a disabled endpoint is probed.
const PROBE_INTERVAL: Duration = DAY;

/// The time scale of webhooks. Only tests use a scale that is faster than real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeScale {
    faster: u32,
}

impl TimeScale {
    pub const REAL: Self = Self { faster: 1 };

    /// Returns a scale on which time passes `faster` times as fast.
    #[must_use]
    pub fn times(faster: u32) -> Self {
        Self { faster: faster.max(1) }
    }

    /// Returns the delay after failed attempt number `retry_index` (from 1) of the schedule. Returns
    /// `None` if that was the last attempt.
    ///
    /// `jitter`, from 0 to 1, changes the delay by up to 20 % in either direction, so that failures at
    /// the same time are not retried at the same time. `retry_after` applies if it is longer than the
    /// delay. It is in real time and limited to one day.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use domain::webhooks::TimeScale;
    ///
    /// let first = TimeScale::REAL.next_delay(1, None, 0.5);
    /// assert_eq!(first, Some(Duration::from_secs(5)));
    /// let asked = TimeScale::REAL.next_delay(1, Some(Duration::from_secs(60)), 0.5);
    /// assert_eq!(asked, Some(Duration::from_secs(60)));
    /// ```
    #[must_use]
    pub fn next_delay(
        self,
        retry_index: u32,
        retry_after: Option<Duration>,
        jitter: f64,
    ) -> Option<Duration> {
        let step = *RETRY_SCHEDULE.get(usize::try_from(retry_index.checked_sub(1)?).ok()?)?;
        let step = step.mul_f64(0.8 + 0.4 * jitter.clamp(0.0, 1.0)) / self.faster;
        Some(step.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER)))
    }

    /// Returns how long every attempt must have failed before the endpoint is disabled.
    #[must_use]
    pub fn disable_after(self) -> Duration {
        DISABLE_AFTER / self.faster
    }

    /// Returns how often a disabled endpoint is probed.
    #[must_use]
    pub fn probe_interval(self) -> Duration {
        PROBE_INTERVAL / self.faster
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_schedule_takes_75_hours() {
        let delays: Vec<_> =
            (1..=10).map_while(|retry_index| TimeScale::REAL.next_delay(retry_index, None, 0.5)).collect();
        assert_eq!(delays, RETRY_SCHEDULE);
        let hours = delays.iter().sum::<Duration>().as_secs() / 3600;
        assert!((75..=76).contains(&hours), "{hours}");
        assert_eq!(TimeScale::REAL.next_delay(0, None, 0.5), None);
    }

    #[test]
    fn jitter_changes_a_delay_by_at_most_20_percent() {
        for (jitter, seconds) in [(-1.0, 4), (0.0, 4), (0.5, 5), (1.0, 6), (9.0, 6)] {
            assert_eq!(TimeScale::REAL.next_delay(1, None, jitter), Some(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn retry_after_can_only_lengthen_a_delay_up_to_a_day() {
        let after = |seconds| TimeScale::REAL.next_delay(2, Some(Duration::from_secs(seconds)), 0.5);
        assert_eq!(after(1), Some(Duration::from_secs(300)));
        assert_eq!(after(900), Some(Duration::from_secs(900)));
        assert_eq!(after(u64::MAX), Some(DAY));
        assert_eq!(TimeScale::REAL.next_delay(10, Some(DAY), 0.5), None, "Retry-After adds no attempts");
    }

    #[test]
    fn time_scale_does_not_apply_to_retry_after() {
        let fast = TimeScale::times(100);
        assert_eq!(fast.next_delay(1, None, 0.5), Some(Duration::from_millis(50)));
        assert_eq!(fast.next_delay(1, Some(Duration::from_secs(2)), 0.5), Some(Duration::from_secs(2)));
        assert_eq!(
            (fast.disable_after(), fast.probe_interval()),
            (Duration::from_secs(4320), Duration::from_secs(864))
        );
        assert_eq!(TimeScale::times(0), TimeScale::REAL);
    }
}
