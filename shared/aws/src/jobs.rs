//! The jobs table: jobs, the webhooks that are owed because of them, and batches.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::jobs::JobStore;
use domain::store::StoreError;
use domain::webhooks::Delivery;
use domain::{Job, JobId, Timestamp};

use crate::row::{Item, Listed, Row, get, key, read, read_if_there, unchanged};
use crate::{keys, unavailable, unusable};

/// The most rows that one BatchGetItem takes.
const GET_LIMIT: usize = 100;
/// The first pause when a BatchGetItem brings nothing; each further one is twice as long.
const GET_PAUSE: Duration = Duration::from_millis(50);
/// The longest of these pauses.
const GET_PATIENCE: Duration = Duration::from_millis(800);

/// The jobs table.
#[derive(Debug, Clone)]
pub struct JobsTable {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl JobsTable {
    /// The table of this name.
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    pub(crate) async fn get(&self, partition: String, sort: String) -> Result<Option<Item>, StoreError> {
        get(&self.client, &self.table, key(partition, sort)).await
    }

    /// The rows of these jobs, in any order; those that are there.
    async fn get_many(&self, jobs: &[JobId]) -> Result<Vec<Item>, StoreError> {
        let key = |job: &JobId| key(keys::job_partition(*job), keys::job_sort().to_owned());
        let mut open: Vec<_> = jobs.iter().map(key).collect();
        let (mut items, mut pause) = (Vec::new(), GET_PAUSE);
        while !open.is_empty() {
            let keys =
                KeysAndAttributes::builder().set_keys(Some(open.clone())).consistent_read(true).build();
            let keys = keys.map_err(|error| unusable("BatchGetItem", error))?;
            let answer = self
                .client
                .batch_get_item()
                .request_items(&self.table, keys)
                .send()
                .await
                .map_err(|error| unavailable("BatchGetItem", error))?;
            let left = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
            let left = left.map(|left| left.keys).unwrap_or_default();
            let none_came = left.len() == open.len();
            items.extend(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default());
            // An answer holds 16 MB at the most, and the rest is asked for at once. If nothing came at
            // all, the table is throttled.
            if none_came {
                if pause > GET_PATIENCE {
                    return Err(StoreError::Unavailable("BatchGetItem: throttled".into()));
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            open = left;
        }
        Ok(items)
    }

    /// Writes `item` if the row still has the revision `read`.
    pub(crate) async fn put(&self, item: Item, read: u64) -> Result<(), StoreError> {
        let (condition, value) = unchanged(read);
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item.clone()))
            .condition_expression(condition)
            .set_expression_attribute_values(value.map(|value| HashMap::from([(":read".to_owned(), value)])))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = answer else { return Ok(()) };
        if let SdkError::ServiceError(failed) = &error {
            if let PutItemError::ConditionalCheckFailedException(check) = failed.err() {
                // The SDK tries again when an answer is lost, and then meets its own write.
                let ours = check.item() == Some(&item);
                return if ours { Ok(()) } else { Err(StoreError::Conflict) };
            }
            if failed.err().is_transaction_conflict_exception() {
                return Err(StoreError::Conflict);
            }
        }
        Err(unavailable("PutItem", error))
    }

    /// The part of a transaction that writes `item` if the row still has the revision `read`.
    pub(crate) fn write(&self, item: Item, read: u64) -> Result<TransactWriteItem, StoreError> {
        let (condition, value) = unchanged(read);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_values(value.map(|value| HashMap::from([(":read".to_owned(), value)])))
            .build()
            .map_err(|error| unusable("TransactWriteItems", error))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// Writes all of it or nothing.
pub(crate) async fn transact(client: &Client, writes: Vec<TransactWriteItem>) -> Result<(), Cancelled> {
    // The SDK gives each transaction a token of its own: trying again after a lost answer is safe.
    let answer = client.transact_write_items().set_transact_items(Some(writes)).send().await;
    let Err(error) = answer else { return Ok(()) };
    if let SdkError::ServiceError(failed) = &error
        && let TransactWriteItemsError::TransactionCanceledException(cancelled) = failed.err()
    {
        let codes: Vec<_> =
            cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code()).collect();
        if codes.contains(&"ConditionalCheckFailed") {
            return Err(Cancelled::Condition);
        }
        if codes.contains(&"TransactionConflict") {
            return Err(Cancelled::Race);
        }
    }
    Err(Cancelled::Unavailable(unavailable("TransactWriteItems", error)))
}

/// Why a transaction wrote nothing.
pub(crate) enum Cancelled {
    /// A condition did not hold.
    Condition,
    /// Another one was at work at the same rows: the same may pass a moment later.
    Race,
    /// The table did not answer.
    Unavailable(StoreError),
}

impl From<Cancelled> for StoreError {
    fn from(cancelled: Cancelled) -> Self {
        match cancelled {
            Cancelled::Condition | Cancelled::Race => Self::Conflict,
            Cancelled::Unavailable(error) => error,
        }
    }
}

/// The row of a job.
pub(crate) fn item(job: &Job) -> Result<Item, StoreError> {
    Row {
        pk: keys::job_partition(job.id),
        sk: keys::job_sort().to_owned(),
        due_shard: job.due_at.map(|_| keys::due_shard(job.id)),
        ttl: job.expires_at.seconds(),
        listed: Some(Listed {
            list_client: job.client_id.to_string(),
            list_user: keys::listed_user(&job.client_id, job.user_id),
        }),
        value: job,
    }
    .into_item()
}

/// The parts of a transaction that write the job as it is to be, and what is owed because of it.
pub(crate) fn writes(
    table: &JobsTable,
    next: &Job,
    read: u64,
    owed: Option<&Delivery>,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let mut writes = vec![table.write(item(next)?, read)?];
    if let Some(owed) = owed {
        let mut owed = owed.clone();
        owed.revision = 1;
        writes.push(table.write(crate::deliveries::item(&owed)?, 0)?);
    }
    Ok(writes)
}

#[async_trait]
impl JobStore for JobsTable {
    async fn load(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        read_if_there(self.get(keys::job_partition(id), keys::job_sort().to_owned()).await?)
    }

    async fn load_many(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, StoreError> {
        let mut found = HashMap::new();
        for part in ids.chunks(GET_LIMIT) {
            for item in self.get_many(part).await? {
                let job: Option<Job> = read(item, Timestamp::now())?;
                found.extend(job.map(|job| (job.id, job)));
            }
        }
        Ok(ids.iter().map(|id| found.remove(id)).collect())
    }

    async fn save(&self, job: &mut Job, owed: Option<&Delivery>) -> Result<(), StoreError> {
        let read = job.revision;
        let mut next = job.clone();
        next.revision += 1;
        match owed {
            None => self.put(item(&next)?, read).await?,
            Some(_) => transact(&self.client, writes(self, &next, read, owed)?).await?,
        }
        *job = next;
        Ok(())
    }
}
