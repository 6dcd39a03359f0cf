//! Stored chats.

use crate::access::client::ClientId;
use crate::chat::request::{ChatMessage, Role, Text};
use crate::primitives::id::{JobId, MessageId, SessionId, UserId};
use crate::primitives::timestamp::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The most of a session's messages that go to the provider with a prompt.
pub const HISTORY_LIMIT: usize = 100;

/// The most characters that those messages have together.
pub const HISTORY_CHARACTERS: usize = 64_000;

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
pub struct RecentMessages {
    /// The session.
    pub session: Session,
    /// Its newest messages, the oldest of them first.
    pub messages: Vec<Message>,
}

impl RecentMessages {
    /// As much of what was said last as a provider is told of: whole messages, within
    /// [`HISTORY_CHARACTERS`].
    #[must_use]
    pub fn history(&self) -> Vec<ChatMessage> {
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
            .map(|message| ChatMessage { role: message.role, content: message.content.clone() })
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
        let said = RecentMessages { session, messages }.history();
        let lengths: Vec<_> = said.iter().map(|said| said.content.as_str().len()).collect();
        assert_eq!(lengths, [TEXT_LIMIT, TEXT_LIMIT - 1, 1], "and not one character more");
    }
}
