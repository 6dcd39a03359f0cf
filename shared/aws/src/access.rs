//! The access table: API keys.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::KeyId;
use domain::access::KeyRecord;
use domain::ports::{KeyStore, StoreError};

use crate::{keys, unavailable, unusable};

/// How long a function may go on with what it knows of a key: the time in which a revoked key stops.
const REMEMBERED: Duration = Duration::from_secs(30);
/// How many keys a function remembers.
const ROOM: usize = 1000;

/// The access table, with a short memory of the keys it was asked for.
#[derive(Debug)]
pub struct AccessTable {
    client: Client,
    table: String,
    known: Mutex<HashMap<KeyId, (Instant, KeyRecord)>>,
}

impl AccessTable {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, known: Mutex::new(HashMap::new()) }
    }

    /// Stores a key that does not exist yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`], also if there is such a key already.
    pub async fn add(&self, record: &KeyRecord) -> Result<(), StoreError> {
        let mut item: HashMap<String, AttributeValue> =
            serde_dynamo::to_item(record).map_err(|error| unusable("key", error))?;
        item.insert("pk".to_owned(), AttributeValue::S(keys::api_key_partition(record.id)));
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await
            .map_err(|error| unavailable("PutItem", error))?;
        Ok(())
    }

    fn remembered(&self, id: KeyId) -> Option<KeyRecord> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).filter(|(read_at, _)| read_at.elapsed() < REMEMBERED).map(|(_, record)| record.clone())
    }

    fn remember(&self, record: KeyRecord, read_at: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ROOM {
            known.retain(|_, (read_at, _)| read_at.elapsed() < REMEMBERED);
        }
        if known.len() < ROOM {
            known.insert(record.id, (read_at, record));
        }
    }
}

#[async_trait]
impl KeyStore for AccessTable {
    async fn find(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        if let Some(record) = self.remembered(id) {
            return Ok(Some(record));
        }
        // The age counts from before the read: a key revoked during it must not live longer for that.
        let read_at = Instant::now();
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(keys::api_key_partition(id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("GetItem", error))?;
        let Some(item) = answer.item else {
            // Not remembered: a key must be good from the moment it is made.
            return Ok(None);
        };
        let record: KeyRecord = serde_dynamo::from_item(item).map_err(|error| unusable("key", error))?;
        self.remember(record.clone(), read_at);
        Ok(Some(record))
    }
}
