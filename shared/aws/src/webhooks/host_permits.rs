//! The concurrency permits for requests to a webhook host, in one row of the limits table with two attributes
//! for each permit.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::Timestamp;
use domain::primitives::source::random_index;
use domain::primitives::{Lease, LeaseId};
use domain::store::StoreError;
use domain::webhooks::{HostPermit, HostPermitStore};

use crate::dynamodb::conditional::{Conditional, conditional};
use crate::dynamodb::row::{Item, number, numeral};
use crate::keys;

/// The number of permits for a slow host, which recently did not answer in time. It is high enough to notice
/// soon when the host has recovered.
const SLOW_HOST_PERMITS: usize = 2;
/// The most attempts to acquire a permit while other senders are faster. After them, no permit counts as
/// free.
const MAX_CONFLICT_RETRIES: usize = 4;
/// How long the row is kept after its last permit has expired.
const RETENTION: Duration = Duration::from_secs(3600);

/// The permits of webhook hosts. A call may be retried after a lost response, because each permit names its
/// owner.
#[derive(Debug, Clone)]
pub struct HostPermitsTable {
    client: Client,
    table: String,
    permits: usize,
}

impl HostPermitsTable {
    /// `permits` is the number of concurrent requests to one host, at least 1.
    #[must_use]
    pub fn new(client: Client, table: String, permits: usize) -> Self {
        Self { client, table, permits: permits.max(1) }
    }

