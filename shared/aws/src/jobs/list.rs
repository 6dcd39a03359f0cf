//! Lists of jobs, from the indexes by client and by user.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::JobId;
use domain::jobs::{JobFilter, JobList, JobPage};
use domain::store::StoreError;

use crate::dynamodb::row::Item;
use crate::dynamodb::table::JobsTable;
use crate::errors::unavailable;
use crate::keys;

/// The most jobs that one query reads when it filters by status.
const FILTERED_READ_LIMIT: i32 = 1000;
/// The most queries for one page.
const MAX_QUERIES: usize = 4;

/// Returns the start key of a page that begins right after `job`.
fn start(attribute: &str, owner: &str, job: JobId) -> Item {
    HashMap::from([
        (attribute.to_owned(), AttributeValue::S(owner.to_owned())),
        ("pk".to_owned(), AttributeValue::S(keys::job_partition(job))),
        ("sk".to_owned(), AttributeValue::S(keys::job_sort().to_owned())),
    ])
}

fn job(item: &Item) -> Option<JobId> {
    keys::job_of(item.get("pk")?.as_s().ok()?)
}

#[async_trait]
impl JobList for JobsTable {
    async fn list_jobs(
        &self,
        filter: &JobFilter,
        after: Option<JobId>,
        limit: u8,
    ) -> Result<JobPage, StoreError> {
        let (index, attribute, owner) = match filter.user {
            None => (keys::CLIENT_INDEX, "listClient", filter.client.to_string()),
            Some(user) => (keys::USER_INDEX, "listUser", keys::listed_user(&filter.client, user)),
        };
        let limit = usize::from(limit);
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(index)
            .key_condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", attribute)
            .expression_attribute_values(":owner", AttributeValue::S(owner.clone()))
            .scan_index_forward(false);
        query = match filter.status {
            // One more than requested shows whether there is a next page.
            None => query.limit(i32::try_from(limit + 1).unwrap_or(i32::MAX)),
            Some(status) => query
                .limit(FILTERED_READ_LIMIT)
                .filter_expression("#status = :status")
                .expression_attribute_names("#status", "status")
                .expression_attribute_values(":status", AttributeValue::S(status.as_str().to_owned())),
        };
        let mut page = JobPage { ids: Vec::new(), next: after };
        for _ in 0..MAX_QUERIES {
            let from = page.next.map(|job| start(attribute, &owner, job));
            let answer = query.clone().set_exclusive_start_key(from).send().await;
            let answer = answer.map_err(|error| unavailable("Query", error))?;
            page.ids.extend(answer.items().iter().filter_map(job));
            page.next = answer.last_evaluated_key().and_then(job);
            if page.ids.len() > limit {
                page.ids.truncate(limit);
                page.next = page.ids.last().copied();
            }
            if page.ids.len() == limit || page.next.is_none() {
                break;
            }
        }
        Ok(page)
    }
}
