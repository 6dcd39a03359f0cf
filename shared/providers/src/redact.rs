//! Removes secrets and a user's words from a provider's messages.

use std::cmp::Reverse;

use domain::primitives::Secret;

/// The most characters of a provider's message that are passed on.
const MAX_CHARS: usize = 300;
/// What replaces removed text.
const REDACTED: &str = "…";
/// Parts of words that are removed: how keys begin, at this provider or another, and the ids of accounts.
/// An error may quote a part of one.
const SECRET_MARKERS: [&str; 6] = ["sk-", "sk_", "Bearer", "sess-", "org-", "proj_"];

/// `text` in one line of at most [`MAX_CHARS`], without keys and ids of accounts, without the queries of
/// URLs (which sign them), and without the service's own `key` and the `private` words of a user,
/// such as a prompt.
pub(crate) fn redact(text: &str, key: Option<&Secret>, private: &[&str]) -> String {
    let mut hidden: Vec<_> = key.map(Secret::expose).into_iter().chain(private.iter().copied()).collect();
    // The longest first: one may contain another, and would not be found once that is removed.
    hidden.sort_by_key(|words| Reverse(words.len()));
    let mut text = text.to_owned();
    for words in hidden.into_iter().map(str::trim).filter(|words| !words.is_empty()) {
        text = text.replace(words, REDACTED);
    }
    let words: Vec<_> = text.split_whitespace().map(redact_word).collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}{REDACTED}", &line[..end]),
        None => line,
    }
}

fn redact_word(word: &str) -> String {
    if SECRET_MARKERS.iter().any(|marker| word.contains(marker)) || word.contains("***") {
        return REDACTED.to_owned();
    }
    let shown = match word.split_once('?') {
        Some((url, _)) if url.contains("://") => format!("{url}?{REDACTED}"),
        Some(_) | None => word.to_owned(),
    };
    shown.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redact_removes_keys_signatures_and_prompts() {
        let key = Secret::new("canary");
        for (text, shown) in [
            ("Incorrect API key provided: sk-abc***wxyz.", "Incorrect API key provided: …"),
            ("no such key canary here", "no such key … here"),
            ("see https://a.example/b.png?sig=x now", "see https://a.example/b.png?… now"),
            ("'a red kite' is not\n\tallowed\u{7}", "'…' is not allowed"),
            ("why? because", "why? because"),
            ("organization org-AbC on images", "organization … on images"),
            ("project `proj_9xY` has none", "project … has none"),
        ] {
            assert_eq!(redact(text, Some(&key), &["a red kite"]), shown);
        }
    }

    #[test]
    fn redact_removes_all_private_words_even_if_nested() {
        let said = ["kite", "a red kite ", "dunes", ""];
        assert_eq!(redact("'a red kite' over dunes, kite", None, &said), "'…' over …, …");
    }

    #[test]
    fn redact_cuts_long_text() {
        assert_eq!(redact(&"å".repeat(5000), None, &[" "]).chars().count(), MAX_CHARS + 1);
    }
}
