//! The rows of jobs.

use crate::dynamodb::row::{Item, Listed, Row, key, read, read_if_there};
use crate::dynamodb::table::JobsTable;
use crate::dynamodb::table::transact;
use crate::errors::{unavailable, unusable};
use crate::keys;
use async_trait::async_trait;
use aws_sdk_dynamodb::types::{KeysAndAttributes, TransactWriteItem};
use domain::jobs::JobStore;
use domain::store::StoreError;
use domain::webhooks::Delivery;
use domain::{Job, JobId, Timestamp};
use std::collections::HashMap;
use std::time::Duration;

/// The most rows that one BatchGetItem takes.
const GET_LIMIT: usize = 100;

/// The first pause when a BatchGetItem brings nothing; each further one is twice as long.
const GET_PAUSE: Duration = Duration::from_millis(50);

/// The longest of these pauses.
const MAX_GET_PAUSE: Duration = Duration::from_millis(800);

impl JobsTable {
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
        writes.push(table.write(crate::webhooks::deliveries::item(&owed)?, 0)?);
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
