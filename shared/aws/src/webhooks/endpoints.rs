//! The rows of webhook endpoints that are failing or have failed, in the jobs table.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::access::ClientId;
use domain::store::StoreError;
use domain::webhooks::{DeliveryKey, HeldPage, WebhookEndpoint, WebhookEndpointId, WebhookEndpointStore};

use crate::dynamodb::row::{Row, key, number, numeral, read_if_there};
use crate::dynamodb::table::JobsTable;
use crate::errors::unavailable;
use crate::keys;
use crate::webhooks::deliveries::key_of;

#[async_trait]
impl WebhookEndpointStore for JobsTable {
    async fn load_endpoint(&self, id: &WebhookEndpointId) -> Result<Option<WebhookEndpoint>, StoreError> {
        read_if_there(self.get(keys::endpoint_partition(id), keys::endpoint_sort().to_owned()).await?)
    }

    async fn save_endpoint(&self, endpoint: &mut WebhookEndpoint) -> Result<(), StoreError> {
        let id = endpoint.id();
        let mut read = endpoint.revision;
        if read == 0 {
            // An expired row may still exist. A write with revision 0 would then fail, so its revision is
            // used.
            let row = self.get(keys::endpoint_partition(&id), keys::endpoint_sort().to_owned()).await?;
            let expired: Option<WebhookEndpoint> = read_if_there(row.clone())?;
            if let (Some(row), None) = (&row, expired) {
                read =
                    numeral(row, "revision").and_then(|revision| u64::try_from(revision).ok()).unwrap_or(0);
            }
        }
        let mut next = endpoint.clone();
        next.revision = read + 1;
        let row = Row {
            pk: keys::endpoint_partition(&id),
            sk: keys::endpoint_sort().to_owned(),
            due_shard: next.due_at.map(|_| keys::endpoint_due_shard(&id)),
            ttl: next.expires_at.seconds(),
            listed: None,
            value: &next,
        };
        let mut item = row.into_item()?;
        if next.is_disabled() {
            // Puts the row into the index by client, beside the client's webhooks.
            item.insert("hookClient".to_owned(), AttributeValue::S(id.client.to_string()));
        }
        self.put(item, read).await?;
        *endpoint = next;
        Ok(())
    }

    async fn disabled_endpoints(
        &self,
        client: &ClientId,
        limit: u16,
    ) -> Result<Vec<WebhookEndpoint>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::HOOKS_INDEX)
            .key_condition_expression("hookClient = :client AND sk = :endpoint")
            .expression_attribute_values(":client", AttributeValue::S(client.to_string()))
            .expression_attribute_values(":endpoint", AttributeValue::S(keys::endpoint_sort().to_owned()))
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        let mut all = Vec::new();
        // There are few of them: an endpoint that fails for five days is rare.
        for partition in answer.items().iter().filter_map(|item| item.get("pk")?.as_s().ok()) {
            let row = self.get(partition.clone(), keys::endpoint_sort().to_owned()).await?;
            // The index may lag behind the rows.
            all.extend(read_if_there(row)?.filter(WebhookEndpoint::is_disabled));
        }
        Ok(all)
    }

    async fn held_deliveries(
        &self,
        id: &WebhookEndpointId,
        after: Option<(Timestamp, DeliveryKey)>,
        limit: u16,
    ) -> Result<HeldPage, StoreError> {
        let shard = AttributeValue::S(keys::held_shard(id));
        let start = after.map(|(at, (job, webhook))| {
            let mut start = key(keys::job_partition(job), keys::webhook_sort(webhook));
            start.insert("dueShard".to_owned(), shard.clone());
            start.insert("dueAt".to_owned(), number(at.millis()));
            start
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::DUE_INDEX)
            .key_condition_expression("dueShard = :shard")
            .expression_attribute_values(":shard", shard)
            .set_exclusive_start_key(start)
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        let last = answer.last_evaluated_key();
        let next =
            last.and_then(|last| Some((Timestamp::from_millis(numeral(last, "dueAt")?), key_of(last)?)));
        Ok(HeldPage { keys: answer.items().iter().filter_map(key_of).collect(), next })
    }
}
