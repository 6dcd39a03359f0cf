//! The file that is published, and where in it the faults are.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Error, Result, anyhow};
use sha2::{Digest as _, Sha256};

use crate::client::error::{ApiError, FieldError};

/// Reads the file, or the standard input if it is `-`.
pub(super) fn read(file: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(file).map(|read| bytes = read)
    }
    .with_context(|| format!("cannot read {}", file.display()))?;
    String::from_utf8(bytes).map_err(|_| anyhow!("{} is not text in UTF-8", file.display()))
}

/// Whether the server stores `content` with this SHA-256. It drops a byte order mark and a first line of `#!`.
pub(super) fn has_hash(content: &str, hash: &str) -> bool {
    let unmarked = content.strip_prefix('\u{feff}').unwrap_or(content);
    let line_end = unmarked.find(['\n', '\r', '\u{2028}', '\u{2029}']).unwrap_or(unmarked.len());
    let after_line = &unmarked[line_end..];
    let after_end = after_line.strip_prefix("\r\n").unwrap_or_else(|| {
        let mut rest = after_line.chars();
        rest.next();
        rest.as_str()
    });
    let without_hashbang = if unmarked.starts_with("#!") { [after_line, after_end] } else { [unmarked; 2] };
    [content, unmarked].iter().chain(&without_hashbang).any(|text| sha256(text).eq_ignore_ascii_case(hash))
}

/// In hexadecimal.
pub(super) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The text without terminal control sequences.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() }).collect()
}

/// `line 3 column 7: message` as `FILE:3:7: message`, which editors jump to.
pub(super) fn located(file: &Path, message: &str) -> Option<String> {
    let (line, rest) = message.strip_prefix("line ")?.split_once(" column ")?;
    let (column, message) = rest.split_once(": ")?;
    let (line, column): (u32, u32) = (line.parse().ok()?, column.parse().ok()?);
    Some(format!("{}:{line}:{column}: {}", file.display(), printable(message)))
}

/// Shows the faults of the content at their places in the file, each at the beginning of a line.
pub(super) fn with_places(error: Error, file: &Path) -> Error {
    let Some(api_error) = error.downcast_ref::<ApiError>() else { return error };
    let (content, others): (Vec<_>, Vec<_>) =
        api_error.field_errors.iter().partition(|field| field.path == "content");
    if content.is_empty() {
        return error;
    }
    let mut lines = vec![format!("{} is not published", file.display())];
    lines.extend(content.into_iter().map(|FieldError { message, .. }| {
        located(file, message).unwrap_or_else(|| format!("{}: {}", file.display(), printable(message)))
    }));
    lines.extend(
        others.into_iter().map(|FieldError { path, message }| format!("  {path}: {}", printable(message))),
    );
    Error::msg(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::json;

    use super::*;

    #[test]
    fn content_errors_begin_with_their_place_in_the_file() {
        let shown = |details: serde_json::Value| {
            let body = json!({"error": {"code": "VALIDATION_ERROR", "message": "no", "details": details}});
            let error = ApiError::from_text(StatusCode::BAD_REQUEST, &body.to_string());
            with_places(error.into(), Path::new("src/a.js")).to_string()
        };
        let content = |message: &str| json!({"path": "content", "message": message});
        let details = json!([
            content("line 3 column 7: Unexpected token: a\u{1b}[2J"),
            {"path": "name", "message": "is required"},
            content("must be at most 1 MiB"),
        ]);
        let expected = "src/a.js is not published\nsrc/a.js:3:7: Unexpected token: a\\u{1b}[2J\n\
                        src/a.js: must be at most 1 MiB\n  name: is required";
        assert_eq!(shown(details), expected);
        assert_eq!(shown(json!([{"path": "name", "message": "m"}])), "no (VALIDATION_ERROR)\n  name: m");
    }

    #[test]
    fn only_a_line_and_a_column_are_a_place() {
        let file = Path::new("a.js");
        assert_eq!(located(file, "line 1 column 2: a: b").as_deref(), Some("a.js:1:2: a: b"));
        for other in ["line 1: a", "line x column 2: a", "line 1 column 2", "column 2 line 1: a", ""] {
            assert_eq!(located(file, other), None, "{other}");
        }
    }

    #[test]
    fn hash_is_that_of_the_file_or_of_what_is_stored() {
        assert!(has_hash("a()\n", &sha256("a()\n").to_uppercase()));
        assert!(has_hash("\u{feff}a()", &sha256("a()")));
        for stored in ["\na()", "a()"] {
            assert!(has_hash("\u{feff}#!/usr/bin/env node\na()", &sha256(stored)), "{stored:?}");
        }
        assert!(has_hash("#! only", &sha256("")));
        assert!(!has_hash("a()", &sha256("b()")) && !has_hash("a()", ""));
    }
}
