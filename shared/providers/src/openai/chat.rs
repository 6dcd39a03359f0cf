//! Chats over `POST /chat/completions`, with OpenAI, Ollama, vLLM and LocalAI.

mod stream;

use std::num::NonZeroU32;
use std::time::Duration;

use async_trait::async_trait;
use domain::chat::{ChatMessage, ChatTask};
use domain::primitives::{NamedValue as _, Secret};
use domain::providers::{ChatProvider, ErrorClass, ProviderError, Reason};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api_client::{ApiClient, CallContext};
use crate::call::{self, BaseUrl};
use crate::models::models;

/// Its name in logs.
pub(crate) const PROVIDER: &str = "chat";
/// This service wants `max_completion_tokens`, which includes reasoning tokens.
const OPENAI_URL: &str = "https://api.openai.com/";
/// The caller's deadline is sooner.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);
/// A reply of 4000 tokens is far shorter.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// The section `chat` of the providers document.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    base_url: BaseUrl,
    /// Absent for servers that need none.
    api_key: Option<Secret>,
    model: String,
    token_field: Option<TokenField>,
    /// Whether the model takes a temperature, if it does not follow from its name.
    temperature: Option<bool>,
    timeout_seconds: Option<NonZeroU32>,
}

/// The field for the maximum length of the reply.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum TokenField {
    MaxCompletionTokens,
    MaxTokens,
}

pub(crate) struct Chat {
    client: ApiClient,
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
    /// Text, or parts of which some are text.
    #[serde(default)]
    content: Value,
    #[serde(default)]
    refusal: Option<String>,
}

impl Chat {
    /// # Errors
    ///
    /// What is wrong with the settings.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let timeout = settings
            .timeout_seconds
            .map_or(DEFAULT_TIMEOUT, |seconds| Duration::from_secs(seconds.get().into()));
        let openai = settings.base_url.at("/").as_str().starts_with(OPENAI_URL);
        let usual = if openai { TokenField::MaxCompletionTokens } else { TokenField::MaxTokens };
        let token_field = settings.token_field.unwrap_or(usual);
        let client = ApiClient::new(settings.base_url, settings.api_key, timeout)?;
        let reasoning = models().chat.is_reasoning(&settings.model);
        let temperature = settings.temperature.unwrap_or(!reasoning);
        Ok(Self { client, model: settings.model, token_field, temperature })
    }

    pub(crate) fn into_client_and_model(self) -> (ApiClient, String) {
        (self.client, self.model)
    }

    fn body<'a>(&'a self, task: &'a ChatTask) -> Body<'a> {
        let max = task.max_tokens.get();
        let (max_completion_tokens, max_tokens) = match self.token_field {
            TokenField::MaxCompletionTokens => (Some(max), None),
            TokenField::MaxTokens => (None, Some(max)),
        };
        let message =
            |said: &'a ChatMessage| Message { role: said.role.as_str(), content: said.content.as_str() };
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
        let call = CallContext { deadline: task.deadline, private: &private, max_bytes: MAX_ANSWER_BYTES };
        let bytes = stream::as_answer(self.client.post("/chat/completions", &self.body(task), call).await?);
        match serde_json::from_slice(&bytes) {
            Ok(answer) => reply_text(answer),
            Err(_) => Err(self.client.unusable(&bytes, "the answer is not the JSON it should be", call)),
        }
    }
}

/// The text of the reply. A reply that was cut at its maximum length counts.
fn reply_text(answer: Answer) -> Result<String, ProviderError> {
    let Some(Choice { message, finish_reason }) = answer.choices.into_iter().next() else {
        return Err(call::Answer::unusable("the answer holds no reply"));
    };
    // The text of the refusal may quote the prompt, so it is not logged.
    let refused = message.refusal.is_some_and(|refusal| !refusal.trim().is_empty());
    let finish = finish_reason.as_deref();
    if refused || finish == Some("content_filter") {
        return Err(ProviderError::new(
            ErrorClass::Caller,
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
