//! The measured durations of jobs of a class, in the jobs table.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use domain::JobId;
use domain::jobs::{ESTIMATE_SAMPLES, EstimateStore, JobClass, estimate_from, sample_index};
use domain::store::StoreError;
use tokio::time::Instant;

use crate::dynamodb::row::{Item, key, number, numeral};
use crate::errors::unavailable;
use crate::keys;
use crate::ttl_cache::TtlCache;

/// How long a function uses an estimate before it reads the row again.
const CACHE_TTL: Duration = Duration::from_secs(60);

/// How long a function does without an estimate whose read has failed.
const FAILURE_TTL: Duration = Duration::from_secs(10);

/// The durations of jobs, with a cache of the estimates.
#[derive(Debug)]
pub struct EstimatesTable {
    client: Client,
    table: String,
    cache: TtlCache<JobClass, Option<Duration>>,
}

impl EstimatesTable {
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table, cache: TtlCache::new(CACHE_TTL) }
    }
}

fn row_key(class: JobClass) -> Item {
    key(keys::estimate_partition(class), keys::estimate_sort().to_owned())
}

fn attribute(slot: u8) -> String {
    format!("took{slot}")
}

#[async_trait]
impl EstimateStore for EstimatesTable {
    async fn estimate(&self, class: JobClass) -> Result<Option<Duration>, StoreError> {
        if let Some(time) = self.cache.get(&class) {
            return Ok(time);
        }
        let read_at = Instant::now();
        // If the read fails or the caller gives it up, the next ones do without for a while.
        if let Some(remembered_at) = read_at.checked_sub(CACHE_TTL - FAILURE_TTL) {
            self.cache.put(class, None, remembered_at);
        }
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(row_key(class)));
        let item = answer.send().await.map_err(|error| unavailable("GetItem", error))?.item;
        let row = item.unwrap_or_default();
        let millis = |slot| u64::try_from(numeral(&row, &attribute(slot))?).ok();
        let recent =
            (0..ESTIMATE_SAMPLES).filter_map(|slot| millis(slot).map(Duration::from_millis)).collect();
        let time = estimate_from(recent);
        self.cache.put(class, time, read_at);
        Ok(time)
    }

    async fn record_duration(&self, class: JobClass, job: JobId, time: Duration) -> Result<(), StoreError> {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(row_key(class)))
            .update_expression("SET #slot = :millis")
            .expression_attribute_names("#slot", attribute(sample_index(job)))
            .expression_attribute_values(":millis", number(time.as_millis()))
            .send()
            .await
            .map_err(|error| unavailable("UpdateItem", error))?;
        Ok(())
    }
}
