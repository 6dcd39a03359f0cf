//! What a service says in its own words, as opposed to what it quotes from a caller.
//!
//! A message may quote the prompt, and prompts are about anything: billing, models that do not exist, safety
//! systems. So a phrase in a message counts only if it cannot come from a prompt.

/// A service's message, in which the caller's words do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OwnWords {
    /// In lower case, without what stands in quotation marks: a prompt that the service has revised or
    /// translated itself is in no list of prompts.
    unquoted: String,
    /// Every prompt that the message may quote, as [`letters_and_digits`].
    prompts: Vec<String>,
}

impl OwnWords {
    /// `private` holds everything that was sent in a user's words.
    pub(crate) fn of(message: &str, private: &[&str]) -> Self {
        let prompts = private.iter().map(|prompt| letters_and_digits(prompt)).collect();
        Self { unquoted: without_quotations(message).to_lowercase(), prompts }
    }

    /// Whether the service itself says any of these phrases, which are in lower case. A phrase that occurs in
    /// a prompt does not count, however the message may spell or cut the prompt.
    pub(crate) fn say(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.unquoted.contains(phrase) && !self.in_prompt(phrase))
    }

    /// Whether the words occur in a prompt, whatever stands between their letters.
    pub(crate) fn in_prompt(&self, words: &str) -> bool {
        let words = letters_and_digits(words);
        self.prompts.iter().any(|prompt| prompt.contains(&words))
    }
}

/// Only the letters and digits, in lower case: a quotation may differ from the prompt in the rest.
fn letters_and_digits(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The closing mark of a quotation that this mark opens.
const fn closing(mark: char) -> Option<char> {
    match mark {
        '"' | '\'' | '`' => Some(mark),
        '“' | '„' => Some('”'),
        '‘' => Some('’'),
        '«' => Some('»'),
        '「' => Some('」'),
        _ => None,
    }
}

/// The text without its quotations. A mark inside a word, as in "didn't", opens and closes nothing.
fn without_quotations(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let letter = |at: Option<usize>| {
        at.and_then(|at| characters.get(at)).is_some_and(|character| character.is_alphanumeric())
    };
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let end = closing(character).filter(|_| !letter(at.checked_sub(1))).and_then(|close| {
            (at + 1..characters.len())
                .find(|&end| characters.get(end) == Some(&close) && !letter(Some(end + 1)))
        });
        match end {
            Some(end) => {
                kept.push(' ');
                at = end + 1;
            }
            None => {
                kept.push(character);
                at += 1;
            }
        }
    }
    kept
}

/// A prompt that holds every phrase on which an adapter decides.
#[cfg(test)]
pub(crate) const TRIGGERS: &str = "a sign: billing quota credits, subscription, trial, fast hours, fast time, \
    insufficient; the model does not exist, model not found, checkpoint, sampler, out of memory, OutOfMemory; \
    must be verified; safety system, content policy, moderation, moderator, banned, sensitive, community \
    standard, public figure; english language; invalid parameter, invalid link; safety_violations=[sexual]";

/// The spellings in which services are known to quote a prompt.
#[cfg(test)]
pub(crate) fn spellings(prompt: &str) -> Vec<String> {
    let escaped = serde_json::to_string(prompt).unwrap();
    let escaped = escaped.trim_matches('"').to_owned();
    let cut: String = prompt.chars().take(prompt.chars().count() * 2 / 3).collect();
    let tail: String = prompt.chars().skip(prompt.chars().count() / 3).collect();
    let collapsed = prompt.split_whitespace().collect::<Vec<_>>().join(" ");
    vec![
        prompt.to_owned(),
        prompt.to_uppercase(),
        prompt.to_lowercase(),
        serde_json::to_string(&escaped).unwrap(),
        format!("{cut}…"),
        format!("…{tail}"),
        collapsed,
        prompt.replace(' ', "  "),
        prompt.replace([',', ';', ':', '.'], ""),
        escaped,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrase_of_a_prompt_does_not_count_in_any_spelling() {
        for spelling in spellings(TRIGGERS) {
            for message in [format!("Invalid prompt: {spelling}"), format!("'{spelling}' is not allowed")] {
                let words = OwnWords::of(&message, &["x", TRIGGERS]);
                assert!(!words.say(&["billing", "does not exist", "safety system", "trial"]), "{message}");
            }
        }
    }

    #[test]
    fn service_says_what_no_prompt_says() {
        let words = OwnWords::of("You didn't pay: billing limit of 'a trial' reached", &["a red trial"]);
        assert!(words.say(&["billing limit"]) && !words.say(&["trial"]) && !words.say(&["red"]));
    }

    #[test]
    fn quotation_of_an_unknown_prompt_does_not_count() {
        for message in [
            "the revised prompt \"a sign about billing\" is too long",
            "the prompt `billing` is too long",
            "“billing” or «billing» or „billing” is too long",
            "'it's a billing sign' is too long",
        ] {
            assert!(!OwnWords::of(message, &["une facture"]).say(&["billing"]), "{message}");
            assert!(OwnWords::of(message, &["une facture"]).say(&["too long"]), "{message}");
        }
        // A mark that nothing closes hides nothing.
        assert!(OwnWords::of("the user's billing limit", &[]).say(&["billing"]));
    }
}
