//! The long-poll permits of a caller, in one row of the limits table with one attribute for each permit.

use async_trait::async_trait;
use domain::Timestamp;
use domain::access::{Caller, LongPollPermit, LongPollStore, MAX_LONG_POLLS};
use domain::store::StoreError;

use crate::access::rate_limits::LimitsTable;
use crate::dynamodb::conditional::{Conditional, conditional};
use crate::dynamodb::row::{number, numeral};
use crate::keys;

/// How long the row is kept after its last permit has expired.
const RETENTION: std::time::Duration = std::time::Duration::from_secs(3600);

fn attribute(permit: usize) -> String {
    format!("wait{permit}")
}

#[async_trait]
impl LongPollStore for LimitsTable {
    async fn acquire_long_poll(
        &self,
        caller: &Caller,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<LongPollPermit>, StoreError> {
        // A rejected update returns the row, which shows the next free permit. So there is one more call for
        // each permit that other requests acquire in the meantime.
        let mut permit = 0;
        for _ in 0..=MAX_LONG_POLLS {
            let update = self
                .update(keys::long_poll_partition(caller))
                .update_expression("SET #permit = :until, #ttl = :ttl")
                .condition_expression("attribute_not_exists(#permit) OR #permit <= :now")
                .expression_attribute_names("#permit", attribute(permit))
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":until", number(until.millis()))
                .expression_attribute_values(":now", number(now.millis()))
                .expression_attribute_values(":ttl", number((until + RETENTION).seconds()));
            match conditional(update.send().await)? {
                Conditional::Applied(_) => return Ok(Some(LongPollPermit { number: permit, until })),
                Conditional::Rejected(row) => {
                    let row = row.unwrap_or_default();
                    let free = |permit: &usize| {
                        numeral(&row, &attribute(*permit)).is_none_or(|until| until <= now.millis())
                    };
                    let Some(next) = (0..MAX_LONG_POLLS).find(free) else { return Ok(None) };
                    permit = next;
                }
            }
        }
        Ok(None)
    }

    async fn release_long_poll(&self, caller: &Caller, permit: LongPollPermit) -> Result<(), StoreError> {
        let update = self
            .update(keys::long_poll_partition(caller))
            .update_expression("REMOVE #permit")
            // Releases only its own permit: an expired permit may belong to another long poll by now.
            .condition_expression("#permit = :until")
            .expression_attribute_names("#permit", attribute(permit.number))
            .expression_attribute_values(":until", number(permit.until.millis()));
        conditional(update.send().await).map(|_| ())
    }
}
