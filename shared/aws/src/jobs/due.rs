//! The due index of the jobs table.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use domain::due::{Due, DueIndex, postponement};
use domain::store::StoreError;

use crate::dynamodb::conditional::{Conditional, conditional};
use crate::dynamodb::row::{key, number, numeral};
use crate::dynamodb::table::JobsTable;
use crate::errors::unavailable;
use crate::keys;

/// The attribute that counts how often a row that cannot be read was postponed.
const POSTPONED: &str = "postponed";

impl JobsTable {
    async fn due_in(&self, shard: String, now: Timestamp, limit: i32) -> Result<Vec<Due>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(keys::DUE_INDEX)
            .key_condition_expression("dueShard = :shard AND dueAt <= :now")
            .expression_attribute_values(":shard", AttributeValue::S(shard))
            .expression_attribute_values(":now", AttributeValue::N(now.millis().to_string()))
            .limit(limit)
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        let text = |value: Option<&AttributeValue>| value.and_then(|value| value.as_s().ok()).cloned();
        Ok(answer
            .items()
            .iter()
            .filter_map(|item| keys::parse(&text(item.get("pk"))?, &text(item.get("sk"))?))
            .collect())
    }
}

#[async_trait]
impl DueIndex for JobsTable {
    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Due>, StoreError> {
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let shards = (0..keys::DUE_SHARDS).map(|number| self.due_in(keys::shard(number), now, limit));
        let mut parts = Vec::new();
        let mut failure = None;
        for part in futures_util::future::join_all(shards).await {
            match part {
                Ok(part) => parts.push(part.into_iter()),
                // A throttled shard must not hide the due rows of the others.
                Err(error) => failure = Some(error),
            }
        }
        if let (true, Some(error)) = (parts.is_empty(), failure) {
            return Err(error);
        }
        // Takes one row from each shard in turn: a shard with many due rows must not delay the others.
        let mut all = Vec::new();
        while !parts.is_empty() {
            parts.retain_mut(|part| part.next().map(|due| all.push(due)).is_some());
        }
        Ok(all)
    }

    async fn postpone(&self, due: &Due, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let (partition, sort) = keys::due_row(due);
        let Some(row) = self.get(partition.clone(), sort.clone()).await? else { return Ok(None) };
        let Some(due_at) = numeral(&row, "dueAt").filter(|at| *at <= now.millis()) else { return Ok(None) };
        let times = numeral(&row, POSTPONED).and_then(|times| u32::try_from(times).ok()).unwrap_or(0);
        let until = now + postponement(times);
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(partition, sort)))
            // `revision` stays: the row says nothing new. Whoever can read it writes it whole and with that
            // removes the count.
            .update_expression("SET dueAt = :until, #postponed = :times")
            .condition_expression("dueAt = :read")
            .expression_attribute_names("#postponed", POSTPONED)
            .expression_attribute_values(":until", number(until.millis()))
            .expression_attribute_values(":times", number(times.saturating_add(1)))
            .expression_attribute_values(":read", number(due_at));
        match conditional(update.send().await)? {
            Conditional::Applied(_) => Ok(Some(until)),
            Conditional::Rejected(_) => Err(StoreError::Conflict),
        }
    }
}
