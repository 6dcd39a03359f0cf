//! Entity tags and conditional requests (RFC 9110, sections 8.8.3, 13.1.2).

use domain::primitives::sha256_hex;
use http::{HeaderMap, HeaderName, StatusCode, header};

use crate::http::answer::Answer;

/// The number of hexadecimal digits of the hash in a tag: 128 bits.
const DIGITS: usize = 32;

/// Returns the strong entity tag of these bytes.
#[must_use]
pub fn of(body: &[u8]) -> String {
    format!("\"{}\"", &sha256_hex(body)[..DIGITS])
}

/// Returns whether `If-None-Match` contains the strong tag `tag`, so that the client has exactly these bytes.
#[must_use]
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    is_listed(headers, &header::IF_NONE_MATCH, tag, Comparison::Weak)
}

/// How tags are compared (RFC 9110, section 8.8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// Weak tags in the list count like strong ones.
    Weak,
    /// Only strong tags count.
    Strong,
}

/// Returns whether the strong tag `tag` is in the lists of this header, or one of them is `*`.
pub(super) fn is_listed(headers: &HeaderMap, name: &HeaderName, tag: &str, comparison: Comparison) -> bool {
    let counts = |known: &Tag<'_>| known.opaque == tag && !(comparison == Comparison::Strong && known.weak);
    let mut lists = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lists.any(|list| list.trim() == "*" || tags(list).any(|known| counts(&known)))
}

/// A tag in a list.
struct Tag<'a> {
    /// With its quotation marks.
    opaque: &'a str,
    weak: bool,
}

/// Iterates over the tags of a list. A tag may contain commas, so the list is split at its quotation marks.
fn tags(list: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let start = rest.find('"')?;
        let length = rest[start + 1..].find('"')? + 2;
        let tag = Tag { opaque: &rest[start..start + length], weak: rest[..start].ends_with("W/") };
        rest = &rest[start + length..];
        Some(tag)
    })
}

/// Adds the entity tag to `answer`, or turns it into a 304 if the client has this body already.
#[must_use]
pub fn conditional(answer: Answer, request: &HeaderMap) -> Answer {
    let tag = of(&answer.body);
    let mut answer = answer.with(header::ETAG, &tag);
    if is_known(request, &tag) {
        answer.status = StatusCode::NOT_MODIFIED;
        answer.body.clear();
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(value: &str, tag: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, value.parse().unwrap());
        is_known(&headers, tag)
    }

    #[test]
    fn tag_in_list_or_star_is_known() {
        for list in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b,c\",W/\"a\"", "*", " * "] {
            assert!(known(list, "\"a\""), "{list}");
        }
        for list in ["", "a", "\"b\"", "\"b", "\"ab\"", "W/\"b\"", "\"*\"", "\"x\"a\"y\""] {
            assert!(!known(list, "\"a\""), "{list}");
        }
    }

    #[test]
    fn tag_depends_on_bytes_only() {
        assert_eq!(of(b"x"), of(b"x"));
        assert_ne!(of(b"x"), of(b"y"));
        assert_eq!(of(b"x").len(), DIGITS + 2);
    }
}
