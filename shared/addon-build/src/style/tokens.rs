//! Where comments, strings and brackets are in a style sheet. Unlike in JavaScript, that needs no grammar.

use std::ops::Range;

/// What matters of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Comment,
    Open,
    Close,
    /// `;`
    End,
    /// `+`, `-`, `*`, `/` and such, each of which nests a sum or product one deeper.
    Operator,
    Other,
}

/// The tokens of a style sheet and where they are. Whatever is not closed ends with the text.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = (Token, Range<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let (token, length) =
            next(text.as_bytes().get(at..)?, at.checked_sub(1).map(|before| text.as_bytes()[before]))?;
        at += length;
        Some((token, start..at))
    })
}

/// The token at the start, and its length in bytes.
fn next(text: &[u8], before: Option<u8>) -> Option<(Token, usize)> {
    let token = match *text.first()? {
        b'/' if text.get(1) == Some(&b'*') => (Token::Comment, comment(text)),
        quote @ (b'"' | b'\'') => (Token::Other, string(text, quote)),
        // Not that of `xurl(`, which is a function like others.
        b'u' | b'U' if !before.is_some_and(is_name) && is_unquoted_url(text) => {
            (Token::Other, unquoted_url(text))
        }
        b'\\' => (Token::Other, escape(text)),
        b'{' | b'(' | b'[' => (Token::Open, 1),
        b'}' | b')' | b']' => (Token::Close, 1),
        b';' => (Token::End, 1),
        b'+' | b'-' | b'*' | b'/' => (Token::Operator, 1),
        _ => (Token::Other, 1),
    };
    Some(token)
}

fn comment(text: &[u8]) -> usize {
    text.windows(2).skip(2).position(|pair| pair == b"*/").map_or(text.len(), |at| at + 4)
}

/// A string ends with its quote or, as a fault, with its line.
fn string(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match *byte {
            b'\\' => at += escape(text.get(at..).unwrap_or_default()),
            b'\n' | b'\r' | b'\x0c' => return at,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    at.min(text.len())
}

/// `url(` whose address has no quotes: everything up to `)` belongs to it, also quotes and brackets.
fn is_unquoted_url(text: &[u8]) -> bool {
    let Some((name, rest)) = text.split_at_checked(4) else { return false };
    let first = rest.iter().find(|byte| !byte.is_ascii_whitespace());
    name.eq_ignore_ascii_case(b"url(") && !matches!(first, Some(b'"' | b'\''))
}

fn unquoted_url(text: &[u8]) -> usize {
    let mut at = 4;
    while let Some(byte) = text.get(at) {
        match *byte {
            b'\\' => at += escape(text.get(at..).unwrap_or_default()),
            b')' => return at + 1,
            _ => at += 1,
        }
    }
    at.min(text.len())
}

/// A backslash and what it takes the meaning from: a character, or up to six digits and one blank, which may be the end
/// of a line.
fn escape(text: &[u8]) -> usize {
    let digits = text.iter().skip(1).take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits > 0 {
        let end = 1 + digits;
        return match text.get(end) {
            Some(b'\r') if text.get(end + 1) == Some(&b'\n') => end + 2,
            Some(byte) if byte.is_ascii_whitespace() => end + 1,
            Some(_) | None => end,
        };
    }
    match text.get(1) {
        Some(b'\r') if text.get(2) == Some(&b'\n') => 3,
        Some(_) => 2,
        None => 1,
    }
}

const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'\\') || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn of(text: &str, wanted: Token) -> Vec<&str> {
        tokens(text).filter(|(token, _)| *token == wanted).map(|(_, range)| &text[range]).collect()
    }

    #[test]
    fn brackets_count_only_outside_of_strings_comments_and_addresses() {
        let text = r#"a{b:"(\")" url( ( '[ ) xurl((1)/*{*/;content:'\
}'}"#;
        assert_eq!(of(text, Token::Open), ["{", "(", "("]);
        assert_eq!(of(text, Token::Close), [")", "}"]);
        assert_eq!(of(text, Token::Comment), ["/*{*/"]);
    }

    #[test]
    fn string_that_is_not_closed_ends_with_its_line() {
        assert_eq!(of("a{b:'(\n(", Token::Open), ["{", "("]);
    }

    #[test]
    fn end_of_a_line_after_a_number_belongs_to_it() {
        assert_eq!(of("a{b:'\\41\n({'}(", Token::Open), ["{", "("]);
        assert_eq!(of("a{b:'\\g\n({'}(", Token::Open), ["{", "(", "{"]);
    }

    #[test]
    fn tokens_are_the_text() {
        for text in ["", "\\", "'\\", "url(", "url(\\", "/*", "/*/", "é{ü:'ß", "a/**/b", "url( 'a' )"] {
            let joined: String =
                tokens(text).map(|(_, range)| &text.as_bytes()[range]).map(String::from_utf8_lossy).collect();
            let bytes: usize = tokens(text).map(|(_, range)| range.len()).sum();
            assert_eq!(bytes, text.len(), "{text:?} {joined:?}");
        }
    }
}
