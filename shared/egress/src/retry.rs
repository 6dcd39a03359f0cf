//! The one reader of `Retry-After` (RFC 9110, section 10.2.3).

use std::time::{Duration, UNIX_EPOCH};

use domain::Timestamp;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The delay that `Retry-After` asks for: whole seconds or an HTTP date, as RFC 9110 allows. `None` if the
/// header is absent or holds something else. The delay has no upper bound: the caller sets one.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = text(headers)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return until(text, now);
    }
    Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

/// Like [`retry_after`], but the seconds may have decimals, as some providers send them.
#[must_use]
pub fn decimal_retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = text(headers)?;
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_nan() || seconds < 0.0 => None,
        // Fails only for more than fits.
        Ok(seconds) => Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)),
        Err(_) => until(text, now),
    }
}

fn text(headers: &HeaderMap) -> Option<&str> {
    Some(headers.get(RETRY_AFTER)?.to_str().ok()?.trim())
}

/// The time from `now` to an HTTP date; zero if the date is past.
fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let since_epoch = httpdate::parse_http_date(date).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).ok()?).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    fn headers(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())])
    }

    fn now() -> Timestamp {
        "2026-11-23T06:00:00Z".parse().unwrap()
    }

    #[test]
    fn retry_after_reads_seconds_and_dates_only() {
        let of = |text| retry_after(&headers(text), now());
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

    #[test]
    fn decimal_retry_after_reads_decimals_too() {
        let of = |text| decimal_retry_after(&headers(text), now());
        for (text, seconds) in [("17", 17.0), (" 0.25 ", 0.25), ("0", 0.0)] {
            assert_eq!(of(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        assert_eq!(of("Mon, 23 Nov 2026 06:02:00 GMT"), Some(Duration::from_secs(120)));
        assert_eq!(of("Mon, 23 Nov 2026 05:00:00 GMT"), Some(Duration::ZERO), "past already");
        for text in ["99999999999999999999999999", "inf", "1e300"] {
            assert_eq!(of(text), Some(Duration::MAX), "{text}");
        }
        for text in ["-1", "NaN", "soon", ""] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(decimal_retry_after(&HeaderMap::new(), now()), None);
    }

    proptest! {
        #[test]
        fn no_header_value_panics(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let headers = HeaderMap::from_iter([(RETRY_AFTER, value)]);
                let _ = retry_after(&headers, Timestamp::from_millis(0));
                let _ = decimal_retry_after(&headers, Timestamp::from_millis(0));
            }
        }
    }
}
