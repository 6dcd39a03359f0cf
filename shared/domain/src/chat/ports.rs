//! The store of chats.

#![warn(missing_docs)]

use crate::chat::session::{Message, Page, RecentMessages, Session, Turn};
use crate::jobs::job::Job;
use crate::primitives::id::{MessageId, SessionId};
use crate::store::StoreError;
use crate::webhooks::delivery::Delivery;
use async_trait::async_trait;

/// The chats.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The session, as it is now (a strongly consistent read); none that has expired.
    async fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// The session and its newest messages, at most `limit`, by one such read. A read has a bound of
    /// its own too: of very long messages come fewer.
    async fn recent(&self, id: SessionId, limit: usize) -> Result<Option<RecentMessages>, StoreError>;

    /// A session's messages, at most `limit`, from the oldest or from `after` on.
    async fn page(&self, id: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page, StoreError>;

    /// One message.
    async fn message(&self, session: SessionId, id: MessageId) -> Result<Option<Message>, StoreError>;
}

/// Where turns of chats go.
#[async_trait]
pub trait TurnStore: Send + Sync {
    /// Stores a turn, with the new image job and what is owed for it if there is one: all or nothing.
    /// [`StoreError::Conflict`] if any of it is there already, or if the session that it continues is
    /// no more the same user's.
    async fn save_turn(
        &self,
        turn: &Turn,
        job: Option<(&mut Job, Option<&Delivery>)>,
    ) -> Result<(), StoreError>;
}
