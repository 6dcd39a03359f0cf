//! Takes out of a provider's words what nobody may read.

use domain::secret::Secret;

/// The most characters of a provider's words that are passed on.
const LONGEST: usize = 300;
/// What stands in place of what is taken out.
const GONE: &str = "…";
/// How keys begin, at this provider or another: an error may quote a part of one.
const KEYS: [&str; 4] = ["sk-", "sk_", "Bearer", "sess-"];

/// `text` in one line of bearable length, without keys, without the queries of URLs (which sign
/// them), and without the service's own `key` and the `private` words of a user, such as a prompt.
pub(crate) fn redact(text: &str, key: Option<&Secret>, private: &str) -> String {
    let mut text = text.to_owned();
    for hidden in key.map(Secret::expose).into_iter().chain([private.trim()]) {
        if !hidden.is_empty() {
            text = text.replace(hidden, GONE);
        }
    }
    let words: Vec<_> = text.split_whitespace().map(word).collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}{GONE}", &line[..end]),
        None => line,
    }
}

fn word(word: &str) -> String {
    if KEYS.iter().any(|key| word.contains(key)) || word.contains("***") {
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
        ] {
            assert_eq!(redact(text, Some(&key), "a red kite"), shown);
        }
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(redact(&"å".repeat(5000), None, " ").chars().count(), LONGEST + 1);
    }
}
