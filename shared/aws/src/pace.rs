//! The jobs table: how long jobs of a kind took.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::JobId;
use domain::pace::{Kind, SLOTS, expected, slot};
use domain::ports::{PaceStore, StoreError};

use crate::limits::number;
use crate::{keys, unavailable};

/// How long a function goes on with what it has read.
const REMEMBERED: Duration = Duration::from_secs(60);

/// What jobs took, with a memory.
#[derive(Debug)]
pub struct PaceTable {
    client: Client,
    table: String,
    known: Mutex<HashMap<Kind, (Instant, Option<Duration>)>>,
}

impl PaceTable {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, known: Mutex::new(HashMap::new()) }
    }

    fn key(kind: Kind) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), AttributeValue::S(keys::pace_partition(kind))),
            ("sk".to_owned(), AttributeValue::S(keys::pace_sort().to_owned())),
        ])
    }
}

fn attribute(slot: u8) -> String {
    format!("took{slot}")
}

#[async_trait]
impl PaceStore for PaceTable {
    async fn expected(&self, kind: Kind) -> Result<Option<Duration>, StoreError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&kind).copied();
        if let Some((_, time)) = known.filter(|(read_at, _)| read_at.elapsed() < REMEMBERED) {
            return Ok(time);
        }
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(Self::key(kind)));
        let item = answer.send().await.map_err(|error| unavailable("GetItem", error))?.item;
        let row = item.unwrap_or_default();
        let millis = |slot| row.get(&attribute(slot))?.as_n().ok()?.parse().ok();
        let recent = (0..SLOTS).filter_map(|slot| millis(slot).map(Duration::from_millis)).collect();
        let time = expected(recent);
        let now = (Instant::now(), time);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(kind, now);
        Ok(time)
    }

    async fn took(&self, kind: Kind, job: JobId, time: Duration) -> Result<(), StoreError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(Self::key(kind)))
            .update_expression("SET #slot = :millis")
            .expression_attribute_names("#slot", attribute(slot(job)))
            .expression_attribute_values(":millis", number(time.as_millis()))
            .send()
            .await
            .map_err(|error| unavailable("UpdateItem", error))?;
        Ok(())
    }
}
