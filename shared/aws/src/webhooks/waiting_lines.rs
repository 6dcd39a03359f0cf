//! The waiting lines in the jobs table: a partition for each lane, with an item for each delivery that waits.

use async_trait::async_trait;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::access::ClientId;
use domain::primitives::source::random_index;
use domain::store::StoreError;
use domain::webhooks::{Lane, LineEntry, WaitingLineStore};
use domain::{JobId, Timestamp, TraceId, WebhookId};
use serde::{Deserialize, Serialize};

use crate::dynamodb::row::{Item, Row, key, read};
use crate::dynamodb::table::JobsTable;
use crate::errors::{unavailable, unusable};
use crate::keys;

/// How often the line is read while other senders are faster.
const MAX_CONFLICT_RETRIES: usize = 4;
/// How many entries are read at once.
const PAGE_SIZE: i32 = 10;

/// The attributes of an item, besides its keys.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Waiting {
    happened_at: Timestamp,
    job_id: JobId,
    webhook_id: WebhookId,
    trace_id: TraceId,
    client_id: ClientId,
    expires_at: Timestamp,
}

impl JobsTable {
    /// Returns the first items of a line, each with its sort key.
    async fn first(&self, partition: &str, limit: i32) -> Result<Vec<(Item, String)>, StoreError> {
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :line")
            .expression_attribute_values(":line", AttributeValue::S(partition.to_owned()))
            .consistent_read(true)
            .limit(limit);
        let page = query.send().await.map_err(|error| unavailable("Query", error))?;
        let with_sort = |item: Item| {
            let sort = item.get("sk").and_then(|sort| sort.as_s().ok()).cloned();
            sort.map(|sort| (item, sort)).ok_or_else(|| unusable("waiting line", "an item has no sort key"))
        };
        page.items.unwrap_or_default().into_iter().map(with_sort).collect()
    }

    /// Deletes an item of a line; returns whether it was there.
    async fn take(&self, partition: &str, sort: &str) -> Result<bool, StoreError> {
        let deleted = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key(partition.to_owned(), sort.to_owned())))
            .condition_expression("attribute_exists(pk)")
            .send()
            .await;
        match deleted {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(failed)) if failed.err().is_conditional_check_failed_exception() => {
                Ok(false)
            }
            Err(error) => Err(unavailable("DeleteItem", error)),
        }
    }
}

#[async_trait]
impl WaitingLineStore for JobsTable {
    async fn join_line(&self, host: &str, lane: &Lane, entry: &LineEntry) -> Result<(), StoreError> {
        let LineEntry { happened_at, job_id, webhook_id, trace_id, client_id, expires_at } = entry.clone();
        let row = Row {
            pk: keys::line_partition(host, lane),
            sk: keys::line_sort(happened_at, job_id, webhook_id),
            due_shard: None,
            ttl: expires_at.seconds(),
            listed: None,
            value: &Waiting { happened_at, job_id, webhook_id, trace_id, client_id, expires_at },
        };
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row.into_item()?));
        put.send().await.map(|_| ()).map_err(|error| unavailable("PutItem", error))
    }

    async fn take_first(&self, host: &str, lane: &Lane) -> Result<Option<LineEntry>, StoreError> {
        let partition = keys::line_partition(host, lane);
        for _ in 0..MAX_CONFLICT_RETRIES {
            let mut page = self.first(&partition, PAGE_SIZE).await?;
            if page.is_empty() {
                return Ok(None);
            }
            // The first one, if no other sender is faster. After that any of the page: if all tried the second
            // one now, one would get it and the others would conflict again.
            let mut index = 0;
            while index < page.len() {
                let (item, sort) = page.swap_remove(index);
                // An entry that has expired, or that this release cannot read, must not block the others.
                let entry: Option<Waiting> = read(item, Timestamp::now()).unwrap_or_default();
                if self.take(&partition, &sort).await?
                    && let Some(entry) = entry
                {
                    let Waiting { happened_at, job_id, webhook_id, trace_id, client_id, expires_at } = entry;
                    let entry =
                        LineEntry { happened_at, job_id, webhook_id, trace_id, client_id, expires_at };
                    return Ok(Some(entry));
                }
                index = random_index(page.len()).unwrap_or(0);
            }
        }
        // `None` would say that the line is empty.
        Err(StoreError::Unavailable("waiting line: other senders took every first entry".into()))
    }

    async fn take_if_first(&self, host: &str, lane: &Lane, entry: &LineEntry) -> Result<bool, StoreError> {
        let partition = keys::line_partition(host, lane);
        let own = keys::line_sort(entry.happened_at, entry.job_id, entry.webhook_id);
        match self.first(&partition, 1).await?.first() {
            Some((_, sort)) if *sort == own => self.take(&partition, &own).await,
            _ => Ok(false),
        }
    }
}
