//! Requests to the chat, and the tasks for chat providers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::images::picture::Prompt;
use crate::jobs::request::GenerateRequest;
use crate::primitives::id::{SessionId, UserId};
use crate::primitives::named::{InvalidValue, named_values};
use crate::primitives::timestamp::Timestamp;

/// The maximum number of characters (Unicode scalar values) of one message.
pub const TEXT_LIMIT: usize = 32_000;

/// The maximum number of previous messages in a request.
pub const PREVIOUS_LIMIT: usize = 1000;

named_values! {
    /// Who says something.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
    pub enum Role {
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
        /// Whoever tells the model how to behave.
        System = "system",
    }
}

/// The text of a message: 1 to [`TEXT_LIMIT`] characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

impl Text {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Cuts `text` to [`TEXT_LIMIT`] characters; `None` if it is blank. For a provider's reply: it is paid
    /// for, so a reply that is too long must not be lost.
    #[must_use]
    pub fn cut(mut text: String) -> Option<Self> {
        if let Some((end, _)) = text.char_indices().nth(TEXT_LIMIT) {
            text.truncate(end);
        }
        (!text.trim().is_empty()).then_some(Self(text))
    }

    pub(super) fn characters(&self) -> usize {
        self.0.chars().count()
    }
}

impl TryFrom<String> for Text {
    type Error = InvalidValue;
    fn try_from(text: String) -> Result<Self, InvalidValue> {
        if text.is_empty() || (text.len() > TEXT_LIMIT && text.chars().count() > TEXT_LIMIT) {
            return Err(InvalidValue(format!("must have 1 to {TEXT_LIMIT} characters")));
        }
        Ok(Self(text))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl From<&Prompt> for Text {
    fn from(prompt: &Prompt) -> Self {
        Self(prompt.as_str().to_owned())
    }
}

impl std::fmt::Debug for Text {
    /// Hides the text: messages of users must not appear in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// The sampling temperature of the model: 0 to 2. A higher value gives more varied replies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperature(f64);

impl Temperature {
    /// The value for a request that has none.
    pub const DEFAULT: Self = Self(0.7);

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Temperature {
    type Error = InvalidValue;
    fn try_from(number: f64) -> Result<Self, InvalidValue> {
        if (0.0..=2.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(InvalidValue("must be a number from 0 to 2".into()))
        }
    }
}

/// The maximum length of the reply, in the model's tokens: 1 to 4000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxTokens(u16);

impl MaxTokens {
    /// The maximum, and the value for a request that has none, so that every reply is bounded.
    pub const MOST: Self = Self(4000);

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for MaxTokens {
    type Error = InvalidValue;
    fn try_from(number: u16) -> Result<Self, InvalidValue> {
        if (1..=Self::MOST.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(InvalidValue(format!("must be a whole number from 1 to {}", Self::MOST.0)))
        }
    }
}

/// A message as it is sent to a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    pub role: Role,
    pub content: Text,
}

/// A request for one turn of a chat.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    pub user: UserId,
    /// The session that the turn continues. `None`: a new session begins.
    pub session: Option<SessionId>,
    pub prompt: Prompt,
    /// The images that the user requests together with the reply.
    pub image: Option<GenerateRequest>,
    /// Earlier messages that the session does not hold.
    pub previous: Vec<ChatMessage>,
    pub temperature: Temperature,
    pub max_tokens: MaxTokens,
}

/// A task for a chat provider.
#[derive(Debug, Clone)]
pub struct ChatTask {
    /// The whole conversation, the oldest message first. The provider replies to the last one.
    pub messages: Vec<ChatMessage>,
    pub temperature: Temperature,
    pub max_tokens: MaxTokens,
    /// A reply after this time is useless. In Unix ms.
    pub deadline: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperature_and_max_tokens_keep_their_bounds() {
        for good in [0.0, 0.7, 2.0] {
            assert_eq!(Temperature::try_from(good).map(Temperature::get), Ok(good));
        }
        for bad in [-0.01, 2.01, f64::NAN, f64::INFINITY] {
            assert!(Temperature::try_from(bad).is_err(), "{bad}");
        }
        assert!(MaxTokens::try_from(0).is_err() && MaxTokens::try_from(4001).is_err());
        assert_eq!(MaxTokens::try_from(4000), Ok(MaxTokens::MOST));
    }

    #[test]
    fn text_is_bounded_and_debug_hides_it() {
        assert!(Text::try_from(String::new()).is_err());
        assert!(Text::try_from("ü".repeat(TEXT_LIMIT)).is_ok());
        assert!(Text::try_from("ü".repeat(TEXT_LIMIT + 1)).is_err());
        assert!(!format!("{:?}", Text::try_from("secret plans".to_owned()).unwrap()).contains("plans"));
    }

    #[test]
    fn text_cut_shortens_long_replies_and_drops_blank_ones() {
        let long = Text::cut("ü".repeat(TEXT_LIMIT + 1)).unwrap();
        assert_eq!(long.characters(), TEXT_LIMIT);
        assert_eq!(Text::cut("yes".into()).unwrap().as_str(), "yes");
        assert_eq!(Text::cut(" \n".into()), None);
    }
}
