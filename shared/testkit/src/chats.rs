//! [`Memory`] as the store of chat sessions.

use async_trait::async_trait;
use domain::chat::{Message, Page, RecentMessages, Session, SessionStore, Turn, TurnStore};
use domain::store::StoreError;
use domain::webhooks::Delivery;
use domain::{Job, MessageId, SessionId};

use crate::Memory;

impl Memory {
    /// Adds a chat session with its messages, without recording a call.
    pub fn put_session(&self, chat: RecentMessages) {
        self.state().sessions.insert(chat.session.id, chat);
    }

    /// Returns all chat sessions, each with all its messages.
    #[must_use]
    pub fn sessions(&self) -> Vec<RecentMessages> {
        self.state().sessions.values().cloned().collect()
    }
}

#[async_trait]
impl SessionStore for Memory {
    async fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        Ok(self.call("session")?.sessions.get(&id).map(|chat| chat.session.clone()))
    }

    async fn recent(&self, id: SessionId, limit: usize) -> Result<Option<RecentMessages>, StoreError> {
        let mut chat = self.call("recent")?.sessions.get(&id).cloned();
        if let Some(chat) = &mut chat {
            chat.messages.drain(..chat.messages.len().saturating_sub(limit));
        }
        Ok(chat)
    }

    async fn page(&self, id: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page, StoreError> {
        let mut messages =
            self.call("page")?.sessions.get(&id).map(|chat| chat.messages.clone()).unwrap_or_default();
        messages.retain(|message| after.is_none_or(|after| message.id.uuid() > after.uuid()));
        let more = messages.len() > limit;
        messages.truncate(limit);
        Ok(Page { next: messages.last().map(|last| last.id).filter(|_| more), messages })
    }

    async fn message(&self, session: SessionId, id: MessageId) -> Result<Option<Message>, StoreError> {
        let state = self.call("message")?;
        let chat = state.sessions.get(&session);
        Ok(chat.and_then(|chat| chat.messages.iter().find(|message| message.id == id)).cloned())
    }
}

#[async_trait]
impl TurnStore for Memory {
    async fn save_turn(
        &self,
        turn: &Turn,
        job: Option<(&mut Job, Option<&Delivery>)>,
    ) -> Result<(), StoreError> {
        let mut state = self.call("save_turn")?;
        let Turn { session, begins, prompt, reply } = turn.clone();
        let known = state.sessions.get(&session.id);
        let as_expected = match known {
            Some(chat) => !begins && chat.session.belongs_to(&session.client_id, session.user_id),
            None => begins,
        };
        let reply_exists =
            known.is_some_and(|chat| chat.messages.iter().any(|message| message.id == reply.id));
        let job_exists = job.as_ref().is_some_and(|(job, _)| state.jobs.contains_key(&job.id));
        if !as_expected || reply_exists || job_exists {
            return Err(StoreError::Conflict);
        }
        let chat = state
            .sessions
            .entry(session.id)
            .or_insert(RecentMessages { session: session.clone(), messages: Vec::new() });
        chat.session = session;
        chat.messages.extend([prompt, reply]);
        chat.messages.sort_by_key(|message| message.id.uuid());
        if let Some((job, delivery)) = job {
            job.revision += 1;
            state.jobs.insert(job.id, job.clone());
            if let Some(delivery) = delivery {
                let mut delivery = delivery.clone();
                delivery.revision = 1;
                state.deliveries.insert(delivery.id.to_string(), delivery);
            }
        }
        Ok(())
    }
}
