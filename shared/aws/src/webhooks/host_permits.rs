//! The state of a webhook host, in one row of the limits table: two attributes for each permit in use, one for
//! each slow lane, and two for each lane with a waiting line.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::Timestamp;
use domain::primitives::source::{random_fraction, random_index};
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::webhooks::{
    Acquisition, HostLimits, HostPermit, HostPermitStore, HostPermits, Lane, Line, Release, Turn,
};

use crate::dynamodb::conditional::{Conditional, conditional};
use crate::dynamodb::row::{Item, number, numeral};
use crate::keys;

/// The most attempts to acquire a permit while other senders are faster. After them, no permit counts as
/// free.
const MAX_CONFLICT_RETRIES: usize = 4;
/// How long the row is kept after its last permit has expired or its last delivery has joined a line.
const RETENTION: Duration = Duration::from_secs(3600);

/// The permits of webhook hosts. A call may be retried after a lost response, because each permit names its
/// owner.
#[derive(Debug, Clone)]
pub struct HostPermitsTable {
    client: Client,
    table: String,
    limits: HostLimits,
}

impl HostPermitsTable {
    #[must_use]
    pub const fn new(client: Client, table: String, limits: HostLimits) -> Self {
        Self { client, table, limits }
    }

    /// Starts an update of the row of `host`. The row is returned: after the update, or as it is if the update
    /// is rejected.
    fn update(&self, host: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(keys::host_partition(host)))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Sends the update, and returns the row and whether it was applied.
    async fn send(&self, update: UpdateItemFluentBuilder) -> Result<(bool, Item), StoreError> {
        Ok(match conditional(update.send().await)? {
            Conditional::Applied(row) => (true, row),
            Conditional::Rejected(row) => (false, row.unwrap_or_default()),
        })
    }
}

const PERMIT: &str = "permit";
const SLOW: &str = "slow:";
const LINE: &str = "line:";
const WATCH: &str = "watch:";

fn permit_attribute(permit: usize) -> String {
    format!("{PERMIT}{permit}")
}

fn owner_attribute(permit: usize) -> String {
    format!("owner{permit}")
}

fn lane_attribute(kind: &str, lane: &Lane) -> String {
    format!("{kind}{lane}")
}

/// Whether `owner` holds the permit, according to the row.
fn owned(row: &Item, permit: usize, owner: LeaseId) -> bool {
    let written = row.get(&owner_attribute(permit)).and_then(|owner| owner.as_s().ok());
    written.is_some_and(|written| *written == owner.to_string())
}

/// Reads the row of a host. Attributes of no known kind are left out.
fn host_permits(row: &Item, limits: HostLimits) -> HostPermits {
    let mut host = HostPermits::new(limits);
    let lane = |name: &str, kind: &str| name.strip_prefix(kind)?.parse::<Lane>().ok();
    for name in row.keys() {
        let Some(value) = numeral(row, name) else { continue };
        if let Some(permit) = name.strip_prefix(PERMIT).and_then(|text| text.parse().ok()) {
            host.held.insert(permit, Timestamp::from_millis(value));
        } else if let Some(lane) = lane(name, SLOW) {
            host.slow.insert(lane, Timestamp::from_millis(value));
        } else if let Some(lane) = lane(name, LINE) {
            let watched = numeral(row, &lane_attribute(WATCH, &lane)).map(Timestamp::from_millis);
            let joined = u64::try_from(value).unwrap_or_default();
            host.lines.insert(lane, Line { joined, watched_until: watched });
        }
    }
    host
}