    /// Starts an update of one permit of `host`. A rejected update returns the row.
    fn update(&self, host: &str, permit: usize, owner: LeaseId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(keys::host_partition(host)))
            .expression_attribute_names("#permit", attribute(permit))
            .expression_attribute_names("#owner", owner_attribute(permit))
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

fn attribute(permit: usize) -> String {
    format!("permit{permit}")
}

fn owner_attribute(permit: usize) -> String {
    format!("owner{permit}")
}

/// Whether `owner` holds the permit, according to the row.
fn owned(row: &Item, permit: usize, owner: LeaseId) -> bool {
    let written = row.get(&owner_attribute(permit)).and_then(|owner| owner.as_s().ok());
    written.is_some_and(|written| *written == owner.to_string())
}

/// Returns the free permits of the row. A slow host has at most [`SLOW_HOST_PERMITS`].
fn free(row: &Item, permits: usize, now: Timestamp) -> Vec<usize> {
    let slow = numeral(row, "slowUntil").is_some_and(|until| until > now.millis());
    let usable = if slow { permits.min(SLOW_HOST_PERMITS) } else { permits };
    let held = |permit: &usize| numeral(row, &attribute(*permit)).is_some_and(|until| until > now.millis());
    (0..usable).filter(|permit| !held(permit)).collect()
}

fn any(permits: &[usize]) -> Option<usize> {
    // Many senders choose at the same moment. If all chose the same permit, one would get it and the others
    // would conflict.
    random_index(permits.len()).map(|index| permits[index])
}

#[async_trait]
impl HostPermitStore for HostPermitsTable {
    async fn acquire_host_permit(
        &self,
        host: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<HostPermit>, StoreError> {
        let lease = Lease { id: LeaseId::new(), until };
        let mut choice = any(&(0..self.permits).collect::<Vec<_>>());
        for _ in 0..MAX_CONFLICT_RETRIES {
            let Some(permit) = choice else { return Ok(None) };
            let not_slow = if permit < SLOW_HOST_PERMITS {
                ""
            } else {
                " AND (attribute_not_exists(slowUntil) OR slowUntil <= :now)"
            };
            let update = self
                .update(host, permit, lease.id)
                .update_expression("SET #permit = :until, #owner = :owner, #ttl = :ttl")
                .condition_expression(format!("(attribute_not_exists(#permit) OR #permit <= :now){not_slow}"))
                .expression_attribute_names("#ttl", "ttl")
                .expression_attribute_values(":until", number(until.millis()))
                .expression_attribute_values(":now", number(now.millis()))
                .expression_attribute_values(":ttl", number((until + RETENTION).seconds()));
            let row = match conditional(update.send().await)? {
                Conditional::Applied(_) => return Ok(Some(HostPermit { number: permit, lease })),
                Conditional::Rejected(row) => row.unwrap_or_default(),
            };
            if owned(&row, permit, lease.id) {
                // The SDK has retried after a lost response and found its own write.
                return Ok(Some(HostPermit { number: permit, lease }));
            }
            choice = any(&free(&row, self.permits, now));
        }
        Ok(None)
    }

    async fn release_host_permit(
        &self,
        host: &str,
        permit: HostPermit,
        slow_until: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let update = self
            .update(host, permit.number, permit.lease.id)
            // Releases only its own permit: an expired permit may belong to another request by now.
            .condition_expression("#owner = :owner");
        let update = match slow_until {
            None => update.update_expression("REMOVE #permit, #owner"),
            Some(slow) => update
                .update_expression("SET slowUntil = :slow REMOVE #permit, #owner")
                .expression_attribute_values(":slow", number(slow.millis())),
        };
        conditional(update.send().await).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// Reads the JSON body of the request on this connection.
    async fn request(stream: &mut TcpStream) -> Value {
        let mut bytes = Vec::new();
        loop {
            stream.read_buf(&mut bytes).await.unwrap();
            let text = String::from_utf8_lossy(&bytes);
            let body = text.split_once("\r\n\r\n").map(|(_, body)| serde_json::from_str(body));
            if let Some(Ok(body)) = body {
                return body;
            }
        }
    }

    /// Returns a table that loses its first response. After that it says that the permit is held: by `owner`,
    /// or if that is `None`, by the owner in the request.
    async fn table_losing_a_response(owner: Option<&'static str>) -> HostPermitsTable {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            request(&mut listener.accept().await.unwrap().0).await;
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let received = request(&mut stream).await;
                let (names, values) =
                    (&received["ExpressionAttributeNames"], &received["ExpressionAttributeValues"]);
                let owner = owner.map_or_else(|| values[":owner"].clone(), |owner| json!({"S": owner}));
                let mut row = json!({});
                row[names["#permit"].as_str().unwrap()] = json!({"N": "9999999999999"});
                row[names["#owner"].as_str().unwrap()] = owner;
                let error_type = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
                let body = json!({"__type": error_type, "Item": row}).to_string();
                let head = format!(
                    "HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        });
        let credentials = aws_sdk_dynamodb::config::Credentials::new("test", "test", None, None, "tests");
        let sdk = crate::config::loader()
            .endpoint_url(url)
            .region(aws_config::Region::new("us-east-1"))
            .credentials_provider(credentials)
            .load()
            .await;
        HostPermitsTable::new(Client::new(&sdk), "limits".into(), 1)
    }

    #[tokio::test]
    async fn acquire_after_lost_response_recognizes_its_own_permit() {
        let now = Timestamp::now();
        let until = now + Duration::from_secs(20);
        let permit =
            table_losing_a_response(None).await.acquire_host_permit("h", now, until).await.unwrap().unwrap();
        assert_eq!((permit.number, permit.lease.until), (0, until));
        let other = table_losing_a_response(Some("another-owner")).await;
        assert_eq!(
            other.acquire_host_permit("h", now, until).await.unwrap(),
            None,
            "another owner holds it until the same millisecond"
        );
        // The call whose response was lost has released the permit already.
        table_losing_a_response(Some("another-owner"))
            .await
            .release_host_permit("h", permit, None)
            .await
            .unwrap();
    }

    #[test]
    fn free_permits_of_slow_host_are_fewer() {
        let now = Timestamp::from_millis(1000);
        let row = |slow: i64| {
            Item::from([
                (attribute(0), number(1001)),
                (attribute(2), number(1000)),
                ("slowUntil".to_owned(), number(slow)),
            ])
        };
        assert_eq!(free(&row(1000), 4, now), [1, 2, 3], "an expired permit is free");
        assert_eq!(free(&row(1001), 4, now), [1]);
        assert_eq!(free(&row(1001), 1, now), [0; 0]);
        assert_eq!(free(&Item::new(), 3, now), [0, 1, 2]);
        assert_eq!((any(&[]), any(&[7])), (None, Some(7)));
    }
}
