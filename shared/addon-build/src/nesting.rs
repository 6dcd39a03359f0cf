//! Refuses content that is nested so deeply that a parser which calls itself would run out of stack. That ends the
//! process and cannot be caught, so it must be known before the parser begins.
//!
//! The depth is counted from tokens alone, and never too low. What people write has a depth of some dozens;
//! generated code has hundreds, and chains like `"a"+"b"+…` have thousands of links.

use crate::Diagnostic;
use crate::position::Positions;
use crate::style::tokens::{self, Token};

mod script;

pub(crate) use script::check_script;

/// Blocks and functions within each other in a style sheet. The printer of lightningcss counts its indentation in
/// eight bits, two for each block.
const MAX_BLOCKS: usize = 100;
/// Operators of one declaration in a style sheet, each of which may nest a `calc()` one deeper.
const MAX_OPERATORS: usize = 5_000;

pub(crate) fn check_style(text: &str) -> Result<(), Diagnostic> {
    let (mut depth, mut operators) = (0_usize, 0);
    for (token, range) in tokens::tokens(text) {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            Token::Operator => operators += 1,
            Token::End => operators = 0,
            Token::Comment | Token::Other => {}
        }
        if matches!(text.as_bytes().get(range.start), Some(b'{' | b'}')) {
            operators = 0;
        }
        if depth > MAX_BLOCKS {
            return Err(too_deep(text, range.start, MAX_BLOCKS));
        }
        if operators > MAX_OPERATORS {
            let message = format!("there are more than {MAX_OPERATORS} operators in one declaration");
            return Err(Positions::new(text).diagnostic(range.start, message));
        }
    }
    Ok(())
}

fn too_deep(text: &str, offset: usize, most: usize) -> Diagnostic {
    Positions::new(text).diagnostic(offset, format!("brackets are nested more than {most} deep"))
}
