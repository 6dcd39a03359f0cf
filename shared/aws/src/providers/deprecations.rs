//! The model deprecations that vendors announced, in the jobs table.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::providers::{DEPRECATION_MAX_AGE, DeprecationStore, ModelDeprecations};
use domain::store::StoreError;

use crate::dynamodb::row::{Row, read, read_if_there};
use crate::dynamodb::table::JobsTable;
use crate::errors::unavailable;
use crate::keys;

#[async_trait]
impl DeprecationStore for JobsTable {
    async fn deprecations(&self, provider: &str) -> Result<Option<ModelDeprecations>, StoreError> {
        read_if_there(self.get(keys::DEPRECATIONS.to_owned(), provider.to_owned()).await?)
    }

    async fn all_deprecations(&self) -> Result<Vec<ModelDeprecations>, StoreError> {
        let query =
            self.client.query().table_name(&self.table).key_condition_expression("pk = :deprecations");
        let query = query
            .expression_attribute_values(":deprecations", AttributeValue::S(keys::DEPRECATIONS.to_owned()));
        let answer = query.send().await.map_err(|error| unavailable("Query", error))?;
        let now = Timestamp::now();
        let rows = answer.items.unwrap_or_default().into_iter().map(|item| read(item, now));
        rows.filter_map(Result::transpose).collect()
    }

    async fn save_deprecations(&self, deprecations: &ModelDeprecations) -> Result<(), StoreError> {
        let row = Row {
            pk: keys::DEPRECATIONS.to_owned(),
            sk: deprecations.provider.clone(),
            due_shard: None,
            ttl: (deprecations.asked_at + DEPRECATION_MAX_AGE).seconds(),
            listed: None,
            value: deprecations,
        };
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row.into_item()?));
        put.send().await.map_err(|error| unavailable("PutItem", error))?;
        Ok(())
    }
}
