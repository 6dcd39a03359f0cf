//! The sessions table: chat sessions and their messages.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::chat::{Message, Page, RecentMessages, Session, SessionStore, Turn, TurnStore};
use domain::store::StoreError;
use domain::webhooks::Delivery;
use domain::{Job, MessageId, SessionId, Timestamp};
use serde::Serialize;

use crate::dynamodb::row::{Item, Row, get, key, read, read_if_there};
use crate::dynamodb::table::{Cancelled, JobsTable, transact};
use crate::errors::{unavailable, unusable};
use crate::jobs::jobs::writes;
use crate::keys;

/// The most attempts to store a turn while other turns of the same session are being stored.
const MAX_CONFLICT_RETRIES: u32 = 6;
/// The pause after the first conflict. Each further pause is twice as long.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, Clone)]
pub struct SessionsTable {
    client: Client,
    table: String,
}

/// Stores turns: the messages in the sessions table, and the image job of a turn in the jobs table.
#[derive(Debug, Clone)]
pub struct Turns {
    pub sessions: SessionsTable,
    pub jobs: JobsTable,
}

fn item<T: Serialize>(
    session: SessionId,
    sk: String,
    expires: Timestamp,
    value: &T,
) -> Result<Item, StoreError> {
    let pk = keys::session_partition(session);
    Row { pk, sk, due_shard: None, ttl: expires.seconds(), listed: None, value }.into_item()
}

fn sort(item: &Item) -> &str {
    item.get("sk").and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// Returns the messages in these rows, without the expired ones.
fn messages(items: Vec<Item>) -> Result<Vec<Message>, StoreError> {
    let now = Timestamp::now();
    items.into_iter().filter_map(|item| read(item, now).transpose()).collect()
}

impl SessionsTable {
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    fn query(&self, session: SessionId) -> QueryFluentBuilder {
        let pk = AttributeValue::S(keys::session_partition(session));
        self.client.query().table_name(&self.table).expression_attribute_values(":pk", pk)
    }

    async fn get(&self, session: SessionId, sk: String) -> Result<Option<Item>, StoreError> {
        get(&self.client, &self.table, key(keys::session_partition(session), sk)).await
    }

    fn put(&self, item: Item) -> aws_sdk_dynamodb::types::builders::PutBuilder {
        Put::builder().table_name(&self.table).set_item(Some(item))
    }

    /// Returns the transaction items that store a turn. Their conditions: a new session does not exist yet, a
    /// known one belongs to the same client and user, and the messages are new.
    fn turn(&self, turn: &Turn) -> Result<Vec<TransactWriteItem>, StoreError> {
        let Turn { session, begins, prompt, reply } = turn;
        let row = self.put(item(session.id, keys::session_sort().to_owned(), session.expires_at, session)?);
        let row = if *begins {
            row.condition_expression("attribute_not_exists(pk)")
        } else {
            row.condition_expression("clientId = :client AND userId = :user")
                .expression_attribute_values(":client", AttributeValue::S(session.client_id.to_string()))
                .expression_attribute_values(":user", AttributeValue::S(session.user_id.to_string()))
        };
        let mut puts = vec![row];
        for message in [prompt, reply] {
            let item = item(session.id, keys::message_sort(message.id), message.expires_at, message)?;
            puts.push(self.put(item).condition_expression("attribute_not_exists(pk)"));
        }
        puts.into_iter()
            .map(|put| put.build().map(|put| TransactWriteItem::builder().put(put).build()))
            .collect::<Result<_, _>>()
            .map_err(|error| unusable("TransactWriteItems", error))
    }
}

#[async_trait]
impl SessionStore for SessionsTable {
    async fn session(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        read_if_there(self.get(id, keys::session_sort().to_owned()).await?)
    }

    async fn recent(&self, id: SessionId, limit: usize) -> Result<Option<RecentMessages>, StoreError> {
        let answer = self
            .query(id)
            .key_condition_expression("pk = :pk")
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        let mut items = answer.items.unwrap_or_default();
        if items.first().is_none_or(|first| sort(first) != keys::session_sort()) {
            return Ok(None);
        }
        let Some(session) = read(items.remove(0), Timestamp::now())? else { return Ok(None) };
        items.reverse();
        Ok(Some(RecentMessages { session, messages: messages(items)? }))
    }

    async fn page(&self, id: SessionId, after: Option<MessageId>, limit: usize) -> Result<Page, StoreError> {
        let answer = self
            .query(id)
            .key_condition_expression("pk = :pk AND begins_with(sk, :messages)")
            .expression_attribute_values(":messages", AttributeValue::S(keys::MESSAGES.to_owned()))
            .set_exclusive_start_key(
                after.map(|after| key(keys::session_partition(id), keys::message_sort(after))),
            )
            // One more than requested shows whether there is a next page.
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).saturating_add(1))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        let mut items = answer.items.unwrap_or_default();
        // A page also ends where DynamoDB has read 1 MB, its limit for one query.
        let more = items.len() > limit || answer.last_evaluated_key.is_some();
        items.truncate(limit);
        let last = items.last().and_then(|item| sort(item).strip_prefix(keys::MESSAGES)?.parse().ok());
        Ok(Page { next: last.filter(|_| more), messages: messages(items)? })
    }

    async fn message(&self, session: SessionId, id: MessageId) -> Result<Option<Message>, StoreError> {
        read_if_there(self.get(session, keys::message_sort(id)).await?)
    }
}

#[async_trait]
impl TurnStore for Turns {
    async fn save_turn(
        &self,
        turn: &Turn,
        job: Option<(&mut Job, Option<&Delivery>)>,
    ) -> Result<(), StoreError> {
        let mut all = self.sessions.turn(turn)?;
        let saved = match job {
            Some((job, delivery)) => {
                let mut next = job.clone();
                next.revision += 1;
                all.extend(writes(&self.jobs, &next, job.revision, delivery)?);
                Some((job, next))
            }
            None => None,
        };
        let mut pause = PAUSE;
        for _ in 0..MAX_CONFLICT_RETRIES {
            match transact(&self.sessions.client, all.clone()).await {
                Ok(()) => {
                    if let Some((job, next)) = saved {
                        *job = next;
                    }
                    return Ok(());
                }
                // Every turn of a session writes the session's row, so turns at the same time conflict.
                Err(Cancelled::Conflict) => tokio::time::sleep(pause).await,
                Err(other @ (Cancelled::Condition | Cancelled::Unavailable(_))) => return Err(other.into()),
            }
            pause *= 2;
        }
        Err(StoreError::Unavailable("TransactWriteItems: too many turns of one session at once".into()))
    }
}
