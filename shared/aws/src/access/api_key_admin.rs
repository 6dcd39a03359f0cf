//! Administration of API keys in the access table.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use domain::access::{ClientId, KEY_RETENTION, KeyRecord, KeyRegistry, KeySummary, Limits};
use domain::store::StoreError;
use domain::{KeyId, Timestamp};

use crate::access::api_keys::AccessTable;
use crate::dynamodb::conditional::conditional;
use crate::dynamodb::row::{Item, number};
use crate::dynamodb::table::{put, transact};
use crate::errors::{unavailable, unusable};
use crate::keys;

/// Condition of a put: a key that exists is not overwritten.
const NEW: &str = "attribute_not_exists(pk)";

#[async_trait]
impl KeyRegistry for AccessTable {
    async fn add(&self, record: &KeyRecord) -> Result<(), StoreError> {
        // Recognizes its own write after a lost response: its key would be lost otherwise.
        put(&self.client, &self.table, item(record)?, 0).await
    }

    async fn current(&self, id: KeyId) -> Result<Option<KeyRecord>, StoreError> {
        self.read_key(id).await
    }

    async fn keys_of(&self, client: &ClientId) -> Result<Vec<KeySummary>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::CLIENT_INDEX)
            .key_condition_expression("clientId = :client")
            .expression_attribute_values(":client", AttributeValue::S(client.to_string()))
            .into_paginator()
            .send();
        let (mut all, now) = (Vec::new(), Timestamp::now());
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| unavailable("Query", error))?;
            for item in page.items.unwrap_or_default() {
                let key: KeySummary =
                    serde_dynamo::from_item(item).map_err(|error| unusable("key", error))?;
                // DynamoDB may take days to delete an expired row.
                if key.forgotten_at().is_none_or(|at| now < at) {
                    all.push(key);
                }
            }
        }
        Ok(all)
    }

    async fn revoke(&self, id: KeyId, at: Timestamp) -> Result<(), StoreError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(keys::api_key_partition(id)))
            .update_expression("SET revokedAt = :at, #ttl = :ttl")
            .condition_expression("attribute_exists(pk) AND attribute_not_exists(revokedAt)")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":at", number(at.millis()))
            .expression_attribute_values(":ttl", number((at + KEY_RETENTION).seconds()))
            .send()
            .await;
        // If the condition does not hold, the key is revoked already or does not exist: both are a success.
        conditional(answer).map(|_| ())
    }

    async fn rotate(&self, old: &KeyRecord, old_ends: Timestamp, new: &KeyRecord) -> Result<(), StoreError> {
        let put = Put::builder().table_name(&self.table).set_item(Some(item(new)?)).condition_expression(NEW);
        let unchanged = match old.expires_at {
            None => "attribute_not_exists(expiresAt)",
            Some(_) => "expiresAt = :read",
        };
        let update = Update::builder()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(keys::api_key_partition(old.id)))
            .update_expression("SET expiresAt = :ends, #ttl = :ttl")
            .condition_expression(format!(
                "attribute_exists(pk) AND attribute_not_exists(revokedAt) AND {unchanged}"
            ))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ends", number(old_ends.millis()))
            .expression_attribute_values(":ttl", number((old_ends + KEY_RETENTION).seconds()));
        let update = match old.expires_at {
            None => update,
            Some(read) => update.expression_attribute_values(":read", number(read.millis())),
        };
        let put = put.build().map_err(|error| unusable("key", error))?;
        let update = update.build().map_err(|error| unusable("key", error))?;
        let writes = vec![
            TransactWriteItem::builder().put(put).build(),
            TransactWriteItem::builder().update(update).build(),
        ];
        Ok(transact(&self.client, writes).await?)
    }

    async fn set_limits(&self, client: &ClientId, limits: &Limits) -> Result<(), StoreError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(keys::client_partition(client)));
        let mut sets = Vec::new();
        for (index, (endpoint, limit)) in limits.0.iter().enumerate() {
            sets.push(format!("#{index} = :{index}"));
            update = update
                .expression_attribute_names(format!("#{index}"), keys::limit_attribute(*endpoint))
                .expression_attribute_values(format!(":{index}"), number(limit));
        }
        if sets.is_empty() {
            return Ok(());
        }
        update
            .update_expression(format!("SET {}", sets.join(", ")))
            .send()
            .await
            .map_err(|error| unavailable("UpdateItem", error))?;
        Ok(())
    }
}

fn item(record: &KeyRecord) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::to_item(record).map_err(|error| unusable("key", error))?;
    item.insert("pk".to_owned(), AttributeValue::S(keys::api_key_partition(record.id)));
    Ok(item)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lost_response;
    use domain::access::ApiKey;
    use serde_json::json;

    /// Returns a table that loses its first response, and then says that the row exists: as it was sent, or
    /// with `other` instead of its hash.
    async fn table_losing_a_response(other: Option<&'static str>) -> AccessTable {
        let client = lost_response::client(move |mut request| {
            let mut row = request["Item"].take();
            if let Some(other) = other {
                row["hash"] = json!({"S": other});
            }
            row
        });
        AccessTable::new(client.await, "access".into())
    }

    #[tokio::test]
    async fn add_after_lost_response_recognizes_its_own_key() {
        let key = ApiKey::generate();
        let name = "n".parse().unwrap();
        let record = KeyRecord::new(&key, "acme".parse().unwrap(), name, vec![], Timestamp::now());
        table_losing_a_response(None).await.add(&record).await.unwrap();
        let added = table_losing_a_response(Some("another")).await.add(&record).await;
        assert!(matches!(added, Err(StoreError::Conflict)), "{added:?}");
    }
}
