//! Classifies the reason that a proxy gives for a task's failure: text for people.
//!
//! It may quote the prompt. A user's words must not be passed on, and must not decide the error class: an
//! account without credits fails every job, a prompt about credits does not.

use domain::providers::{ErrorClass, ProviderError, Reason};

use crate::own_words::OwnWords;

/// The error for the reason `text`. `quoted` is every prompt that it may quote.
pub(super) fn classify(text: &str, quoted: &[&str]) -> ProviderError {
    let words = OwnWords::of(text, quoted);
    // The title is Midjourney's own text, unless it is the beginning of a prompt.
    let title = title(text).filter(|title| !words.in_prompt(title));
    let shown = title.map(|title| format!(": {title}")).unwrap_or_default();
    let title = title.unwrap_or_default().to_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| title.contains(phrase)) || words.say(phrases);
    if says(&["banned", "moderat", "community standard", "content policy", "sensitive"]) {
        let message = format!("Midjourney objects to the prompt or the picture{shown}");
        ProviderError::new(ErrorClass::Caller, Reason::Moderated, message)
    } else if says(&["subscription", "credits", "fast hours", "fast time", "trial", "insufficient"]) {
        let message = format!("the account has used up what it may{shown}");
        ProviderError::new(ErrorClass::Operator, Reason::QuotaExhausted, message)
    } else if says(&["invalid parameter", "invalid link"]) {
        let message = format!("Midjourney does not take the flags of this version{shown}");
        ProviderError::new(ErrorClass::Operator, Reason::InvalidRequest, message)
    } else {
        ProviderError::new(ErrorClass::Provider, Reason::Failed, format!("the task failed{shown}"))
            .possibly_paid()
    }
}

/// The title in brackets that Midjourney puts at the beginning.
fn title(text: &str) -> Option<&str> {
    let (title, _) = text.strip_prefix('[')?.split_once(']')?;
    let plain = title.chars().all(|character| character.is_ascii_alphabetic() || character == ' ');
    (plain && (1..=40).contains(&title.trim().len())).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass as F;
    use Reason as R;
    use proptest::prelude::*;

    fn class(text: &str, prompt: &str) -> (ErrorClass, Reason) {
        let error = classify(text, &[prompt]);
        (error.class, error.reason)
    }

    #[test]
    fn failure_reason_is_classified_and_never_quoted() {
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
            assert_eq!(class(text, "a red kite"), (fault, reason), "{text}");
            assert!(!classify(text, &["a red kite"]).message.contains("canary"), "{text}");
        }
        assert!(classify("[Internal Server Error] x", &[]).message.contains("Internal Server Error"));
    }

    #[test]
    fn quoted_prompt_does_not_decide_the_class() {
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
                assert_eq!(class(&text, prompt), (F::Provider, R::Failed), "{text}");
            }
        }
        assert!(!classify("[Canary] on a sign", &["[canary] on a sign"]).message.contains("anary"));
        // Midjourney's own text decides, also about such prompts.
        for (text, prompt, expected) in [
            ("[Banned prompt detected] a banned book", "a banned book", (F::Caller, R::Moderated)),
            ("[Subscription required] a trial", "a trial", (F::Operator, R::QuotaExhausted)),
            ("a trial: you have no fast hours left", "a trial", (F::Operator, R::QuotaExhausted)),
        ] {
            assert_eq!(class(text, prompt), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_quoted_prompt_is_a_transient_failure(
            before in "(\\[Internal Server Error\\] |Failed: |)",
            words in prop::collection::vec("trial|credits|banned|sensitive|fast|hours|[a-z*,\\[\\]]{0,8}", 0..8),
        ) {
            let prompt = words.join(" ");
            prop_assert_eq!(class(&format!("{before}{prompt}"), &prompt), (F::Provider, R::Failed));
        }
    }
}
