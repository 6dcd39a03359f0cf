//! Lines and columns, as editors count.

use crate::Diagnostic;

/// Finds the line and column of a byte offset.
pub(crate) struct Positions<'a> {
    text: &'a str,
    /// The offset at which each line starts.
    starts: Vec<usize>,
}

impl<'a> Positions<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let ends_line =
            |&(at, byte): &(usize, u8)| byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
        let ends = bytes.iter().copied().enumerate().filter(ends_line);
        Self { text, starts: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect() }
    }

    /// The line and the column, both from 1. An offset within a character is at the character.
    pub(crate) fn of(&self, offset: usize) -> (u32, u32) {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).unwrap_or("").encode_utf16().count() + 1;
        (saturated(line), saturated(column))
    }

    pub(crate) fn diagnostic(&self, offset: usize, message: impl Into<String>) -> Diagnostic {
        let (line, column) = self.of(offset);
        Diagnostic { line, column, message: message.into() }
    }
}

fn saturated(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_in_utf16_and_lines_end_in_three_ways() {
        let text = "a\r\n😀b\rc\n\u{2028}d";
        let positions = Positions::new(text);
        let of = |part: &str| text.find(part).map(|offset| positions.of(offset));
        assert_eq!(of("a"), Some((1, 1)));
        assert_eq!(of("b"), Some((2, 3)));
        assert_eq!(of("c"), Some((3, 1)));
        assert_eq!(of("d"), Some((4, 2)), "editors do not end a line at U+2028");
        assert_eq!(positions.of(5), (2, 1), "within the bytes of the first character");
        assert_eq!(positions.of(1000), (4, 3));
        assert_eq!(Positions::new("").of(0), (1, 1));
    }
}
