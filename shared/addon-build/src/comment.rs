//! Comments that name another file: of no use where the addon is served, and wrong once it is in a bundle, where
//! the last of them counts for the whole file.

/// Whether it is `//# sourceMappingURL=…`, `/*@ sourceURL=… */` or the like.
pub(crate) fn names_a_file(comment: &str) -> bool {
    let text = comment.strip_prefix("//").or_else(|| comment.strip_prefix("/*")).unwrap_or("");
    let Some(text) = text.strip_prefix(['#', '@']) else { return false };
    let text = text.trim_start();
    let names = |name| text.strip_prefix(name).is_some_and(|rest: &str| rest.trim_start().starts_with('='));
    names("sourceMappingURL") || names("sourceURL")
}

/// A blank for each UTF-16 unit, and the line breaks, which may end a statement.
pub(crate) fn blank(comment: &str, to: &mut String) {
    for character in comment.chars() {
        match character {
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => to.push(character),
            other => (0..other.len_utf16()).for_each(|_| to.push(' ')),
        }
    }
}
