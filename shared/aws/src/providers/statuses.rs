//! The provider statuses in the jobs table.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::providers::{ProviderStatus, ProviderStatusStore, STATUS_MAX_AGE};
use domain::store::StoreError;
use tracing::warn;

use crate::dynamodb::row::number;
use crate::dynamodb::table::JobsTable;
use crate::errors::{unavailable, unusable};
use crate::keys;

#[async_trait]
impl ProviderStatusStore for JobsTable {
    async fn record_status(&self, status: &ProviderStatus) -> Result<(), StoreError> {
        let mut item: HashMap<String, AttributeValue> =
            serde_dynamo::to_item(status).map_err(|error| unusable("provider status", error))?;
        item.insert("pk".to_owned(), AttributeValue::S(keys::PROVIDERS.to_owned()));
        item.insert("sk".to_owned(), AttributeValue::S(status.provider.clone()));
        item.insert("ttl".to_owned(), number((status.observed_at + STATUS_MAX_AGE).seconds()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(|error| unavailable("PutItem", error))?;
        Ok(())
    }

    async fn provider_statuses(&self) -> Result<Vec<ProviderStatus>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :providers")
            .expression_attribute_values(":providers", AttributeValue::S(keys::PROVIDERS.to_owned()))
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        let rows = answer.items.unwrap_or_default().into_iter();
        // One status of a newer release must not hide the others.
        Ok(rows
            .filter_map(|row| match serde_dynamo::from_item(row) {
                Ok(status) => Some(status),
                Err(error) => {
                    warn!(%error, "a provider's status cannot be read");
                    None
                }
            })
            .collect())
    }
}
