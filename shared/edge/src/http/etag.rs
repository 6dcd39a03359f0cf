//! Entity tags and conditional requests (RFC 9110, sections 8.8.3, 13.1.2).

use domain::primitives::sha256_hex;
use http::{HeaderMap, StatusCode, header};

use crate::http::answer::Answer;

/// How many hexadecimal digits of the hash a tag has: 128 bits.
const DIGITS: usize = 32;

/// The strong tag of these bytes.
#[must_use]
pub fn of(body: &[u8]) -> String {
    format!("\"{}\"", &sha256_hex(body)[..DIGITS])
}

/// Whether `If-None-Match` names `tag`, a strong one, so that the client has these very bytes.
#[must_use]
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.into_iter().any(|list| list.trim() == "*" || tags(list).any(|known| known == tag))
}

/// The opaque tags of a list, weak ones compared like strong ones, as `If-None-Match` wants it. A tag
/// may hold commas, so the list is read by its quotation marks.
fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let start = rest.find('"')?;
        let length = rest[start + 1..].find('"')? + 2;
        let tag = &rest[start..start + length];
        rest = &rest[start + length..];
        Some(tag)
    })
}

/// `answer` with its tag, or 304 if the client has it already.
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
    fn a_tag_is_known_in_any_list_and_by_a_star() {
        for list in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "\"b,c\",W/\"a\"", "*", " * "] {
            assert!(known(list, "\"a\""), "{list}");
        }
        for list in ["", "a", "\"b\"", "\"b", "\"ab\"", "W/\"b\"", "\"*\"", "\"x\"a\"y\""] {
            assert!(!known(list, "\"a\""), "{list}");
        }
    }

    #[test]
    fn the_tag_is_that_of_the_bytes() {
        assert_eq!(of(b"x"), of(b"x"));
        assert_ne!(of(b"x"), of(b"y"));
        assert_eq!(of(b"x").len(), DIGITS + 2);
    }
}
