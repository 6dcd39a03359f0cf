//! The limits table: one row counts the requests of one caller to one endpoint.

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::Timestamp;
use domain::access::{Caller, Counted, Endpoint, LimitStore, WINDOW};
use domain::primitives::source::new_uuid;
use domain::store::StoreError;

use crate::dynamodb::conditional::{Conditional, conditional};
use crate::dynamodb::row::{Item, number, numeral};
use crate::keys;

/// The most rounds of one request when other requests keep opening and filling windows first.
const MAX_CONFLICT_RETRIES: u32 = 5;

/// Timeout of a call, if the SDK's configuration sets none.
const TIMEOUT: Duration = Duration::from_secs(4);

/// The limits table: rate limit counters and long-poll permits.
#[derive(Debug, Clone)]
pub struct LimitsTable {
    client: Client,
    table: String,
}

impl LimitsTable {
    #[must_use]
    pub fn new(sdk: &SdkConfig, table: String) -> Self {
        // A retry of the SDK after a lost response would count a request twice, so retries are disabled. The
        // single attempt gets the time that other calls have for all their attempts.
        let timeout = sdk.timeout_config().and_then(|times| times.operation_timeout()).unwrap_or(TIMEOUT);
        let once =
            TimeoutConfig::builder().connect_timeout(timeout).operation_attempt_timeout(timeout).build();
        let config = aws_sdk_dynamodb::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(once);
        Self { client: Client::from_conf(config.build()), table }
    }

    pub(crate) fn update(&self, partition: String) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(partition))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Counts a request in the current window, if the window is open and the limit is not reached.
    async fn add(
        &self,
        row: &str,
        mark: &str,
        limit: u32,
        now: Timestamp,
    ) -> Result<Conditional, StoreError> {
        let update = self
            .update(row.to_owned())
            .update_expression("SET mark = :mark ADD passed :one")
            .condition_expression("endsAt > :now AND passed < :limit AND mark <> :mark")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(limit))
            .expression_attribute_values(":mark", AttributeValue::S(mark.to_owned()))
            .expression_attribute_values(":now", number(now.millis()));
        send(update).await
    }

    /// Opens a new window with this request as its first. If two requests open one at the same time, one of
    /// them succeeds.
    async fn open(&self, row: &str, mark: &str, now: Timestamp) -> Result<Conditional, StoreError> {
        let ends_at = now + WINDOW;
        let update = self
            .update(row.to_owned())
            .update_expression("SET passed = :one, endsAt = :end, mark = :mark, #ttl = :ttl")
            .condition_expression("attribute_not_exists(pk) OR endsAt <= :now")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":end", number(ends_at.millis()))
            .expression_attribute_values(":mark", AttributeValue::S(mark.to_owned()))
            // Later than the end of the window: DynamoDB must not delete a row that still counts.
            .expression_attribute_values(":ttl", number((ends_at + WINDOW).seconds()))
            .expression_attribute_values(":now", number(now.millis()));
        send(update).await
    }
}

/// Sends an update, and sends it once more if the connection broke. A connection that was idle while Lambda
/// froze the function is often closed by the server, and that must not cause a 503 for the caller. The mark
/// identifies a request that was already counted by the first send.
async fn send(update: UpdateItemFluentBuilder) -> Result<Conditional, StoreError> {
    match update.clone().send().await {
        Err(SdkError::DispatchFailure(failure)) if !failure.is_timeout() => conditional(update.send().await),
        answer => conditional(answer),
    }
}

#[async_trait]
impl LimitStore for LimitsTable {
    async fn count(
        &self,
        caller: &Caller,
        endpoint: Endpoint,
        limit: u32,
        now: Timestamp,
    ) -> Result<Counted, StoreError> {
        let (row, mark) = (keys::limit_partition(caller, endpoint), new_uuid().simple().to_string());
        for _ in 0..MAX_CONFLICT_RETRIES {
            let found = match self.add(&row, &mark, limit, now).await? {
                Conditional::Applied(item) => return Ok(counted(true, &item)),
                Conditional::Rejected(item) => item,
            };
            if let Some(item) = found {
                if item.get("mark").and_then(|own| own.as_s().ok()) == Some(&mark) {
                    // This request's own write, whose response was lost.
                    return Ok(counted(true, &item));
                }
                let full = counted(false, &item);
                if full.ends_at > now {
                    return Ok(full);
                }
            }
            if let Conditional::Applied(item) = self.open(&row, &mark, now).await? {
                return Ok(counted(true, &item));
            }
        }
        Err(StoreError::Unavailable("the window kept changing".into()))
    }
}

fn counted(admitted: bool, item: &Item) -> Counted {
    Counted {
        admitted,
        passed: u32::try_from(numeral(item, "passed").unwrap_or_default()).unwrap_or(u32::MAX),
        ends_at: Timestamp::from_millis(numeral(item, "endsAt").unwrap_or_default()),
    }
}
