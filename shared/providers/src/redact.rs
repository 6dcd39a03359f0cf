//! Takes out of a provider's words what nobody may read.

use std::cmp::Reverse;

use domain::primitives::Secret;

/// The most characters of a provider's words that are passed on.
const LONGEST: usize = 300;
/// What stands in place of what is taken out.
const GONE: &str = "…";
/// How keys begin, at this provider or another, and the names of accounts: an error may quote a part
/// of one.
const NAMES: [&str; 6] = ["sk-", "sk_", "Bearer", "sess-", "org-", "proj_"];

/// `text` in one line of bearable length, without keys and names of accounts, without the queries of
/// URLs (which sign them), and without the service's own `key` and the `private` words of a user,
/// such as a prompt.
pub(crate) fn redact(text: &str, key: Option<&Secret>, private: &[&str]) -> String {
    let mut hidden: Vec<_> = key.map(Secret::expose).into_iter().chain(private.iter().copied()).collect();
    // One may be a part of another, which would not be found without that part.
    hidden.sort_by_key(|words| Reverse(words.len()));
    let mut text = text.to_owned();
    for words in hidden.into_iter().map(str::trim).filter(|words| !words.is_empty()) {
        text = text.replace(words, GONE);
    }
    let words: Vec<_> = text.split_whitespace().map(word).collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}{GONE}", &line[..end]),
        None => line,
    }
}

fn word(word: &str) -> String {
    if NAMES.iter().any(|name| word.contains(name)) || word.contains("***") {
        return GONE.to_owned();
    }
    let shown = match word.split_once('?') {
        Some((url, _)) if url.contains("://") => format!("{url}?{GONE}"),
        Some(_) | None => word.to_owned(),
    };
    shown.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_signatures_and_prompts_are_taken_out() {
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
    fn all_words_of_a_user_are_taken_out_whichever_holds_another() {
        let said = ["kite", "a red kite ", "dunes", ""];
        assert_eq!(redact("'a red kite' over dunes, kite", None, &said), "'…' over …, …");
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(redact(&"å".repeat(5000), None, &[" "]).chars().count(), LONGEST + 1);
    }
}
