//! The outbox of webhooks: rows in the partition of their job.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::access::ClientId;
use domain::store::StoreError;
use domain::webhooks::{
    Delivery, DeliveryKey, DeliveryList, DeliveryPage, DeliveryStore, JobDeliveries, WebhookEndpointId,
};
use domain::{JobId, Timestamp, WebhookId};
use tracing::warn;

use crate::dynamodb::row::{Item, Row, key, read, read_if_there};
use crate::dynamodb::table::JobsTable;
use crate::errors::unavailable;
use crate::keys;

pub(crate) fn item(delivery: &Delivery) -> Result<Item, StoreError> {
    let shard = || match delivery.held {
        false => keys::due_shard(delivery.job_id),
        true => keys::held_shard(&WebhookEndpointId::of(&delivery.client_id, &delivery.url)),
    };
    let mut item = Row {
        pk: keys::job_partition(delivery.job_id),
        sk: keys::webhook_sort(delivery.id),
        due_shard: delivery.due_at.map(|_| shard()),
        ttl: delivery.expires_at.seconds(),
        listed: None,
        value: delivery,
    }
    .into_item()?;
    item.insert("hookClient".to_owned(), AttributeValue::S(delivery.client_id.to_string()));
    Ok(item)
}

/// Returns the webhook that a row of an index belongs to.
pub(crate) fn key_of(item: &Item) -> Option<DeliveryKey> {
    let text = |name: &str| item.get(name)?.as_s().ok();
    keys::webhook_of(text("pk")?, text("sk")?)
}

#[async_trait]
impl DeliveryStore for JobsTable {
    async fn load_delivery(&self, job: JobId, id: WebhookId) -> Result<Option<Delivery>, StoreError> {
        read_if_there(self.get(keys::job_partition(job), keys::webhook_sort(id)).await?)
    }

    async fn save_delivery(&self, delivery: &mut Delivery) -> Result<(), StoreError> {
        let mut next = delivery.clone();
        next.revision += 1;
        self.put(item(&next)?, delivery.revision).await?;
        *delivery = next;
        Ok(())
    }
}

#[async_trait]
impl DeliveryList for JobsTable {
    async fn deliveries_of(&self, job: JobId, after: Option<WebhookId>) -> Result<JobDeliveries, StoreError> {
        let (mut after, now) = (after, Timestamp::now());
        loop {
            let start = after.map(|after| key(keys::job_partition(job), keys::webhook_sort(after)));
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :job AND begins_with(sk, :hooks)")
                .expression_attribute_values(":job", AttributeValue::S(keys::job_partition(job)))
                .expression_attribute_values(":hooks", AttributeValue::S(keys::HOOKS.to_owned()))
                .set_exclusive_start_key(start)
                .consistent_read(true);
            // DynamoDB ends a page at 1 MB.
            let page = query.send().await.map_err(|error| unavailable("Query", error))?;
            let last = page.last_evaluated_key().and_then(key_of);
            let mut deliveries = Vec::new();
            for item in page.items.unwrap_or_default() {
                match read(item, now) {
                    Ok(delivery) => deliveries.extend(delivery),
                    Err(error) => warn!(jobId = %job, %error, "a webhook is left out of a list"),
                }
            }
            match last {
                // All of the page have expired: the next page decides what follows.
                Some((_, last)) if deliveries.is_empty() => after = Some(last),
                last => return Ok(JobDeliveries { deliveries, more: last.is_some() }),
            }
        }
    }

    async fn deliveries_between(
        &self,
        client: &ClientId,
        since: Timestamp,
        until: Timestamp,
        after: Option<DeliveryKey>,
        limit: u16,
    ) -> Result<DeliveryPage, StoreError> {
        if since >= until {
            return Ok(DeliveryPage::default());
        }
        let owner = AttributeValue::S(client.to_string());
        let start = after.map(|(job, webhook)| {
            HashMap::from([
                ("hookClient".to_owned(), owner.clone()),
                ("pk".to_owned(), AttributeValue::S(keys::job_partition(job))),
                ("sk".to_owned(), AttributeValue::S(keys::webhook_sort(webhook))),
            ])
        });
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::HOOKS_INDEX)
            // BETWEEN includes both bounds, but no webhook key equals a bound: in effect the bounds are
            // exclusive.
            .key_condition_expression("hookClient = :client AND sk BETWEEN :since AND :until")
            .expression_attribute_values(":client", owner)
            .expression_attribute_values(":since", AttributeValue::S(keys::webhook_time(since)))
            .expression_attribute_values(":until", AttributeValue::S(keys::webhook_time(until)))
            .set_exclusive_start_key(start)
            .limit(i32::from(limit))
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        Ok(DeliveryPage {
            keys: answer.items().iter().filter_map(key_of).collect(),
            next: answer.last_evaluated_key().and_then(key_of),
        })
    }
}
