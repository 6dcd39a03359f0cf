//! Rows of a table: a domain value, its keys and the time when it expires.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::store::StoreError;
use domain::{Cause, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::errors::{unavailable, unusable};

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn key(pk: String, sk: String) -> Item {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk))])
}

pub(crate) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Returns the number in the attribute `name`, if the row has one.
pub(crate) fn numeral(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// Reads the row with this key (a strongly consistent read).
pub(crate) async fn get(client: &Client, table: &str, key: Item) -> Result<Option<Item>, StoreError> {
    let get = client.get_item().table_name(table).set_key(Some(key)).consistent_read(true);
    Ok(get.send().await.map_err(|error| unavailable("GetItem", error))?.item)
}

/// A value with the attributes of its row. `dueAt` is a field of the value itself. The row is in the due
/// index only if it has both `dueAt` and `dueShard`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Row<'a, T> {
    pub(crate) pk: String,
    pub(crate) sk: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due_shard: Option<String>,
    /// Unix seconds. DynamoDB deletes the row some time later; until then, reads ignore it.
    pub(crate) ttl: i64,
    /// Set for a job's row only: it puts the row into the indexes of jobs.
    #[serde(flatten)]
    pub(crate) listed: Option<Listed>,
    #[serde(flatten)]
    pub(crate) value: &'a T,
}

/// The partition keys of a row in the client's and in the user's index of jobs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listed {
    pub(crate) list_client: String,
    pub(crate) list_user: String,
}

impl<T: Serialize> Row<'_, T> {
    pub(crate) fn into_item(self) -> Result<Item, StoreError> {
        serde_dynamo::to_item(&self).map_err(|error| unusable("row", error))
    }
}

/// Reads the value of a row. Returns `None` if the row has expired: DynamoDB may take days to delete it.
pub(crate) fn read<T: DeserializeOwned>(item: Item, now: Timestamp) -> Result<Option<T>, StoreError> {
    if numeral(&item, "ttl").is_some_and(|ttl| ttl <= now.seconds()) {
        return Ok(None);
    }
    let value: Result<T, _> = serde_dynamo::from_item(item);
    value.map(Some).map_err(|error| StoreError::Unreadable(Cause::of("row", error)))
}

/// Reads the value of a row that may not exist; see [`read`].
pub(crate) fn read_if_there<T: DeserializeOwned>(item: Option<Item>) -> Result<Option<T>, StoreError> {
    item.map_or(Ok(None), |item| read(item, Timestamp::now()))
}

/// Returns the condition of a write: the row still has the revision that was read (0: the row does not
/// exist).
pub(crate) fn unchanged(revision: u64) -> (&'static str, Option<AttributeValue>) {
    if revision == 0 {
        ("attribute_not_exists(pk)", None)
    } else {
        ("revision = :read", Some(number(revision)))
    }
}

#[cfg(test)]
mod tests {
    use domain::webhooks::DeliveryState;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Small {
        state: DeliveryState,
    }

    #[test]
    fn row_with_a_word_of_a_newer_release_is_unreadable() {
        let row = |state: &str| {
            let mut row = key("p".into(), "s".into());
            row.insert("state".to_owned(), AttributeValue::S(state.to_owned()));
            // An attribute that it does not know is no obstacle.
            row.insert("postponed".to_owned(), number(3));
            row
        };
        let read_row = |state: &str| read::<Small>(row(state), Timestamp::now());
        assert_eq!(read_row("pending").unwrap().unwrap().state, DeliveryState::Pending);
        assert!(matches!(read_row("paused"), Err(StoreError::Unreadable(_))), "{:?}", read_row("paused"));
    }
}
