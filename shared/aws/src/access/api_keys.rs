//! The access table: API keys and the settings of clients.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::KeyId;
use domain::access::{ClientId, Endpoint, KeyRecord, KeyStore, Limits};
use domain::primitives::NamedValue as _;
use domain::store::StoreError;
use tokio::time::Instant;

use crate::dynamodb::row::Item;
use crate::errors::{unavailable, unusable};
use crate::keys;
use crate::ttl_cache::TtlCache;

/// How long a function uses a key or limit that it has read. A revoked key works for at most this long.
const CACHE_TTL: Duration = Duration::from_secs(30);

/// The access table, with a short-lived cache of keys and limits.
#[derive(Debug)]
pub struct AccessTable {
    pub(crate) client: Client,
    pub(crate) table: String,
    keys: TtlCache<KeyId, KeyRecord>,
    limits: TtlCache<ClientId, Limits>,
}

impl AccessTable {
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, keys: TtlCache::new(CACHE_TTL), limits: TtlCache::new(CACHE_TTL) }
    }

    /// Reads a row, past the cache (a strongly consistent read).
    pub(crate) async fn row(&self, partition: String) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(partition))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("GetItem", error))?;
        Ok(answer.item)
    }

    /// Reads a key, past the cache.
    pub(crate) async fn read_key(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let Some(item) = self.row(keys::api_key_partition(id)).await? else { return Ok(None) };
        serde_dynamo::from_item(item).map(Some).map_err(|error| unusable("key", error))
    }
}

#[async_trait]
impl KeyStore for AccessTable {
    async fn find(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        if let Some(record) = self.keys.get(&id) {
            return Ok(Some(record));
        }
        let read_at = Instant::now();
        // A missing key is not cached: a new key must be valid from the moment it is created.
        let Some(record) = self.read_key(id).await? else { return Ok(None) };
        self.keys.put(id, record.clone(), read_at);
        Ok(Some(record))
    }

    async fn limits(&self, client: &ClientId) -> Result<Limits, StoreError> {
        if let Some(limits) = self.limits.get(client) {
            return Ok(limits);
        }
        let read_at = Instant::now();
        let row = self.row(keys::client_partition(client)).await?.unwrap_or_default();
        let number = |endpoint: &Endpoint| -> Option<u32> {
            row.get(&keys::limit_attribute(*endpoint))?.as_n().ok()?.parse().ok()
        };
        let own = Endpoint::ALL.iter().filter_map(|endpoint| Some((*endpoint, number(endpoint)?)));
        let limits = Limits(own.collect());
        self.limits.put(client.clone(), limits.clone(), read_at);
        Ok(limits)
    }
}
