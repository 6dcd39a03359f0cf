//! Stored chat sessions and their messages.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::access::client::ClientId;
use crate::chat::request::{ChatMessage, Role, Text};
use crate::primitives::id::{JobId, MessageId, SessionId, UserId};
use crate::primitives::timestamp::Timestamp;

/// The maximum number of a session's messages that are sent to the provider with a prompt.
pub const HISTORY_LIMIT: usize = 100;

/// The maximum number of characters of those messages together.
pub const HISTORY_CHARACTERS: usize = 64_000;

/// One chat of one user. Its messages are stored in rows of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub id: SessionId,
    pub client_id: ClientId,
    pub user_id: UserId,
    /// When the first message arrived, in Unix ms.
    pub created_at: Timestamp,
    /// When the session expires, in Unix ms. Each new turn moves this time.
    pub expires_at: Timestamp,
}

/// One message of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// The ids of a session's messages sort in the order of the messages.
    pub id: MessageId,
    pub role: Role,
    pub content: Text,
    pub timestamp: Timestamp,
    /// The image job that the prompt requested. Only the reply has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// When the message expires, in Unix ms.
    pub expires_at: Timestamp,
}

/// One prompt and its reply. Both are stored or neither.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The session, which now expires when these messages do.
    pub session: Session,
    /// Whether the session begins with this turn.
    pub begins: bool,
    pub prompt: Message,
    pub reply: Message,
}

/// The ids of a turn's rows. All of them are derived from one seed, so that a turn that runs twice is
/// stored once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnIds {
    /// Used if the session begins with this turn.
    pub session: SessionId,
    pub prompt: MessageId,
    pub reply: MessageId,
    /// Used if the turn requests an image job.
    pub job: JobId,
}

impl TurnIds {
    /// Derives the ids of a turn from `seed`, a version 7 UUID.
    #[must_use]
    pub fn from_seed(seed: Uuid) -> Self {
        // The two message ids are adjacent: the messages of a concurrent turn never sort between them.
        let bits = seed.as_u128();
        Self {
            session: SessionId::from_seed(seed, "session"),
            prompt: MessageId::from_uuid(Uuid::from_u128(bits & !1)),
            reply: MessageId::from_uuid(Uuid::from_u128(bits | 1)),
            job: JobId::from_seed(seed, "job"),
        }
    }
}

/// A session and its newest messages.
#[derive(Debug, Clone)]
pub struct RecentMessages {
    pub session: Session,
    /// The newest messages, the oldest of them first.
    pub messages: Vec<Message>,
}

impl RecentMessages {
    /// The newest messages that are sent to the provider with a prompt, the oldest first. Only whole
    /// messages, with at most [`HISTORY_CHARACTERS`] characters together.
    #[must_use]
    pub fn history(&self) -> Vec<ChatMessage> {
        let mut left = HISTORY_CHARACTERS;
        let fits = |message: &&Message| {
            let rest = left.checked_sub(message.content.characters());
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        let mut history: Vec<_> = self
            .messages
            .iter()
            .rev()
            .take_while(fits)
            .map(|message| ChatMessage { role: message.role, content: message.content.clone() })
            .collect();
        history.reverse();
        history
    }
}

/// Some of a session's messages, the oldest first.
#[derive(Debug, Clone)]
pub struct Page {
    pub messages: Vec<Message>,
    /// The next page begins after this message. `None`: this is the last page.
    pub next: Option<MessageId>,
}

impl Session {
    /// Whether the session belongs to `user` of `client`.
    #[must_use]
    pub fn belongs_to(&self, client: &ClientId, user: UserId) -> bool {
        self.client_id == *client && self.user_id == user
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::request::TEXT_LIMIT;

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
    fn message_debug_hides_its_text() {
        assert!(!format!("{:?}", message("secret plans")).contains("plans"));
    }

    #[test]
    fn turn_ids_follow_from_the_seed_and_keep_the_order() {
        let (first, second) = (Uuid::now_v7(), Uuid::now_v7());
        let (a, b) = (TurnIds::from_seed(first), TurnIds::from_seed(second));
        assert_eq!(a, TurnIds::from_seed(first));
        let order = [a.prompt, a.reply, b.prompt, b.reply].map(|id| id.to_string());
        assert!(order.is_sorted_by(|x, y| x < y), "{order:?}");
        assert!(a.session != b.session && a.job != b.job && a.job.uuid() != a.session.uuid());
    }

    #[test]
    fn history_holds_the_newest_messages_that_fit() {
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
        let history = RecentMessages { session, messages }.history();
        let lengths: Vec<_> = history.iter().map(|message| message.content.as_str().len()).collect();
        assert_eq!(lengths, [TEXT_LIMIT, TEXT_LIMIT - 1, 1], "the messages fill the limit exactly");
    }
}
