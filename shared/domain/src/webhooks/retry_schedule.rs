//! When a webhook is tried again.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How long after a failed try the next one comes; the first try comes at once. One more try than
/// steps, some 75 hours in all: the ladder that Standard Webhooks suggests.
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

/// The longest that a receiver may put us off by `Retry-After`.
const MAX_RETRY_AFTER: Duration = DAY;

/// How long every try at a URL must have failed before it is switched off.
const DISABLE_AFTER: Duration = Duration::from_secs(5 * 24 * 3600);

/// How often a URL that is switched off is tried all the same.
const PROBE_INTERVAL: Duration = DAY;

/// The longest wait for a place at a busy host.
const MAX_PERMIT_BACKOFF: Duration = Duration::from_secs(60);

/// How fast the clock of webhooks runs. Only tests have it run faster than the real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeScale {
    faster: u32,
}

impl TimeScale {
    /// As fast as the real one.
    pub const REAL: Self = Self { faster: 1 };

    /// So many times as fast.
    #[must_use]
    pub fn times(faster: u32) -> Self {
        Self { faster: faster.max(1) }
    }

    /// How long after the failed try number `retry_index` (from 1) the next one comes; nothing, if that was
    /// the last. `jitter` from 0 to 1 moves it by up to 20 % either way, so that many failures of one
    /// moment do not come again in one moment. What the receiver asks for is kept, if it is longer.
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

    /// How long every try at a URL must have failed before it is switched off.
    #[must_use]
    pub fn disable_after(self) -> Duration {
        DISABLE_AFTER / self.faster
    }

    /// How often a URL that is switched off is tried all the same.
    #[must_use]
    pub fn probe_interval(self) -> Duration {
        PROBE_INTERVAL / self.faster
    }
}

/// How long a webhook waits that found no place at its host for the `times`th time: longer each time,
/// for then many wait, and spread out, so that they do not come back together.
#[must_use]
pub fn permit_backoff(times: u32, jitter: f64) -> Duration {
    let longest = Duration::from_secs(2u64.pow(times.min(6))).min(MAX_PERMIT_BACKOFF);
    longest.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_takes_three_days() {
        let deferrals: Vec<_> =
            (1..=10).map_while(|retry_index| TimeScale::REAL.next_delay(retry_index, None, 0.5)).collect();
        assert_eq!(deferrals, RETRY_SCHEDULE);
        let hours = deferrals.iter().sum::<Duration>().as_secs() / 3600;
        assert!((75..=76).contains(&hours), "{hours}");
        assert_eq!(TimeScale::REAL.next_delay(0, None, 0.5), None);
    }

    #[test]
    fn jitter_moves_a_try_by_a_fifth_at_most() {
        for (jitter, seconds) in [(-1.0, 4), (0.0, 4), (0.5, 5), (1.0, 6), (9.0, 6)] {
            assert_eq!(TimeScale::REAL.next_delay(1, None, jitter), Some(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn a_receiver_may_put_us_off_but_not_for_ever_and_not_hurry_us() {
        let after = |seconds| TimeScale::REAL.next_delay(2, Some(Duration::from_secs(seconds)), 0.5);
        assert_eq!(after(1), Some(Duration::from_secs(300)));
        assert_eq!(after(900), Some(Duration::from_secs(900)));
        assert_eq!(after(u64::MAX), Some(DAY));
        assert_eq!(
            TimeScale::REAL.next_delay(10, Some(DAY), 0.5),
            None,
            "it makes no more tries than there are"
        );
    }

    #[test]
    fn the_clock_may_run_faster_but_what_the_receiver_says_is_in_real_time() {
        let fast = TimeScale::times(100);
        assert_eq!(fast.next_delay(1, None, 0.5), Some(Duration::from_millis(50)));
        assert_eq!(fast.next_delay(1, Some(Duration::from_secs(2)), 0.5), Some(Duration::from_secs(2)));
        assert_eq!(
            (fast.disable_after(), fast.probe_interval()),
            (Duration::from_secs(4320), Duration::from_secs(864))
        );
        assert_eq!(TimeScale::times(0), TimeScale::REAL);
    }

    #[test]
    fn waits_for_a_place_grow_and_are_spread() {
        assert_eq!(permit_backoff(1, 1.0), Duration::from_secs(2));
        assert_eq!(permit_backoff(3, 0.0), Duration::from_secs(4));
        assert_eq!(permit_backoff(40, 1.0), MAX_PERMIT_BACKOFF);
    }
}
