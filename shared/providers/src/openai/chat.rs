//! Chats by `POST /chat/completions`, as OpenAI, Ollama, vLLM and LocalAI answer it.

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{ChatTask, Said};
use domain::primitives::{Secret, Word as _};
use domain::providers::{ChatProvider, FaultOf, ProviderError, Reason};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wire::{Call, Wire};
use crate::call::{self, BaseUrl};
use crate::models::models;

/// Its name in logs.
const PROVIDER: &str = "chat";
/// Who wants `max_completion_tokens`, which includes what a model thinks.
const OPENAI: &str = "https://api.openai.com/";
/// How long a reply may take; whoever asks has a deadline of their own, which is sooner.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The longest answer: a reply of 4000 tokens is far shorter.
const LONGEST_ANSWER: usize = 1 << 20;

/// The section `chat` of the providers document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    base_url: BaseUrl,
    /// Left out for servers that ask for none.
    api_key: Option<Secret>,
    model: String,
    token_field: Option<TokenField>,
    /// Whether the model takes a temperature, if that does not follow from its name.
    temperature: Option<bool>,
    timeout_seconds: Option<NonZeroU32>,
}

/// In which field the bound on the reply is sent.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TokenField {
    MaxCompletionTokens,
    MaxTokens,
}

/// The provider.
pub(crate) struct Chat {
    wire: Wire,
    model: String,
    token_field: TokenField,
    temperature: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u16>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Reply,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Reply {
    /// A text, or parts of which some are texts.
    #[serde(default)]
    content: Value,
    #[serde(default)]
    refusal: Option<String>,
}

impl Chat {
    /// The provider as the operator has set it up, or what is wrong with that.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let timeout =
            settings.timeout_seconds.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.get().into()));
        let openai = settings.base_url.at("/").as_str().starts_with(OPENAI);
        let usual = if openai { TokenField::MaxCompletionTokens } else { TokenField::MaxTokens };
        let token_field = settings.token_field.unwrap_or(usual);
        let wire = Wire::new(settings.base_url, settings.api_key, timeout)?;
        let thinks = models().chat.is_reasoning(&settings.model);
        let temperature = settings.temperature.unwrap_or(!thinks);
        Ok(Self { wire, model: settings.model, token_field, temperature })
    }

    /// The way to the service, and the model that it uses there.
    pub(super) fn wire_and_model(self) -> (Wire, String) {
        (self.wire, self.model)
    }

    fn body<'a>(&'a self, task: &'a ChatTask) -> Body<'a> {
        let most = task.max_tokens.get();
        let (max_completion_tokens, max_tokens) = match self.token_field {
            TokenField::MaxCompletionTokens => (Some(most), None),
            TokenField::MaxTokens => (None, Some(most)),
        };
        let message = |said: &'a Said| Message { role: said.role.as_str(), content: said.content.as_str() };
        Body {
            model: &self.model,
            messages: task.messages.iter().map(message).collect(),
            temperature: self.temperature.then(|| task.temperature.get()),
            max_completion_tokens,
            max_tokens,
        }
    }
}

#[async_trait]
impl ChatProvider for Chat {
    fn name(&self) -> &'static str {
        PROVIDER
    }

    async fn reply(&self, task: &ChatTask) -> Result<String, ProviderError> {
        let private: Vec<_> = task.messages.iter().map(|said| said.content.as_str()).collect();
        let call = Call { deadline: task.deadline, private: &private, longest: LONGEST_ANSWER };
        let bytes = self.wire.post("/chat/completions", &self.body(task), call).await?;
        match serde_json::from_slice(&bytes) {
            Ok(answer) => said(answer),
            Err(_) => Err(self.wire.unusable(&bytes, "the answer is not the JSON it should be", call)),
        }
    }
}

/// What was said; a reply that was cut for its length is a reply all the same.
fn said(answer: Answer) -> Result<String, ProviderError> {
    let Some(Choice { message, finish_reason }) = answer.choices.into_iter().next() else {
        return Err(call::Answer::unusable("the answer holds no reply"));
    };
    // The refusal itself may quote the prompt: it is no message for a log.
    let refused = message.refusal.is_some_and(|refusal| !refusal.trim().is_empty());
    let finish = finish_reason.as_deref();
    if refused || finish == Some("content_filter") {
        return Err(ProviderError::new(
            FaultOf::Caller,
            Reason::Moderated,
            "the model refused to reply to this",
        ));
    }
    let text = text(message.content);
    match (text.trim().is_empty(), finish) {
        (false, _) => Ok(text),
        (true, Some("length")) => Err(call::Answer::unusable(
            "the model used up the tokens that it was allowed before it said anything",
        )),
        (true, _) => Err(call::Answer::unusable("the model said nothing")),
    }
}

fn text(content: Value) -> String {
    match content {
        Value::String(text) => text,
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}

#[cfg(test)]
mod tests;
