//! The path of a match pattern, which is compared with the path and query of a page.

use std::borrow::Cow;
use std::fmt;

use url::{Position, Url};

/// A path in which `*` is any run of characters. Every other character means itself; there is no escape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern(String);

impl PathPattern {
    pub(super) fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn matches(&self, page: &Url) -> bool {
        let tested = &page[Position::BeforePath..Position::AfterQuery];
        self.matches_text(&self.0, tested) || self.matches_text(&decode(&self.0), &decode(tested))
    }

    fn matches_text(&self, pattern: &str, tested: &str) -> bool {
        // `/a/*` also matches `/a`.
        let is_parent = || pattern.strip_suffix("/*").is_some_and(|parent| parent == tested);
        matches_wildcard(pattern.as_bytes(), tested.as_bytes()) || !self.0.contains('?') && is_parent()
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the whole text matches. Greedy with one point of return, so its time is at most the product of both
/// lengths.
fn matches_wildcard(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // After the last wildcard in the pattern, and the end of what it has taken of the text.
    let mut resume: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            resume = Some((p, t));
        } else if pattern.get(p) == Some(&text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((after, taken)) = resume {
            resume = Some((after, taken + 1));
            (p, t) = (after, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Decodes the percent-encoded characters that Chromium treats like the plain ones: letters, digits,
/// `-_~"<>`, and characters outside ASCII.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((character, length)) =
            encoded_character(rest.as_bytes()).filter(|(character, _)| is_plain(*character))
        {
            decoded.push(character);
            rest = &rest[length..];
        } else {
            decoded.push('%');
            rest = &rest[1..];
        }
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

const fn is_plain(character: char) -> bool {
    !character.is_ascii()
        || character.is_ascii_alphanumeric()
        || matches!(character, '-' | '_' | '~' | '"' | '<' | '>')
}

/// Returns the character that the text begins with in percent-encoded UTF-8, and the length of its encoding.
fn encoded_character(text: &[u8]) -> Option<(char, usize)> {
    let mut bytes = [0; 4];
    for count in 1..=bytes.len() {
        bytes[count - 1] = encoded_byte(text.get(3 * (count - 1)..)?)?;
        if let Ok(decoded) = std::str::from_utf8(&bytes[..count]) {
            return decoded.chars().next().map(|character| (character, 3 * count));
        }
    }
    None
}

fn encoded_byte(text: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = *text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}