#[async_trait]
impl HostPermitStore for HostPermitsTable {
    async fn acquire_host_permit(
        &self,
        host: &str,
        lane: &Lane,
        turn: Turn,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Acquisition, StoreError> {
        let lease = Lease { id: LeaseId::new(), until };
        let last_resort = lane.slow_permits(self.limits);
        let mut known = HostPermits::new(self.limits);
        for _ in 0..MAX_CONFLICT_RETRIES {
            let Some(permit) = known.choose_free(lane, now, random_fraction()) else { break };
            let mut condition = "(attribute_not_exists(#permit) OR #permit <= :now)".to_owned();
            let mut update = self
                .update(host)
                .update_expression("SET #permit = :until, #owner = :owner, #ttl = :ttl")
                .expression_attribute_names("#permit", permit_attribute(permit))
                .expression_attribute_names("#owner", owner_attribute(permit))
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":owner", AttributeValue::S(lease.id.to_string()))
                .expression_attribute_values(":until", number(until.millis()))
                .expression_attribute_values(":now", number(now.millis()))
                .expression_attribute_values(":ttl", number((until + RETENTION).seconds()));
            if !last_resort.contains(&permit) {
                condition += " AND (attribute_not_exists(#slow) OR #slow <= :now)";
                update = update.expression_attribute_names("#slow", lane_attribute(SLOW, lane));
            }
            if turn == Turn::Newcomer {
                condition += " AND attribute_not_exists(#line)";
                update = update.expression_attribute_names("#line", lane_attribute(LINE, lane));
            }
            let (applied, row) = self.send(update.condition_expression(condition)).await?;
            known = host_permits(&row, self.limits);
            // A rejected update may still be its own: the SDK has retried after a lost response.
            if applied || owned(&row, permit, lease.id) {
                return Ok(Acquisition::Acquired(HostPermit { number: permit, lease }, known));
            }
            if turn == Turn::Newcomer && known.lines.contains_key(lane) {
                break;
            }
        }
        Ok(Acquisition::Denied(known))
    }

    async fn release_host_permit(
        &self,
        host: &str,
        permit: HostPermit,
        release: &Release,
    ) -> Result<HostPermits, StoreError> {
        let mut update = self
            .update(host)
            // Releases only its own permit: an expired permit may belong to another request by now.
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#permit", permit_attribute(permit.number))
            .expression_attribute_names("#owner", owner_attribute(permit.number))
            .expression_attribute_values(":owner", AttributeValue::S(permit.lease.id.to_string()));
        let mut expression = "REMOVE #permit, #owner".to_owned();
        let kept = release.slow.map(|(lane, _)| lane);
        for (index, lane) in release.expired.iter().filter(|lane| Some(**lane) != kept).enumerate() {
            expression += &format!(", #over{index}");
            update = update.expression_attribute_names(format!("#over{index}"), lane_attribute(SLOW, lane));
        }
        if let Some((lane, until)) = release.slow {
            expression += " SET #slow = :slow";
            update = update
                .expression_attribute_names("#slow", lane_attribute(SLOW, &lane))
                .expression_attribute_values(":slow", number(until.millis()));
        }
        let (_, row) = self.send(update.update_expression(expression)).await?;
        Ok(host_permits(&row, self.limits))
    }

    async fn register_line(
        &self,
        host: &str,
        lane: &Lane,
        now: Timestamp,
    ) -> Result<HostPermits, StoreError> {
        // A number that no other call writes: a counter would begin again after the line was closed, and a
        // sender that read the same number before would close the line once more.
        let unique =
            now.millis() << 16 | random_index(1 << 16).and_then(|it| i64::try_from(it).ok()).unwrap_or(0);
        let update = self
            .update(host)
            .update_expression("SET #ttl = :ttl, #line = :unique")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#line", lane_attribute(LINE, lane))
            .expression_attribute_values(":unique", number(unique))
            .expression_attribute_values(":ttl", number((now + RETENTION).seconds()));
        let (_, row) = self.send(update).await?;
        Ok(host_permits(&row, self.limits))
    }

    async fn close_line(&self, host: &str, lane: &Lane, joined: u64) -> Result<(), StoreError> {
        let update = self
            .update(host)
            .update_expression("REMOVE #line, #watch")
            .condition_expression("#line = :joined")
            .expression_attribute_names("#line", lane_attribute(LINE, lane))
            .expression_attribute_names("#watch", lane_attribute(WATCH, lane))
            .expression_attribute_values(":joined", number(joined));
        self.send(update).await.map(|_| ())
    }

