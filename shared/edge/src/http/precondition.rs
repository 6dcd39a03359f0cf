//! Conditional requests for a representation that a cache may keep (RFC 9110, section 13).

use std::time::{Duration, SystemTime};

use domain::Timestamp;
use http::{HeaderMap, HeaderName, Method, header};

use crate::http::etag::{Comparison, is_known, is_listed};

/// What a client can compare a representation with.
#[derive(Debug, Clone, Copy)]
pub struct Validators<'a> {
    /// The strong entity tag, with its quotation marks.
    pub etag: &'a str,
    /// Compared in whole seconds, because `Last-Modified` has no others.
    pub last_modified: Timestamp,
}

/// How a request with preconditions is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// As if it had none.
    Holds,
    /// With 304, without a body: the client has this representation.
    NotModified,
    /// With 412: the client asked for another state of the representation.
    Failed,
}

impl Validators<'_> {
    /// Evaluates the preconditions of a request in the order of section 13.2.2. One that cannot be read counts as
    /// absent, or, in the case of a list of tags, as one that contains nothing.
    #[must_use]
    pub fn evaluate(&self, method: &Method, headers: &HeaderMap) -> Precondition {
        if headers.contains_key(header::IF_MATCH) {
            if !is_listed(headers, &header::IF_MATCH, self.etag, Comparison::Strong) {
                return Precondition::Failed;
            }
        } else if date(headers, &header::IF_UNMODIFIED_SINCE).is_some_and(|date| self.modified_after(date)) {
            return Precondition::Failed;
        }
        let reads = *method == Method::GET || *method == Method::HEAD;
        if headers.contains_key(header::IF_NONE_MATCH) {
            return match (is_known(headers, self.etag), reads) {
                (false, _) => Precondition::Holds,
                (true, true) => Precondition::NotModified,
                (true, false) => Precondition::Failed,
            };
        }
        let unmodified =
            date(headers, &header::IF_MODIFIED_SINCE).is_some_and(|date| !self.modified_after(date));
        if reads && unmodified { Precondition::NotModified } else { Precondition::Holds }
    }

    fn modified_after(&self, date: SystemTime) -> bool {
        let since = date.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        i64::try_from(since).is_ok_and(|since| self.last_modified.seconds() > since)
    }
}

/// Reads the date of a header that is given once.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    let mut values = headers.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}

/// Writes a time for `Last-Modified`.
#[must_use]
pub fn http_date(time: Timestamp) -> String {
    let since = Duration::from_secs(u64::try_from(time.seconds()).unwrap_or(0));
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "Sat, 28 Nov 2026 15:00:00 GMT";
    const SAME: &str = "Sat, 28 Nov 2026 15:00:01 GMT";
    const AFTER: &str = "Sat, 28 Nov 2026 15:00:02 GMT";
    /// The second of `SAME`, and a part of it that no date shows.
    const MODIFIED: i64 = 1_795_878_001_900;

    fn evaluate(method: &Method, given: &[(&str, &str)]) -> Precondition {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        let validators = Validators { etag: "\"v1\"", last_modified: Timestamp::from_millis(MODIFIED) };
        validators.evaluate(method, &headers)
    }

    #[test]
    fn preconditions_are_evaluated_in_the_order_of_the_standard() {
        use Precondition::{Failed, Holds, NotModified};
        type Row<'a> = (&'a [(&'a str, &'a str)], Precondition);
        let rows: &[Row<'_>] = &[
            (&[], Holds),
            // Lists of tags, weak and strong.
            (&[("if-none-match", "\"v1\"")], NotModified),
            (&[("if-none-match", "W/\"v1\"")], NotModified),
            (&[("if-none-match", "\"v0\", \"v1\"")], NotModified),
            (&[("if-none-match", "\"v0\""), ("if-none-match", "\"v1\"")], NotModified),
            (&[("if-none-match", "*")], NotModified),
            (&[("if-none-match", "\"v0\"")], Holds),
            (&[("if-none-match", "v1")], Holds),
            (&[("if-none-match", "\"*\"")], Holds),
            (&[("if-match", "\"v1\"")], Holds),
            (&[("if-match", "*")], Holds),
            (&[("if-match", "\"v0\", \"v1\"")], Holds),
            (&[("if-match", "\"v0\"")], Failed),
            (&[("if-match", "W/\"v1\"")], Failed),
            (&[("if-match", "")], Failed),
            // Dates are compared as dates, in all three of their forms, and never as text.
            (&[("if-modified-since", BEFORE)], Holds),
            (&[("if-modified-since", SAME)], NotModified),
            (&[("if-modified-since", AFTER)], NotModified),
            (&[("if-modified-since", "Saturday, 28-Nov-26 15:00:01 GMT")], NotModified),
            (&[("if-modified-since", "Sat Nov 28 15:00:01 2026")], NotModified),
            (&[("if-modified-since", "Sat Nov 28 15:00:00 2026")], Holds),
            (&[("if-modified-since", "2026-11-28T15:00:02Z")], Holds),
            (&[("if-modified-since", "0")], Holds),
            (&[("if-modified-since", BEFORE), ("if-modified-since", AFTER)], Holds),
            (&[("if-unmodified-since", BEFORE)], Failed),
            (&[("if-unmodified-since", SAME)], Holds),
            (&[("if-unmodified-since", AFTER)], Holds),
            (&[("if-unmodified-since", "yesterday")], Holds),
            // A tag goes before a date, and what is wanted goes before what is known.
            (&[("if-none-match", "\"v0\""), ("if-modified-since", AFTER)], Holds),
            (&[("if-none-match", "\"v1\""), ("if-modified-since", BEFORE)], NotModified),
            (&[("if-match", "\"v1\""), ("if-unmodified-since", BEFORE)], Holds),
            (&[("if-match", "\"v0\""), ("if-none-match", "\"v1\"")], Failed),
            (&[("if-match", "\"v1\""), ("if-none-match", "\"v1\"")], NotModified),
            (&[("if-unmodified-since", BEFORE), ("if-none-match", "\"v1\"")], Failed),
        ];
        for (given, expected) in rows {
            assert_eq!(evaluate(&Method::GET, given), *expected, "{given:?}");
            assert_eq!(evaluate(&Method::HEAD, given), *expected, "HEAD {given:?}");
        }
        assert_eq!(evaluate(&Method::PUT, &[("if-none-match", "*")]), Failed);
        assert_eq!(evaluate(&Method::PUT, &[("if-modified-since", AFTER)]), Holds, "only reads have this");
    }

    #[test]
    fn date_is_written_so_that_it_is_read_as_the_same() {
        let modified = Timestamp::from_millis(MODIFIED);
        assert_eq!(http_date(modified), SAME);
        assert_eq!(
            evaluate(&Method::GET, &[("if-modified-since", &http_date(modified))]),
            Precondition::NotModified
        );
    }
}
