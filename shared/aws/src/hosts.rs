//! The limits table: the requests that are under way to a receiver's host, in one row with a place for each.

use std::time::Duration;

use async_trait::async_trait;
use domain::Timestamp;
use domain::ports::{HostPlace, HostPlaces, StoreError};

use crate::keys;
use crate::limits::LimitsTable;
use crate::row::{Item, number, numeral};
use crate::update::{Written, written};

/// How many requests may be under way at a time to a host that has let us wait in vain: so many, that
/// one which is well again is soon found out.
const SLOW: usize = 2;
/// How often another one may be faster before there is thought to be no place.
const RACES: usize = 4;
/// How long the row outlives its last request.
const KEPT: Duration = Duration::from_secs(3600);

/// The places of receivers' hosts.
#[derive(Debug, Clone)]
pub struct HostsTable {
    table: LimitsTable,
    places: usize,
}

impl HostsTable {
    /// So many places for each host, in this table.
    #[must_use]
    pub fn new(table: LimitsTable, places: usize) -> Self {
        Self { table, places: places.max(1) }
    }
}

fn attribute(place: usize) -> String {
    format!("place{place}")
}

/// The places that are free in the row.
fn free(row: &Item, places: usize, now: Timestamp) -> Vec<usize> {
    let slow = numeral(row, "slowUntil").is_some_and(|until| until > now.millis());
    let usable = if slow { places.min(SLOW) } else { places };
    let taken = |place: &usize| numeral(row, &attribute(*place)).is_some_and(|until| until > now.millis());
    (0..usable).filter(|place| !taken(place)).collect()
}

fn any(places: &[usize]) -> Option<usize> {
    // Many senders look at the same moment: the same place for all would be one's and a race of the others.
    places.get(rand::random_range(0..places.len().max(1))).copied()
}

#[async_trait]
impl HostPlaces for HostsTable {
    async fn begin_request(
        &self,
        host: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<HostPlace>, StoreError> {
        let mut choice = any(&(0..self.places).collect::<Vec<_>>());
        for _ in 0..RACES {
            let Some(place) = choice else { return Ok(None) };
            let open =
                if place < SLOW { "" } else { " AND (attribute_not_exists(slowUntil) OR slowUntil <= :now)" };
            let update = self
                .table
                .update(keys::host_partition(host))
                .update_expression("SET #place = :until, #ttl = :ttl")
                .condition_expression(format!("(attribute_not_exists(#place) OR #place <= :now){open}"))
                .expression_attribute_names("#place", attribute(place))
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":until", number(until.millis()))
                .expression_attribute_values(":now", number(now.millis()))
                .expression_attribute_values(":ttl", number((until + KEPT).seconds()));
            match written(update.send().await)? {
                Written::Yes(_) => return Ok(Some(HostPlace { number: place, until })),
                Written::No(row) => choice = any(&free(&row.unwrap_or_default(), self.places, now)),
            }
        }
        Ok(None)
    }

    async fn end_request(
        &self,
        host: &str,
        place: HostPlace,
        slow_until: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let update = self
            .table
            .update(keys::host_partition(host))
            // Only its own: a place that has lapsed may be another request's by now.
            .condition_expression("#place = :until")
            .expression_attribute_names("#place", attribute(place.number))
            .expression_attribute_values(":until", number(place.until.millis()));
        let update = match slow_until {
            None => update.update_expression("REMOVE #place"),
            Some(slow) => update
                .update_expression("SET slowUntil = :slow REMOVE #place")
                .expression_attribute_values(":slow", number(slow.millis())),
        };
        written(update.send().await).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_lets_us_wait_has_fewer_places() {
        let now = Timestamp::from_millis(1000);
        let row = |slow: i64| {
            Item::from([
                (attribute(0), number(1001)),
                (attribute(2), number(1000)),
                ("slowUntil".to_owned(), number(slow)),
            ])
        };
        assert_eq!(free(&row(1000), 4, now), [1, 2, 3], "a place lapses");
        assert_eq!(free(&row(1001), 4, now), [1]);
        assert_eq!(free(&row(1001), 1, now), [0; 0]);
        assert_eq!(free(&Item::new(), 3, now), [0, 1, 2]);
        assert_eq!((any(&[]), any(&[7])), (None, Some(7)));
    }
}
