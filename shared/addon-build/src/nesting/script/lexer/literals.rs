//! Templates and regular expressions.

use super::text::{is_inert, regular_expression, word};
use super::{Before, Bracket, Lexer, Token};

impl<'a> Lexer<'a> {
    /// The text of a template, to its end or to its next `${`.
    pub(super) fn template(&mut self) {
        while let Some(byte) = self.rest().first() {
            match byte {
                b'`' => {
                    self.at += 1;
                    break;
                }
                b'$' if self.rest().starts_with(b"${") => {
                    self.at += 2;
                    self.open.push(Bracket::Template);
                    self.opened = true;
                    (self.before, self.word, self.closed, self.arrow) = (Before::Operator, "", None, false);
                    return;
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.operand();
    }

    pub(super) fn slash(&mut self) -> Token<'a> {
        let regular_expression = regular_expression(self.rest());
        match (self.before, regular_expression) {
            (Before::Operator | Before::Statement, Some(length)) => {
                let text = self.rest().get(..length).unwrap_or_default();
                let flags = word(self.rest().get(length..).unwrap_or_default());
                self.at += length + flags;
                self.operand();
                Token::Pattern(text.iter().filter(|byte| matches!(byte, b'(' | b'[')).count())
            }
            // Both readings find the same brackets.
            (Before::Unclear, Some(length))
                if self.rest().iter().take(length).all(|byte| is_inert(*byte)) =>
            {
                self.punctuation(1, Token::Operator)
            }
            // Without its second slash it is a fault, after which nothing is certain.
            (Before::Unclear, Some(_)) | (Before::Operator | Before::Statement, None) => Token::Unclear,
            _ => self.punctuation(1, Token::Operator),
        }
    }
}
