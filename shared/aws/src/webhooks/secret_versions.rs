//! The versions of a client's webhook secrets, in the access table. The secrets themselves are in no table.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::access::ClientId;
use domain::store::StoreError;
use domain::webhooks::{SecretVersionStore, SecretVersions};

use crate::access::api_keys::AccessTable;
use crate::dynamodb::conditional::{Conditional, conditional};
use crate::errors::unusable;
use crate::keys;

/// The attribute of a client's row that holds the versions.
const ATTRIBUTE: &str = "webhookSecrets";

#[async_trait]
impl SecretVersionStore for AccessTable {
    async fn secret_versions(&self, client: &ClientId) -> Result<SecretVersions, StoreError> {
        let row = self.row(keys::client_partition(client)).await?;
        let Some(value) = row.and_then(|mut row| row.remove(ATTRIBUTE)) else {
            return Ok(SecretVersions::default());
        };
        serde_dynamo::from_attribute_value(value).map_err(|error| unusable("webhook secrets", error))
    }

    async fn replace_secret_versions(
        &self,
        client: &ClientId,
        read: &SecretVersions,
        next: &SecretVersions,
    ) -> Result<(), StoreError> {
        let next: AttributeValue =
            serde_dynamo::to_attribute_value(next).map_err(|error| unusable("webhook secrets", error))?;
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(keys::client_partition(client)))
            .update_expression("SET #all = :next")
            .expression_attribute_names("#all", ATTRIBUTE)
            .expression_attribute_values(":next", next);
        // Each rotation creates a new version number. A changed number shows that another rotation came
        // first.
        let update = if *read == SecretVersions::default() {
            update.condition_expression("attribute_not_exists(#all)")
        } else {
            update
                .condition_expression("#all.#current = :read")
                .expression_attribute_names("#current", "current")
                .expression_attribute_values(":read", AttributeValue::N(read.current.to_string()))
        };
        match conditional(update.send().await)? {
            Conditional::Applied(_) => Ok(()),
            Conditional::Rejected(_) => Err(StoreError::Conflict),
        }
    }
}
