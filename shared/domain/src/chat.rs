//! Chat: sessions, what was said in them, and what a turn asks for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::client::ClientId;
use crate::id::{JobId, MessageId, SessionId, UserId};
use crate::request::{Broken, GenerateRequest, Prompt, Word};
use crate::timestamp::Timestamp;

/// The most characters (Unicode scalar values) that one message may have.
pub const TEXT_LIMIT: usize = 32_000;
/// The most messages that a request may bring along.
pub const PREVIOUS_LIMIT: usize = 1000;
/// The most of a session's messages that go to the provider with a prompt.
pub const HISTORY_LIMIT: usize = 100;
/// The most characters that those messages have together.
pub const HISTORY_CHARACTERS: usize = 64_000;

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

impl Word for Role {
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

    fn characters(&self) -> usize {
        self.0.chars().count()
    }
}

impl TryFrom<String> for Text {
    type Error = Broken;
    fn try_from(text: String) -> Result<Self, Broken> {
        if text.is_empty() || (text.len() > TEXT_LIMIT && text.chars().count() > TEXT_LIMIT) {
            return Err(Broken(format!("must have 1 to {TEXT_LIMIT} characters")));
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
    type Error = Broken;
    fn try_from(number: f64) -> Result<Self, Broken> {
        if (0.0..=2.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(Broken("must be a number from 0 to 2".into()))
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
    type Error = Broken;
    fn try_from(number: u16) -> Result<Self, Broken> {
        if (1..=Self::MOST.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(Broken(format!("must be a whole number from 1 to {}", Self::MOST.0)))
        }
    }
}

/// Something that was said, as a provider is told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
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
    pub previous: Vec<Said>,
    /// How freely to reply.
    pub temperature: Temperature,
    /// How long the reply may be.
    pub max_tokens: MaxTokens,
}

/// What a chat provider is asked.
#[derive(Debug, Clone)]
pub struct ChatTask {
    /// Everything that was said, the oldest first; the last is to be replied to.
    pub messages: Vec<Said>,
    /// How freely to reply.
    pub temperature: Temperature,
    /// How long the reply may be.
    pub max_tokens: MaxTokens,
    /// When a reply is of no more use.
    pub deadline: Timestamp,
}

/// One chat of one user. What was said in it lies beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The tenant it belongs to.
    pub client_id: ClientId,
    /// The user it belongs to.
    pub user_id: UserId,
    /// When its first message came.
    pub created_at: Timestamp,
    /// When it is forgotten, if nobody says anything more.
    pub expires_at: Timestamp,
}

/// One message of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id; the ids of a session's messages are in their order.
    pub id: MessageId,
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub content: Text,
    /// When.
    pub timestamp: Timestamp,
    /// The image job that was asked for with the prompt; stands at the reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// One prompt and its reply, as they are stored: both or neither.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The session, kept from now on as long as the messages.
    pub session: Session,
    /// Whether it begins with this turn.
    pub begins: bool,
    /// The prompt.
    pub prompt: Message,
    /// The reply.
    pub reply: Message,
}

/// What a turn's rows are called: all of it follows from `seed`, so that a turn that was begun twice
/// is stored once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnIds {
    /// The session, if it begins with this turn.
    pub session: SessionId,
    /// The prompt.
    pub prompt: MessageId,
    /// The reply.
    pub reply: MessageId,
    /// The image job, if one is asked for.
    pub job: JobId,
}

impl TurnIds {
    /// The ids of the turn `seed`, a version 7 UUID.
    #[must_use]
    pub fn from_seed(seed: Uuid) -> Self {
        // Next to one another: a turn that is stored while another runs never comes between them.
        let bits = seed.as_u128();
        Self {
            session: SessionId::from_seed(seed, "session"),
            prompt: MessageId::from_uuid(Uuid::from_u128(bits & !1)),
            reply: MessageId::from_uuid(Uuid::from_u128(bits | 1)),
            job: JobId::from_seed(seed, "job"),
        }
    }
}

/// A session and the newest of its messages.
#[derive(Debug, Clone)]
pub struct Recent {
    /// The session.
    pub session: Session,
    /// Its newest messages, the oldest of them first.
    pub messages: Vec<Message>,
}

impl Recent {
    /// As much of what was said last as a provider is told of: whole messages, within
    /// [`HISTORY_CHARACTERS`].
    #[must_use]
    pub fn history(&self) -> Vec<Said> {
        let mut left = HISTORY_CHARACTERS;
        let fits = |message: &&Message| {
            let rest = left.checked_sub(message.content.characters());
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        let mut said: Vec<_> = self
            .messages
            .iter()
            .rev()
            .take_while(fits)
            .map(|message| Said { role: message.role, content: message.content.clone() })
            .collect();
        said.reverse();
        said
    }
}

/// Some of a session's messages, the oldest first.
#[derive(Debug, Clone)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Message>,
    /// After which message the next page begins; there is none without.
    pub next: Option<MessageId>,
}

impl Session {
    /// Whether it is `client`'s own, for `user`.
    #[must_use]
    pub fn belongs_to(&self, client: &ClientId, user: UserId) -> bool {
        self.client_id == *client && self.user_id == user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message {
            id: MessageId::new(),
            role: Role::User,
            content: Text::try_from(text.to_owned()).unwrap(),
            timestamp: Timestamp::from_millis(0),
            job_id: None,
            expires_at: Timestamp::from_millis(1),
        }
    }

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
        assert!(!format!("{:?}", message("secret plans")).contains("plans"));
    }

    #[test]
    fn a_long_reply_is_cut_and_a_blank_one_is_none() {
        let long = Text::cut("ü".repeat(TEXT_LIMIT + 1)).unwrap();
        assert_eq!(long.characters(), TEXT_LIMIT);
        assert_eq!(Text::cut("yes".into()).unwrap().as_str(), "yes");
        assert_eq!(Text::cut(" \n".into()), None);
    }

    #[test]
    fn a_turns_ids_follow_from_its_seed_and_keep_its_order() {
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        let (a, b) = (TurnIds::from_seed(first), TurnIds::from_seed(second));
        assert_eq!(a, TurnIds::from_seed(first));
        let order = [a.prompt, a.reply, b.prompt, b.reply].map(|id| id.to_string());
        assert!(order.is_sorted_by(|x, y| x < y), "{order:?}");
        assert!(a.session != b.session && a.job != b.job && a.job.uuid() != a.session.uuid());
    }

    #[test]
    fn the_newest_messages_that_fit_go_along() {
        let owner = ("acme".parse().unwrap(), UserId::new());
        let session = Session {
            id: SessionId::new(),
            client_id: owner.0,
            user_id: owner.1,
            created_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(1),
        };
        let long = "x".repeat(TEXT_LIMIT);
        let messages = ["the oldest", &long, &long[1..], "n"].map(message).to_vec();
        let said = Recent { session, messages }.history();
        let lengths: Vec<_> = said.iter().map(|said| said.content.as_str().len()).collect();
        assert_eq!(lengths, [TEXT_LIMIT, TEXT_LIMIT - 1, 1], "and not one character more");
    }
}
