//! The limits table: the waits that a caller holds open, in one row with a place for each.

use async_trait::async_trait;
use domain::Timestamp;
use domain::access::{Caller, WAITS, WaitPlace, WaitStore};
use domain::store::StoreError;

use crate::access::rate_limits::LimitsTable;
use crate::dynamodb::conditional::{Written, written};
use crate::dynamodb::row::{number, numeral};
use crate::keys;

/// How long the row outlives its last wait.
const KEPT: std::time::Duration = std::time::Duration::from_secs(3600);

fn attribute(place: usize) -> String {
    format!("wait{place}")
}

#[async_trait]
impl WaitStore for LimitsTable {
    async fn begin_wait(
        &self,
        caller: &Caller,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<WaitPlace>, StoreError> {
        // Where the row is known to be, the place that is free is known too; so at most two calls
        // for each place that others take in between.
        let mut place = 0;
        for _ in 0..=WAITS {
            let update = self
                .update(keys::waits_partition(caller))
                .update_expression("SET #place = :until, #ttl = :ttl")
                .condition_expression("attribute_not_exists(#place) OR #place <= :now")
                .expression_attribute_names("#place", attribute(place))
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":until", number(until.millis()))
                .expression_attribute_values(":now", number(now.millis()))
                .expression_attribute_values(":ttl", number((until + KEPT).seconds()));
            match written(update.send().await)? {
                Written::Yes(_) => return Ok(Some(WaitPlace { number: place, until })),
                Written::No(row) => {
                    let row = row.unwrap_or_default();
                    let free = |place: &usize| {
                        numeral(&row, &attribute(*place)).is_none_or(|until| until <= now.millis())
                    };
                    let Some(next) = (0..WAITS).find(free) else { return Ok(None) };
                    place = next;
                }
            }
        }
        Ok(None)
    }

    async fn end_wait(&self, caller: &Caller, place: WaitPlace) -> Result<(), StoreError> {
        let update = self
            .update(keys::waits_partition(caller))
            .update_expression("REMOVE #place")
            // Only its own: a place that has lapsed may be another wait's by now.
            .condition_expression("#place = :until")
            .expression_attribute_names("#place", attribute(place.number))
            .expression_attribute_values(":until", number(place.until.millis()));
        written(update.send().await).map(|_| ())
    }
}
