//! What a chat is asked.

use crate::images::picture::Prompt;
use crate::jobs::request::GenerateRequest;
use crate::primitives::id::{SessionId, UserId};
use crate::primitives::named::{InvalidValue, NamedValue};
use crate::primitives::timestamp::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most characters (Unicode scalar values) that one message may have.
pub const TEXT_LIMIT: usize = 32_000;

/// The most messages that a request may bring along.
pub const PREVIOUS_LIMIT: usize = 1000;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Assistant,
    /// Whoever tells the model how to behave.
    System,
}

impl NamedValue for Role {
    const ALL: &'static [Self] = &[Self::User, Self::Assistant, Self::System];

    fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::System => "system",
        }
    }
}

/// What is said: 1 to [`TEXT_LIMIT`] characters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As much of `text` as may be said at once; `None` if it is blank. For what a provider said,
    /// which is paid for and must not be lost for being long.
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
    /// What people say stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

/// How freely the model chooses its words: 0 to 2.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperature(f64);

impl Temperature {
    /// What is meant when nothing is said.
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

/// How long the reply may be, in the model's tokens: 1 to 4000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxTokens(u16);

impl MaxTokens {
    /// The most, and what is meant when nothing is said: no reply is without bound.
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

/// Something that was said, as a provider is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// By whom.
    pub role: Role,
    /// What.
    pub content: Text,
}

/// A request for one turn of a chat.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    /// For whom.
    pub user: UserId,
    /// Which session it continues; a new one begins without.
    pub session: Option<SessionId>,
    /// What the user says.
    pub prompt: Prompt,
    /// The pictures that the user wants along with the reply.
    pub image: Option<GenerateRequest>,
    /// What was said before, beyond what the session knows.
    pub previous: Vec<ChatMessage>,
    /// How freely to reply.
    pub temperature: Temperature,
    /// How long the reply may be.
    pub max_tokens: MaxTokens,
}

/// What a chat provider is asked.
#[derive(Debug, Clone)]
pub struct ChatTask {
    /// Everything that was said, the oldest first; the last is to be replied to.
    pub messages: Vec<ChatMessage>,
    /// How freely to reply.
    pub temperature: Temperature,
    /// How long the reply may be.
    pub max_tokens: MaxTokens,
    /// When a reply is of no more use.
    pub deadline: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_bounds() {
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
    fn a_text_is_neither_empty_nor_endless_and_shows_itself_to_nobody() {
        assert!(Text::try_from(String::new()).is_err());
        assert!(Text::try_from("ü".repeat(TEXT_LIMIT)).is_ok());
        assert!(Text::try_from("ü".repeat(TEXT_LIMIT + 1)).is_err());
        assert!(!format!("{:?}", Text::try_from("secret plans".to_owned()).unwrap()).contains("plans"));
    }

    #[test]
    fn a_long_reply_is_cut_and_a_blank_one_is_none() {
        let long = Text::cut("ü".repeat(TEXT_LIMIT + 1)).unwrap();
        assert_eq!(long.characters(), TEXT_LIMIT);
        assert_eq!(Text::cut("yes".into()).unwrap().as_str(), "yes");
        assert_eq!(Text::cut(" \n".into()), None);
    }
}
