//! The jobs table: how long jobs of a kind took.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use domain::JobId;
use domain::jobs::{ESTIMATE_SAMPLES, EstimateStore, JobClass, estimate_from, sample_index};
use domain::store::StoreError;

use crate::dynamodb::row::{Item, key, number, numeral};
use crate::errors::unavailable;
use crate::keys;
use crate::ttl_cache::TtlCache;

/// How long a function goes on with what it has read.
const CACHE_TTL: Duration = Duration::from_secs(60);

/// What jobs took, with a memory.
#[derive(Debug)]
pub struct EstimatesTable {
    client: Client,
    table: String,
    known: TtlCache<JobClass, Option<Duration>>,
}

impl EstimatesTable {
    /// The table of this name.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, known: TtlCache::new(CACHE_TTL) }
    }
}

/// The key of what is known of a kind.
fn of(class: JobClass) -> Item {
    key(keys::estimate_partition(class), keys::estimate_sort().to_owned())
}

fn attribute(slot: u8) -> String {
    format!("took{slot}")
}

#[async_trait]
impl EstimateStore for EstimatesTable {
    async fn estimate(&self, class: JobClass) -> Result<Option<Duration>, StoreError> {
        if let Some(time) = self.known.get(&class) {
            return Ok(time);
        }
        let read_at = Instant::now();
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(of(class)));
        let item = answer.send().await.map_err(|error| unavailable("GetItem", error))?.item;
        let row = item.unwrap_or_default();
        let millis = |slot| u64::try_from(numeral(&row, &attribute(slot))?).ok();
        let recent =
            (0..ESTIMATE_SAMPLES).filter_map(|slot| millis(slot).map(Duration::from_millis)).collect();
        let time = estimate_from(recent);
        self.known.put(class, time, read_at);
        Ok(time)
    }

    async fn record_duration(&self, class: JobClass, job: JobId, time: Duration) -> Result<(), StoreError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(of(class)))
            .update_expression("SET #slot = :millis")
            .expression_attribute_names("#slot", attribute(sample_index(job)))
            .expression_attribute_values(":millis", number(time.as_millis()))
            .send()
            .await
            .map_err(|error| unavailable("UpdateItem", error))?;
        Ok(())
    }
}
