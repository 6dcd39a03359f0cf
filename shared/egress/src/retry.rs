//! For how long the other side wants to be left alone.

use std::time::Duration;

use domain::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// The one form of dates that senders may use (RFC 9110, 5.6.7).
const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// What `Retry-After` says: seconds, or a date. Nothing, if it is not there or says neither.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is for ever; whoever asks has a bound of their own.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = PrimitiveDateTime::parse(text, HTTP_DATE).ok()?.assume_utc();
    let at = Timestamp::from_millis(i64::try_from(date.unix_timestamp_nanos() / 1_000_000).ok()?);
    Some(at.since(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Duration> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        retry_after(&headers, "2026-11-23T06:00:00Z".parse().unwrap())
    }

    #[test]
    fn seconds_and_dates_are_understood_and_nothing_else() {
        assert_eq!(of("120"), Some(Duration::from_secs(120)));
        assert_eq!(of(" 0 "), Some(Duration::ZERO));
        assert_eq!(of("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(of("Mon, 23 Nov 2026 06:02:00 GMT"), Some(Duration::from_secs(120)));
        assert_eq!(of("Mon, 23 Nov 2026 05:00:00 GMT"), Some(Duration::ZERO), "past already");
        for text in ["", "-1", "1.5", "soon", "2026-11-23T06:02:00Z", "Mon, 23 Nov 2026 06:02:00 CET"] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::now()), None);
    }
}