    async fn watch_line(
        &self,
        host: &str,
        lane: &Lane,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<HostPermits>, StoreError> {
        let update = self
            .update(host)
            .update_expression("SET #watch = :until")
            .condition_expression(
                "attribute_exists(#line) AND (attribute_not_exists(#watch) OR #watch <= :now)",
            )
            .expression_attribute_names("#line", lane_attribute(LINE, lane))
            .expression_attribute_names("#watch", lane_attribute(WATCH, lane))
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":until", number(until.millis()));
        let (applied, row) = self.send(update).await?;
        Ok(applied.then(|| host_permits(&row, self.limits)))
    }
}

#[cfg(test)]
mod tests {
    use crate::lost_response;
    use serde_json::json;

    use super::*;

    /// Returns a table that loses its first response. After that it says that the permit is held: by `owner`,
    /// or if that is `None`, by the owner in the request.
    async fn table_losing_a_response(owner: Option<&'static str>) -> HostPermitsTable {
        let client = lost_response::client(move |request| {
            let (names, values) =
                (&request["ExpressionAttributeNames"], &request["ExpressionAttributeValues"]);
            let owner = owner.map_or_else(|| values[":owner"].clone(), |owner| json!({"S": owner}));
            let mut row = json!({});
            row[names["#permit"].as_str().unwrap()] = json!({"N": "9999999999999"});
            row[names["#owner"].as_str().unwrap()] = owner;
            row
        });
        HostPermitsTable::new(client.await, "limits".into(), HostLimits::new(1, 1))
    }

    fn lane(path: &str) -> Lane {
        Lane::of(&"acme".parse().unwrap(), &format!("https://h.example{path}").parse().unwrap())
    }

    #[tokio::test]
    async fn acquire_after_lost_response_recognizes_its_own_permit() {
        let (now, lane) = (Timestamp::now(), lane("/"));
        let until = now + Duration::from_secs(20);
        let table = table_losing_a_response(None).await;
        let own = table.acquire_host_permit("h", &lane, Turn::Newcomer, now, until).await.unwrap();
        let Acquisition::Acquired(permit, _) = own else { panic!("{own:?}") };
        assert_eq!((permit.number, permit.lease.until), (0, until));
        let other = table_losing_a_response(Some("another-owner")).await;
        let denied = other.acquire_host_permit("h", &lane, Turn::Newcomer, now, until).await.unwrap();
        assert!(
            matches!(denied, Acquisition::Denied(_)),
            "another owner holds it until the same millisecond: {denied:?}"
        );
        // The call whose response was lost has released the permit already.
        let other = table_losing_a_response(Some("another-owner")).await;
        other.release_host_permit("h", permit, &Release::default()).await.unwrap();
    }

    #[test]
    fn row_of_a_host_is_read_attribute_by_attribute() {
        let (one, other) = (lane("/1"), lane("/2"));
        let row = Item::from([
            ("pk".to_owned(), AttributeValue::S("HOST#h".into())),
            ("ttl".to_owned(), number(99)),
            (permit_attribute(7), number(1001)),
            (owner_attribute(7), AttributeValue::S("me".into())),
            (lane_attribute(SLOW, &one), number(1002)),
            (lane_attribute(LINE, &one), number(5)),
            (lane_attribute(WATCH, &one), number(1003)),
            (lane_attribute(LINE, &other), number(1)),
            // From another release.
            ("line:new".to_owned(), number(3)),
            ("slowUntil".to_owned(), number(3)),
        ]);
        let host = host_permits(&row, HostLimits::new(64, 10));
        let at = Timestamp::from_millis;
        assert_eq!(host.held.into_iter().collect::<Vec<_>>(), [(7, at(1001))]);
        assert_eq!(host.slow.into_iter().collect::<Vec<_>>(), [(one, at(1002))]);
        assert_eq!(host.lines.len(), 2);
        assert_eq!(host.lines[&one], Line { joined: 5, watched_until: Some(at(1003)) });
        assert_eq!(host.lines[&other], Line { joined: 1, watched_until: None });
    }
}
