//! How long the tokens are that are taken as a whole.

/// The length of the line break at the start.
pub(super) fn line_break(text: &[u8]) -> Option<usize> {
    match text {
        [b'\n' | b'\r', ..] => Some(1),
        [0xe2, 0x80, 0xa8 | 0xa9, ..] => Some(3),
        _ => None,
    }
}

/// The length of the blank at the start, if it is not in ASCII.
pub(super) fn blank(text: &[u8]) -> Option<usize> {
    if text.first()?.is_ascii() {
        return None;
    }
    let character = text.get(..text.len().min(4))?.utf8_chunks().next()?.valid().chars().next()?;
    (character.is_whitespace() || character == '\u{feff}').then(|| character.len_utf8())
}

pub(super) fn string(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        match *byte {
            b'\\' if text.get(at + 1) == Some(&b'\r') && text.get(at + 2) == Some(&b'\n') => at += 3,
            b'\\' => at += 2,
            b'\n' | b'\r' => return at,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// The length up to the second slash, if what is at the start can be a regular expression.
pub(super) fn regular_expression(text: &[u8]) -> Option<usize> {
    let (mut at, mut in_class) = (1, false);
    loop {
        match *text.get(at)? {
            _ if line_break(text.get(at..)?).is_some() => return None,
            b'\\' => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'/' if !in_class => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
}

/// Whether it neither is a bracket nor hides one.
pub(super) const fn is_inert(byte: u8) -> bool {
    !matches!(byte, b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'"' | b'\'' | b'`' | b'*' | b'<' | b'\\')
}

pub(super) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'\\') || !byte.is_ascii()
}

/// The length of the word at the start, which a blank ends also if it is not in ASCII.
pub(super) fn word(text: &[u8]) -> usize {
    let ends = |at: &usize| {
        let rest = text.get(*at..).unwrap_or_default();
        !rest.first().is_some_and(|byte| is_word(*byte))
            || line_break(rest).is_some()
            || blank(rest).is_some()
    };
    (0..text.len()).find(ends).unwrap_or(text.len())
}

/// Words that an operand follows, and that may be repeated.
pub(super) fn is_prefix(word: &str) -> bool {
    matches!(
        word,
        "typeof"
            | "void"
            | "delete"
            | "new"
            | "await"
            | "yield"
            | "in"
            | "instanceof"
            | "async"
            | "class"
            | "extends"
            | "function"
    )
}
