//! Comments of a style sheet that must go, and those that must stay.

use super::tokens::{Token, tokens};

fn comments(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let comments = tokens(text).filter(|(token, _)| *token == Token::Comment);
    comments.filter_map(|(_, range)| Some((range.start, text.get(range)?)))
}

/// The text without `/*# sourceMappingURL=… */` and the like. Everything else keeps its line and column.
pub(super) fn stripped(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for (start, comment) in comments(text).filter(|(_, comment)| crate::comment::names_a_file(comment)) {
        kept.push_str(text.get(at..start).unwrap_or(""));
        crate::comment::blank(comment, &mut kept);
        at = start + comment.len();
    }
    kept.push_str(text.get(at..).unwrap_or(""));
    kept
}

/// What is within the comments that state a licence: `/*! … */`, and those with `@license` or `@preserve`.
pub(super) fn legal(text: &str) -> Vec<&str> {
    let within = comments(text).map(|(_, comment)| {
        let comment = comment.strip_prefix("/*").unwrap_or(comment);
        comment.strip_suffix("*/").unwrap_or(comment)
    });
    within
        .filter(|comment| {
            comment.starts_with('!') || ["@license", "@preserve"].iter().any(|word| comment.contains(word))
        })
        .collect()
}
