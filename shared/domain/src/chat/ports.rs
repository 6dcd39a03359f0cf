//! The stores of chat sessions and their messages.

#![warn(missing_docs)]

use async_trait::async_trait;

use crate::chat::session::{Message, Page, RecentMessages, Session, Turn};
use crate::jobs::job::Job;
use crate::primitives::id::{MessageId, SessionId};
use crate::store::StoreError;
use crate::webhooks::delivery::Delivery;

/// Reads chat sessions and their messages.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Returns the present session (a strongly consistent read); `None` if there is none or it has expired.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// Returns the session and its newest messages, at most `limit`, by one strongly consistent read;
    /// `None` if there is no session or it has expired. One read is limited to 1 MB, so it may return
    /// fewer messages if they are very long.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn recent(&self, id: SessionId, limit: usize) -> Result<Option<RecentMessages>, StoreError>;

    /// Returns at most `limit` messages of a session, the oldest first: from the first message, or from the
    /// one that follows `after` (a strongly consistent read).
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn page(&self, id: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page, StoreError>;

    /// Returns one message (a strongly consistent read); `None` if there is none or it has expired.
    ///
    /// Gives [`StoreError::Unavailable`].
    async fn message(&self, session: SessionId, id: MessageId) -> Result<Option<Message>, StoreError>;
}

/// Stores the turns of chats.
#[async_trait]
pub trait TurnStore: Send + Sync {
    /// Stores a turn: the session, the prompt, the reply and, if the turn has one, the new image job and
    /// the webhook to save with it. All or nothing.
    ///
    /// Gives [`StoreError::Conflict`] if any of it exists already, or if the session that it continues no
    /// longer belongs to the same client and user, and [`StoreError::Unavailable`], also when too many
    /// turns of one session are stored at the same time.
    async fn save_turn(
        &self,
        turn: &Turn,
        job: Option<(&mut Job, Option<&Delivery>)>,
    ) -> Result<(), StoreError>;
}
