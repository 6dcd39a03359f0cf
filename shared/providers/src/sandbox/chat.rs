//! The sandbox as a chat provider: a plain reply that shows its input.

use async_trait::async_trait;
use domain::chat::{ChatMessage, ChatTask};
use domain::primitives::NamedValue as _;
use domain::providers::{ChatProvider, ErrorClass, ProviderError, Reason};

use super::{PROVIDER, Sandbox, fail, parse, reject, wait};

/// The most characters of an earlier message that it quotes.
const MAX_QUOTE: usize = 80;

#[async_trait]
impl ChatProvider for Sandbox {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    async fn reply(&self, task: &ChatTask) -> Result<String, ProviderError> {
        let Some((last, earlier)) = task.messages.split_last() else {
            return Err(ProviderError::new(
                ErrorClass::Caller,
                Reason::InvalidRequest,
                "nothing was said that could be replied to",
            ));
        };
        let (switches, prompt) = parse(last.content.as_str());
        reject(&switches, 1)?;
        wait(switches.slow, task.deadline, None).await?;
        fail(&switches, 1)?;
        let reply = compose(&prompt, earlier, task);
        wait(switches.linger, task.deadline, None).await?;
        Ok(reply)
    }
}

/// The same text for the same conversation. Counts a word as a token.
fn compose(prompt: &str, earlier: &[ChatMessage], task: &ChatTask) -> String {
    let before = match earlier.last() {
        None => "Nothing was said before.".to_owned(),
        Some(said) => {
            let start: String = said.content.as_str().chars().take(MAX_QUOTE).collect();
            let (count, role) = (earlier.len(), said.role.as_str());
            format!("Messages before it: {count}; the last, of the {role}, begins: {start}")
        }
    };
    let temperature = task.temperature.get();
    let all = format!(
        "You said: {prompt}\n\n{before}\n\nThis is the sandbox: it replies without a model or a network, \
         at temperature {temperature} like at any other."
    );
    let max = usize::from(task.max_tokens.get());
    // The beginning of the first word that is too much.
    let starts = all.char_indices().zip(std::iter::once(' ').chain(all.chars()));
    let mut words = starts.filter(|((_, c), before)| !c.is_whitespace() && before.is_whitespace());
    match words.nth(max) {
        Some(((end, _), _)) => all[..end].trim_end().to_owned(),
        None => all,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::Timestamp;
    use domain::chat::{MaxTokens, Role, Temperature, Text};

    use super::*;

    fn task(said: &[(Role, &str)], most: u16) -> ChatTask {
        let said = said.iter().map(|(role, text)| ChatMessage {
            role: *role,
            content: Text::try_from((*text).to_owned()).unwrap(),
        });
        ChatTask {
            messages: said.collect(),
            temperature: Temperature::try_from(0.3).unwrap(),
            max_tokens: MaxTokens::try_from(most).unwrap(),
            deadline: Timestamp::now() + Duration::from_millis(300),
        }
    }

    #[tokio::test]
    async fn reply_shows_the_conversation() {
        let said = [(Role::User, "hello"), (Role::Assistant, "good day"), (Role::User, "a [[slow:0]] kite")];
        let reply = Sandbox.reply(&task(&said, 4000)).await.unwrap();
        assert!(reply.starts_with("You said: a kite\n"), "{reply}");
        assert!(reply.contains("before it: 2; the last, of the assistant, begins: good day"), "{reply}");
        assert!(reply.contains("temperature 0.3"), "{reply}");
        assert_eq!(Sandbox.reply(&task(&said, 4000)).await.unwrap(), reply);
        let first = Sandbox.reply(&task(&said[2..], 4000)).await.unwrap();
        assert!(first.contains("Nothing was said before."), "{first}");
    }

    #[tokio::test]
    async fn reply_has_at_most_max_tokens_words() {
        for (most, expected) in [(1, "You"), (3, "You said: a"), (4, "You said: a kite")] {
            let reply = Sandbox.reply(&task(&[(Role::User, "a kite")], most)).await.unwrap();
            assert_eq!(reply, expected);
        }
    }

    #[tokio::test]
    async fn switches_and_deadline_make_the_reply_fail() {
        for (prompt, fault) in [
            ("[[fail:1]]", ErrorClass::Provider),
            ("[[fail:forever]] x", ErrorClass::Provider),
            ("[[fail:operator]] x", ErrorClass::Operator),
            ("[[limit:3]] x", ErrorClass::Capacity),
            ("[[refuse]] x", ErrorClass::Caller),
            ("[[slow:60]] x", ErrorClass::Provider),
        ] {
            let refused = Sandbox.reply(&task(&[(Role::User, prompt)], 4000)).await.unwrap_err();
            assert_eq!(refused.class, fault, "{prompt}");
        }
    }
}
