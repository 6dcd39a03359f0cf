//! What is taken out of a script before it is served.

use oxc_ast::ast::{CommentKind, Program};

use crate::comment::{blank, names_a_file};

/// The text without hashbang and without such comments. Everything else keeps its line and column.
pub(super) fn stripped(program: &Program<'_>, text: &str) -> String {
    let hashbang = program.hashbang.iter().map(|hashbang| (hashbang.span, CommentKind::Line));
    let comments = program.comments.iter().map(|comment| (comment.span, comment.kind));
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    for (span, kind) in hashbang.chain(comments.filter(|(span, _)| names_a_file(span.source_text(text)))) {
        let (start, end) = (span.start as usize, span.end as usize);
        kept.push_str(text.get(at..start).unwrap_or(""));
        // Nothing stands behind a comment that ends with its line.
        if kind != CommentKind::Line {
            blank(text.get(start..end).unwrap_or(""), &mut kept);
        }
        at = end;
    }
    kept.push_str(text.get(at..).unwrap_or(""));
    kept
}
