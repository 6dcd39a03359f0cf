//! What is asked whether it answers, and what was last seen of the providers.

use async_trait::async_trait;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use domain::providers::{SHOWN, Sighting, SightingStore};

use crate::dynamodb::table::JobsTable;
use domain::store::StoreError;

use crate::dynamodb::row::number;
use crate::errors::{unavailable, unusable};
use crate::keys;

#[async_trait]
impl SightingStore for JobsTable {
    async fn saw(&self, sighting: &Sighting) -> Result<(), StoreError> {
        let mut item: HashMap<String, AttributeValue> =
            serde_dynamo::to_item(sighting).map_err(|error| unusable("sighting", error))?;
        item.insert("pk".to_owned(), AttributeValue::S(keys::PROVIDERS.to_owned()));
        item.insert("sk".to_owned(), AttributeValue::S(sighting.provider.clone()));
        item.insert("ttl".to_owned(), number((sighting.seen_at + SHOWN).seconds()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(|error| unavailable("PutItem", error))?;
        Ok(())
    }

    async fn sightings(&self) -> Result<Vec<Sighting>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :providers")
            .expression_attribute_values(":providers", AttributeValue::S(keys::PROVIDERS.to_owned()))
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        serde_dynamo::from_items(answer.items.unwrap_or_default())
            .map_err(|error| unusable("sighting", error))
    }
}
