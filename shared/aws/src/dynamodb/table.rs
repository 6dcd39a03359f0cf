//! The jobs table: jobs, their webhooks (the outbox), batches and more.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use domain::store::StoreError;

use crate::dynamodb::row::{Item, get, key, unchanged};
use crate::errors::{rejected_call, unavailable, unusable};

/// The jobs table. It also holds webhook endpoints, idempotency records and the data about providers.
#[derive(Debug, Clone)]
pub struct JobsTable {
    pub(crate) client: Client,
    pub(crate) table: String,
}

impl JobsTable {
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    pub(crate) async fn get(&self, partition: String, sort: String) -> Result<Option<Item>, StoreError> {
        get(&self.client, &self.table, key(partition, sort)).await
    }

    /// Writes `item` if the row still has the revision `read`.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if the row has another revision or a transaction is writing it.
    pub(crate) async fn put(&self, item: Item, read: u64) -> Result<(), StoreError> {
        put(&self.client, &self.table, item, read).await
    }

    /// Returns the transaction item that writes `item` if the row still has the revision `read`.
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

/// Writes `item` into `table` if the row still has the revision `read` (0: there is no such row).
///
/// # Errors
///
/// [`StoreError::Conflict`] if the row has another revision or a transaction is writing it.
pub(crate) async fn put(client: &Client, table: &str, item: Item, read: u64) -> Result<(), StoreError> {
    let (condition, value) = unchanged(read);
    let answer = client
        .put_item()
        .table_name(table)
        .set_item(Some(item.clone()))
        .condition_expression(condition)
        .set_expression_attribute_values(value.map(|value| HashMap::from([(":read".to_owned(), value)])))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    let Err(error) = answer else { return Ok(()) };
    if let SdkError::ServiceError(failed) = &error {
        if let PutItemError::ConditionalCheckFailedException(check) = failed.err() {
            // The SDK retries when a response is lost, and then finds its own write.
            let own_write = check.item() == Some(&item);
            return if own_write { Ok(()) } else { Err(StoreError::Conflict) };
        }
        if failed.err().is_transaction_conflict_exception() {
            return Err(StoreError::Conflict);
        }
    }
    Err(unavailable("PutItem", error))
}

/// Applies all writes or none.
pub(crate) async fn transact(client: &Client, writes: Vec<TransactWriteItem>) -> Result<(), Cancelled> {
    // The SDK gives each transaction a token of its own, so a retry after a lost response is safe.
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
            return Err(Cancelled::Conflict);
        }
        if let Some(code) = codes.iter().find(|code| **code != "None") {
            return Err(Cancelled::Unavailable(rejected_call("TransactWriteItems", code, "a write of it")));
        }
    }
    Err(Cancelled::Unavailable(unavailable("TransactWriteItems", error)))
}

/// Why a transaction wrote nothing.
pub(crate) enum Cancelled {
    /// A condition did not hold.
    Condition,
    /// Another transaction was writing the same rows: a retry a moment later may succeed.
    Conflict,
    Unavailable(StoreError),
}

impl From<Cancelled> for StoreError {
    fn from(cancelled: Cancelled) -> Self {
        match cancelled {
            Cancelled::Condition | Cancelled::Conflict => Self::Conflict,
            Cancelled::Unavailable(error) => error,
        }
    }
}
