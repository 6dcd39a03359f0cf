//! The depth of a script. See the parent module.
//!
//! Brackets nest, and so does much without brackets: `a?b:c?d:e`, `!!!a`, `a+b+c`, `if(a)if(b)`. Therefore each
//! bracket has a count of what may nest within it, which begins again where a statement or an expression surely
//! ends.

use super::too_deep;
use crate::Diagnostic;
use crate::position::Positions;

use lexer::{Lexer, Token};

mod lexer;

/// Brackets within each other.
const MAX_BRACKETS: usize = 1_000;
/// Operators, members, calls and statements that may be within each other, in all open brackets together.
const MAX_LINKS: usize = 10_000;

pub(crate) fn check_script(text: &str) -> Result<(), Diagnostic> {
    let mut lexer = Lexer::new(text);
    let mut depth = Depth::default();
    while let Some((token, offset)) = lexer.next() {
        depth.count(token);
        if depth.open.len() > MAX_BRACKETS {
            return Err(too_deep(text, offset, MAX_BRACKETS));
        }
        if depth.links > MAX_LINKS {
            let message =
                format!("more than {MAX_LINKS} operators or statements may be nested in each other here");
            return Err(Positions::new(text).diagnostic(offset, message));
        }
        if let Token::Pattern(brackets) = token
            && brackets > MAX_LINKS
        {
            let message = format!("a regular expression has more than {MAX_LINKS} brackets");
            return Err(Positions::new(text).diagnostic(offset, message));
        }
        if let Token::Unclear = token {
            // Nothing that follows is certain, so all of it counts.
            let rest = text.as_bytes().get(offset..).unwrap_or_default();
            let brackets = rest.iter().filter(|byte| matches!(byte, b'(' | b'[' | b'{')).count();
            if depth.open.len() + brackets <= MAX_BRACKETS && depth.links + rest.len() <= MAX_LINKS {
                return Ok(());
            }
            let message = "this may be a regular expression or a division: put it in parentheses or on its own line \
                           after a semicolon";
            return Err(Positions::new(text).diagnostic(offset, message));
        }
    }
    Ok(())
}

/// What may nest within one bracket, outside of further brackets.
#[derive(Default, Clone, Copy)]
struct Level {
    /// Operators, members and calls of the expression.
    expression: usize,
    /// Statements without braces, as in `if(a)if(b)`.
    statement: usize,
    /// Whether a semicolon was the last token.
    ended: bool,
}

#[derive(Default)]
struct Depth {
    open: Vec<Level>,
    level: Level,
    links: usize,
}

impl Depth {
    fn count(&mut self, token: Token<'_>) {
        if std::mem::take(&mut self.level.ended) && !matches!(token, Token::Word("else" | "while")) {
            self.end(true);
        }
        match token {
            Token::Open => {
                self.link();
                self.open.push(std::mem::take(&mut self.level));
            }
            Token::Close => {
                self.end(true);
                self.level = self.open.pop().unwrap_or_default();
            }
            Token::Comma => self.end(false),
            Token::Semicolon => self.level.ended = true,
            Token::Operator => self.link(),
            Token::Word("if" | "for" | "while" | "do" | "with" | "else") => {
                self.level.statement += 1;
                self.links += 1;
            }
            // Two operands with nothing between them are two expressions.
            Token::SecondOperand => {
                self.end(false);
                self.link();
            }
            Token::Word(_) | Token::Pattern(_) | Token::Unclear => {}
        }
    }

    fn link(&mut self) {
        self.level.expression += 1;
        self.links += 1;
    }

    fn end(&mut self, statement: bool) {
        self.links -= std::mem::take(&mut self.level.expression);
        if statement {
            self.links -= std::mem::take(&mut self.level.statement);
        }
    }
}

#[cfg(test)]
mod tests;
