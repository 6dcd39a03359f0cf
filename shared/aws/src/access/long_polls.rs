//! The long-poll permits: of a caller, and of all callers together. Each in one row of the limits table with
//! one attribute for each permit.

use async_trait::async_trait;
use domain::Timestamp;
use domain::access::{Caller, LongPollPermit, LongPollStore, MAX_LONG_POLLS};
use domain::primitives::source::random_index;
use domain::store::StoreError;

use crate::access::rate_limits::LimitsTable;
use crate::dynamodb::conditional::{Conditional, conditional};
use crate::dynamodb::row::numeral;
use crate::keys;

/// How long the row is kept after its last permit has expired.
const RETENTION: std::time::Duration = std::time::Duration::from_secs(3600);

/// The most calls for one permit. When it takes so many, nearly all permits are taken.
const MAX_CALLS: usize = 5;

fn attribute(permit: usize) -> String {
    format!("wait{permit}")
}

impl LimitsTable {
    /// Acquires one of `max` permits in `row`, at first `number`. A rejected update returns the row, which shows
    /// the next free permit. So there is one more call for each permit that other requests acquire in the
    /// meantime, up to [`MAX_CALLS`].
    async fn acquire(
        &self,
        row: String,
        mut number: usize,
        max: usize,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Option<usize>, StoreError> {
        for _ in 0..MAX_CALLS {
            let update = self
                .update(row.clone())
                .update_expression("SET #permit = :until, #ttl = :ttl")
                .condition_expression("attribute_not_exists(#permit) OR #permit <= :now")
                .expression_attribute_names("#permit", attribute(number))
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":until", number_value(until))
                .expression_attribute_values(":now", number_value(now))
                .expression_attribute_values(
                    ":ttl",
                    crate::dynamodb::row::number((until + RETENTION).seconds()),
                );
            let row = match conditional(update.send().await)? {
                Conditional::Applied(_) => return Ok(Some(number)),
                Conditional::Rejected(row) => row.unwrap_or_default(),
            };
            let free =
                |number: &usize| numeral(&row, &attribute(*number)).is_none_or(|until| until <= now.millis());
            // From a random one on: others look for one at the same time.
            let Some(next) = (0..max).map(|offset| (number + offset) % max).find(free) else {
                return Ok(None);
            };
            number = next;
        }
        Ok(None)
    }

    /// Releases the permit if it still expires at `until`: an expired permit may belong to another long poll by
    /// now.
    async fn release(&self, row: String, number: usize, until: Timestamp) -> Result<(), StoreError> {
        let update = self
            .update(row)
            .update_expression("REMOVE #permit")
            .condition_expression("#permit = :until")
            .expression_attribute_names("#permit", attribute(number))
            .expression_attribute_values(":until", number_value(until));
        conditional(update.send().await).map(|_| ())
    }
}

fn number_value(at: Timestamp) -> aws_sdk_dynamodb::types::AttributeValue {
    crate::dynamodb::row::number(at.millis())
}

#[async_trait]
impl LongPollStore for LimitsTable {
    async fn acquire_long_poll(
        &self,
        caller: &Caller,
        max_of_all: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<LongPollPermit>, StoreError> {
        if max_of_all == 0 {
            return Ok(None);
        }
        let own = keys::long_poll_partition(caller);
        // The caller's own first: one caller that asks in vain then costs the shared row nothing.
        let Some(number) = self.acquire(own.clone(), 0, MAX_LONG_POLLS, (now, until)).await? else {
            return Ok(None);
        };
        let first = random_index(max_of_all).unwrap_or_default();
        let all = keys::all_long_polls_partition().to_owned();
        let acquired = self.acquire(all, first, max_of_all, (now, until)).await;
        if let Ok(Some(number_of_all)) = acquired {
            return Ok(Some(LongPollPermit { number, number_of_all, until }));
        }
        self.release(own, number, until).await?;
        acquired.map(|_| None)
    }

    async fn release_long_poll(&self, caller: &Caller, permit: LongPollPermit) -> Result<(), StoreError> {
        let all = keys::all_long_polls_partition().to_owned();
        let (own, all) = tokio::join!(
            self.release(keys::long_poll_partition(caller), permit.number, permit.until),
            self.release(all, permit.number_of_all, permit.until),
        );
        own.and(all)
    }
}
