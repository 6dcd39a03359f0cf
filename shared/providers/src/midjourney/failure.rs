//! What the reasons mean that a proxy gives for a task's failure, in words that are meant for people.
//!
//! They may quote the prompt. What a user has written must neither be passed on nor decide whose fault
//! the failure is: an account that is out of credits stands still for everybody, a prompt about credits
//! does not.

use domain::providers::{FaultOf, ProviderError, Reason};

/// What to make of the reason. `quoted` is every prompt that it may quote.
pub(super) fn failure(text: &str, quoted: &[&str]) -> ProviderError {
    let quoted: Vec<String> = quoted.iter().map(|prompt| squashed(prompt)).collect();
    let in_prompt = |words: &str| quoted.iter().any(|prompt| prompt.contains(&squashed(words)));
    // The one part that is Midjourney's own, where it is not the beginning of a prompt.
    let title = title(text).filter(|title| !in_prompt(title));
    let shown = title.map(|title| format!(": {title}")).unwrap_or_default();
    let title = title.unwrap_or_default().to_lowercase();
    let text = text.to_lowercase();
    let says = |words: &[&str]| {
        words.iter().any(|words| title.contains(words))
            || words.iter().any(|words| text.contains(words) && !in_prompt(words))
    };
    if says(&["banned", "moderat", "community standard", "content policy", "sensitive"]) {
        let message = format!("Midjourney objects to the prompt or the picture{shown}");
        ProviderError::new(FaultOf::Caller, Reason::Moderated, message)
    } else if says(&["subscription", "credits", "fast hours", "fast time", "trial", "insufficient"]) {
        let message = format!("the account has used up what it may{shown}");
        ProviderError::new(FaultOf::Operator, Reason::QuotaExhausted, message)
    } else if says(&["invalid parameter", "invalid link"]) {
        let message = format!("Midjourney does not take the flags of this version{shown}");
        ProviderError::new(FaultOf::Operator, Reason::InvalidRequest, message)
    } else {
        ProviderError::new(FaultOf::Provider, Reason::Failed, format!("the task failed{shown}")).maybe_paid()
    }
}

/// The title that Midjourney puts in brackets in front.
fn title(text: &str) -> Option<&str> {
    let (title, _) = text.strip_prefix('[')?.split_once(']')?;
    let plain = title.chars().all(|character| character.is_ascii_alphabetic() || character == ' ');
    (plain && (1..=40).contains(&title.trim().len())).then_some(title)
}

/// Letters and digits alone: a quotation may have other marks and spaces in it than what it quotes.
fn squashed(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use FaultOf as F;
    use Reason as R;
    use proptest::prelude::*;

    fn told(text: &str, prompt: &str) -> (FaultOf, Reason) {
        let error = failure(text, &[prompt]);
        (error.fault, error.reason)
    }

    #[test]
    fn a_reason_is_told_apart_and_never_quoted() {
        for (text, fault, reason) in [
            ("[Banned prompt detected] canary", F::Caller, R::Moderated),
            ("[Sorry] our AI moderators say canary", F::Caller, R::Moderated),
            ("[Subscription required] canary", F::Operator, R::QuotaExhausted),
            ("You have run out of fast hours, canary", F::Operator, R::QuotaExhausted),
            ("[Invalid parameter] `--hd` canary", F::Operator, R::InvalidRequest),
            ("[Internal Server Error] canary", F::Provider, R::Failed),
            ("[canary: a title that is none] x", F::Provider, R::Failed),
            ("任务超时", F::Provider, R::Failed),
            ("[] x", F::Provider, R::Failed),
            ("", F::Provider, R::Failed),
        ] {
            assert_eq!(told(text, "a red kite"), (fault, reason), "{text}");
            assert!(!failure(text, &["a red kite"]).message.contains("canary"), "{text}");
        }
        assert!(failure("[Internal Server Error] x", &[]).message.contains("Internal Server Error"));
    }

    #[test]
    fn a_prompt_that_is_quoted_decides_nothing() {
        for prompt in [
            "a courtroom trial, film credits, a subscription",
            "a sensitive boy and his moderator",
            "fast  hours **and** in*valid* para-meters --ar 1:1",
            "[Subscription required] on a sign",
        ] {
            for text in [
                format!("[Internal Server Error] /imagine {prompt}"),
                format!("Failed to process your command: {}", prompt.to_uppercase()),
                prompt.to_owned(),
                prompt.replace("**", "").replace(['*', '-'], ""),
            ] {
                assert_eq!(told(&text, prompt), (F::Provider, R::Failed), "{text}");
            }
        }
        assert!(!failure("[Canary] on a sign", &["[canary] on a sign"]).message.contains("anary"));
        // What Midjourney says by itself counts, also of such prompts.
        for (text, prompt, expected) in [
            ("[Banned prompt detected] a banned book", "a banned book", (F::Caller, R::Moderated)),
            ("[Subscription required] a trial", "a trial", (F::Operator, R::QuotaExhausted)),
            ("a trial: you have no fast hours left", "a trial", (F::Operator, R::QuotaExhausted)),
        ] {
            assert_eq!(told(text, prompt), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_quoted_the_failure_is_a_passing_one(
            before in "(\\[Internal Server Error\\] |Failed: |)",
            words in prop::collection::vec("trial|credits|banned|sensitive|fast|hours|[a-z*,\\[\\]]{0,8}", 0..8),
        ) {
            let prompt = words.join(" ");
            prop_assert_eq!(told(&format!("{before}{prompt}"), &prompt), (F::Provider, R::Failed));
        }
    }
}
