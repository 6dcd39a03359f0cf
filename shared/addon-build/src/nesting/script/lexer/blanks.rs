//! Blanks and comments, of which a script has more kinds than one may think.

use super::Lexer;
use super::text::{blank, line_break};

impl Lexer<'_> {
    pub(super) fn skip_blanks_and_comments(&mut self) {
        loop {
            let rest = self.rest();
            if let Some(length) = line_break(rest) {
                self.line_is_empty = true;
                self.at += length;
            } else if rest.first().is_some_and(u8::is_ascii_whitespace) || rest.first() == Some(&b'\x0b') {
                self.at += 1;
            } else if let Some(length) = blank(rest) {
                self.at += length;
            } else if rest.starts_with(b"//")
                || rest.starts_with(b"<!--")
                || (rest.starts_with(b"-->") && self.line_is_empty)
            {
                self.skip_line();
            } else if rest.starts_with(b"/*") {
                let end =
                    rest.windows(2).skip(2).position(|pair| pair == b"*/").map_or(rest.len(), |at| at + 4);
                let comment = rest.get(..end).unwrap_or_default();
                self.line_is_empty |=
                    (0..end).any(|at| line_break(comment.get(at..).unwrap_or_default()).is_some());
                self.at += end;
            } else {
                return;
            }
        }
    }

    pub(super) fn skip_line(&mut self) {
        while !self.rest().is_empty() && line_break(self.rest()).is_none() {
            self.at += 1;
        }
    }
}
