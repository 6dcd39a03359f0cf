//! The rows of jobs in the jobs table.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{KeysAndAttributes, TransactWriteItem};
use domain::jobs::JobStore;
use domain::store::StoreError;
use domain::webhooks::Delivery;
use domain::{Job, JobId, Timestamp};

use crate::dynamodb::row::{Item, Listed, Row, key, read, read_if_there};
use crate::dynamodb::table::JobsTable;
use crate::dynamodb::table::transact;
use crate::errors::{unavailable, unusable};
use crate::keys;

/// The most rows of one BatchGetItem call (a limit of DynamoDB).
const GET_LIMIT: usize = 100;

/// The first pause after a BatchGetItem that returned no row. Each further pause is twice as long.
const GET_PAUSE: Duration = Duration::from_millis(50);

/// The longest of these pauses. After it, the call fails.
const MAX_GET_PAUSE: Duration = Duration::from_millis(800);

impl JobsTable {
    /// Reads the rows of these jobs, in any order. Jobs that do not exist are left out.
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
            let no_rows = left.len() == open.len();
            items.extend(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default());
            // A response holds at most 16 MB, so the rest is requested at once. A response without any row
            // means that the table is throttled.
            if no_rows {
                if pause > MAX_GET_PAUSE {
                    return Err(StoreError::Unavailable("BatchGetItem: throttled".into()));
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            open = left;
        }
        Ok(items)
    }
}

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

/// Returns the transaction items that write the job as `next`, if its row still has the revision `read`, and
/// the webhook of this change.
pub(crate) fn writes(
    table: &JobsTable,
    next: &Job,
    read: u64,
    delivery: Option<&Delivery>,
) -> Result<Vec<TransactWriteItem>, StoreError> {
    let mut writes = vec![table.write(item(next)?, read)?];
    if let Some(delivery) = delivery {
        let mut delivery = delivery.clone();
        delivery.revision = 1;
        writes.push(table.write(crate::webhooks::deliveries::item(&delivery)?, 0)?);
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

    async fn save(&self, job: &mut Job, delivery: Option<&Delivery>) -> Result<(), StoreError> {
        let read = job.revision;
        let mut next = job.clone();
        next.revision += 1;
        match delivery {
            None => self.put(item(&next)?, read).await?,
            Some(_) => transact(&self.client, writes(self, &next, read, delivery)?).await?,
        }
        *job = next;
        Ok(())
    }
}
