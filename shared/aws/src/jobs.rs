//! The jobs table: jobs, and the webhooks that are owed because of them.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::delivery::Delivery;
use domain::ports::{JobStore, StoreError};
use domain::{Job, JobId, Timestamp};

use crate::row::{Item, Row, read, unchanged};
use crate::{keys, unavailable, unusable};

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

    pub(crate) async fn get(&self, job: JobId, sort: String) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(keys::job_partition(job)))
            .key("sk", AttributeValue::S(sort))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable("GetItem", error))?;
        Ok(answer.item)
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
    Row::new(job.id, keys::job_sort().to_owned(), job.due_at, job.expires_at, job).into_item()
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
        match self.get(id, keys::job_sort().to_owned()).await? {
            Some(item) => read(item, Timestamp::now()),
            None => Ok(None),
        }
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
