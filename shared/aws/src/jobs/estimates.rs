//! The jobs table: how long jobs of a kind took.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use domain::JobId;
use domain::jobs::{Kind, PaceStore, SLOTS, expected, slot};
use domain::store::StoreError;

use crate::dynamodb::row::{Item, key, number, numeral};
use crate::errors::unavailable;
use crate::keys;
use crate::ttl_cache::Recent;

/// How long a function goes on with what it has read.
const REMEMBERED: Duration = Duration::from_secs(60);

/// What jobs took, with a memory.
#[derive(Debug)]
pub struct PaceTable {
    client: Client,
    table: String,
    known: Recent<Kind, Option<Duration>>,
}

impl PaceTable {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, known: Recent::new(REMEMBERED) }
    }
}

/// The key of what is known of a kind.
fn of(kind: Kind) -> Item {
    key(keys::pace_partition(kind), keys::pace_sort().to_owned())
}

fn attribute(slot: u8) -> String {
    format!("took{slot}")
}

#[async_trait]
impl PaceStore for PaceTable {
    async fn expected(&self, kind: Kind) -> Result<Option<Duration>, StoreError> {
        if let Some(time) = self.known.get(&kind) {
            return Ok(time);
        }
        let read_at = Instant::now();
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(of(kind)));
        let item = answer.send().await.map_err(|error| unavailable("GetItem", error))?.item;
        let row = item.unwrap_or_default();
        let millis = |slot| u64::try_from(numeral(&row, &attribute(slot))?).ok();
        let recent = (0..SLOTS).filter_map(|slot| millis(slot).map(Duration::from_millis)).collect();
        let time = expected(recent);
        self.known.put(kind, time, read_at);
        Ok(time)
    }

    async fn took(&self, kind: Kind, job: JobId, time: Duration) -> Result<(), StoreError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(of(kind)))
            .update_expression("SET #slot = :millis")
            .expression_attribute_names("#slot", attribute(slot(job)))
            .expression_attribute_values(":millis", number(time.as_millis()))
            .send()
            .await
            .map_err(|error| unavailable("UpdateItem", error))?;
        Ok(())
    }
}
