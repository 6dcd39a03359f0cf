//! Points in time, to the millisecond.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::primitives::source;

/// A point in time, in Unix ms (milliseconds since 1970, UTC). Rows hold the number; people see RFC 3339
/// with `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

const RFC3339_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

impl Timestamp {
    /// The present time, from the clock of [`source`](crate::primitives::source).
    #[must_use]
    pub fn now() -> Self {
        Self(source::now_millis())
    }

    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// In Unix ms.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// In whole Unix seconds, as DynamoDB's TTL and Standard Webhooks require.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time from `earlier` to this; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}

impl Timestamp {
    /// The date in UTC: `2026-11-22`.
    #[must_use]
    pub fn date(self) -> String {
        self.to_string().chars().take_while(|character| *character != 'T').collect()
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(rhs.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    /// Writes RFC 3339 in UTC with milliseconds: `2026-11-22T20:55:11.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|time| time.format(RFC3339_MILLIS).ok())
            .ok_or(fmt::Error)?;
        f.write_str(&text)
    }
}

/// The text is not a time in RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a time as in 2026-11-22T20:55:11Z")]
pub struct NotATime;

impl FromStr for Timestamp {
    type Err = NotATime;

    /// Parses RFC 3339 with any offset. Fractions of a millisecond are cut off.
    fn from_str(text: &str) -> Result<Self, NotATime> {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| NotATime)?;
        Ok(Self(time.unix_timestamp_nanos().div_euclid(1_000_000) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamp_displays_as_rfc3339_in_utc() {
        assert_eq!(Timestamp::from_millis(1_795_380_911_042).to_string(), "2026-11-22T20:55:11.042Z");
    }

    #[test]
    fn timestamp_parses_rfc3339_with_any_offset() {
        for text in ["2026-11-22T20:55:11.042Z", "2026-11-22T21:55:11.0429+01:00"] {
            assert_eq!(text.parse(), Ok(Timestamp::from_millis(1_795_380_911_042)), "{text}");
        }
        for bad in ["", "2026-11-22", "2026-11-22T20:55:11", "2026-13-22T20:55:11Z", "1795380911"] {
            assert_eq!(bad.parse::<Timestamp>(), Err(NotATime), "{bad}");
        }
    }

    #[test]
    fn since_is_never_below_zero() {
        let (a, b) = (Timestamp::from_millis(5), Timestamp::from_millis(9));
        assert_eq!(b.since(a), Duration::from_millis(4));
        assert_eq!(a.since(b), Duration::ZERO);
    }
}
