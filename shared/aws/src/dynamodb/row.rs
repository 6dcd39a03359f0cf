//! Rows of the jobs table: a domain value, its keys, and when the table may forget it.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::errors::unavailable;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The key of a row.
pub(crate) fn key(pk: String, sk: String) -> Item {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk))])
}

/// A number in a row.
pub(crate) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A row's number, if it has one of that name.
pub(crate) fn numeral(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// The row with this key, as it is now (a strongly consistent read).
pub(crate) async fn get(client: &Client, table: &str, key: Item) -> Result<Option<Item>, StoreError> {
    let get = client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
    Ok(get.send().await.map_err(|error| unavailable("GetItem", error))?.item)
}

/// A value in a row. `dueAt` is among the value's own fields; with `dueShard` it puts the row into
/// the due index, and without either the row is not in it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row<'a, T> {
    pub(crate) pk: String,
    pub(crate) sk: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due_shard: Option<String>,
    /// Epoch seconds: DynamoDB deletes the row some time after. Reads do not wait for that.
    pub(crate) ttl: i64,
    /// Only a job's row is in the indexes of jobs.
    #[serde(flatten)]
    pub(crate) listed: Option<Listed>,
    #[serde(flatten)]
    pub(crate) value: &'a T,
}

/// What puts a row into the indexes of jobs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    pub(crate) list_client: String,
    pub(crate) list_user: String,
}

impl<T: Serialize> Row<'_, T> {
    pub(crate) fn into_item(self) -> Result<Item, StoreError> {
        serde_dynamo::to_item(&self).map_err(|error| StoreError::Unavailable(format!("row: {error}")))
    }
}

/// The value in a row, unless it has expired: DynamoDB may take days to delete it.
pub(crate) fn read<T: DeserializeOwned>(item: Item, now: Timestamp) -> Result<Option<T>, StoreError> {
    if numeral(&item, "ttl").is_some_and(|ttl| ttl <= now.seconds()) {
        return Ok(None);
    }
    let value: Result<T, _> = serde_dynamo::from_item(item);
    value.map(Some).map_err(|error| StoreError::Unavailable(format!("row: {error}")))
}

/// The same of a row that may not be there.
pub(crate) fn read_if_there<T: DeserializeOwned>(item: Option<Item>) -> Result<Option<T>, StoreError> {
    item.map_or(Ok(None), |item| read(item, Timestamp::now()))
}

/// The condition of a write: nobody has written the row since it was read.
pub(crate) fn unchanged(revision: u64) -> (&'static str, Option<AttributeValue>) {
    if revision == 0 {
        ("attribute_not_exists(pk)", None)
    } else {
        ("revision = :read", Some(number(revision)))
    }
}
