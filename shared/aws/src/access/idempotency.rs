//! The idempotency records in the jobs table.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::Timestamp;
use domain::access::{
    Claim, FirstAnswer, IDEMPOTENCY_RETENTION, IdempotencyKey, IdempotencyRecord, IdempotencyStore,
};
use domain::primitives::source::new_uuid;
use domain::store::StoreError;
use uuid::Uuid;

use crate::dynamodb::conditional::{Conditional, conditional};
use crate::dynamodb::row::{key as row_key, number, numeral};
use crate::dynamodb::table::JobsTable;
use crate::errors::unusable;
use crate::keys;

impl JobsTable {
    fn update_key(&self, key: &IdempotencyKey) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(row_key(keys::idempotency_partition(key), keys::idempotency_sort().to_owned())))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Sets the time attribute `time` to 0, so that it has passed, if `owner` still holds the record.
    async fn expire_now(&self, key: &IdempotencyKey, owner: Uuid, time: &str) -> Result<(), StoreError> {
        let update = self
            .update_key(key)
            .update_expression("SET #time = :zero")
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#time", time)
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_string()));
        conditional(update.send().await).map(|_| ())
    }
}

#[async_trait]
impl IdempotencyStore for JobsTable {
    async fn claim(
        &self,
        key: &IdempotencyKey,
        fingerprint: &str,
        owner: Uuid,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Claim, StoreError> {
        let expires = now + IDEMPOTENCY_RETENTION;
        let values = HashMap::from([
            (":print".to_owned(), AttributeValue::S(fingerprint.to_owned())),
            (":seed".to_owned(), AttributeValue::S(new_uuid().to_string())),
            (":owner".to_owned(), AttributeValue::S(owner.to_string())),
            (":until".to_owned(), number(until.millis())),
            (":expires".to_owned(), number(expires.millis())),
            (":ttl".to_owned(), number(expires.seconds())),
            (":now".to_owned(), number(now.millis())),
        ]);
        // Succeeds for a new key, and for the same request after its first run died or failed. Such a request
        // keeps the seed of the first run.
        let update = self
            .update_key(key)
            .update_expression(
                "SET fingerprint = :print, seed = if_not_exists(seed, :seed), #owner = :owner, \
                 claimedUntil = :until, expiresAt = if_not_exists(expiresAt, :expires), \
                 #ttl = if_not_exists(#ttl, :ttl)",
            )
            .condition_expression(
                "attribute_not_exists(pk) OR (fingerprint = :print AND attribute_not_exists(answer) \
                 AND claimedUntil <= :now AND expiresAt > :now)",
            )
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#ttl", "ttl")
            .set_expression_attribute_values(Some(values.clone()));
        let found = match conditional(update.send().await)? {
            Conditional::Applied(item) => return Ok(Claim::Run(read(item)?.seed)),
            Conditional::Rejected(item) => item.unwrap_or_default(),
        };
        if numeral(&found, "expiresAt").is_some_and(|at| at > now.millis()) {
            return Ok(read(found)?.claim(fingerprint, owner));
        }
        // The record has expired but is not deleted yet: the new one replaces it.
        let update = self
            .update_key(key)
            .update_expression(
                "SET fingerprint = :print, seed = :seed, #owner = :owner, claimedUntil = :until, \
                 expiresAt = :expires, #ttl = :ttl REMOVE answer",
            )
            .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_names("#ttl", "ttl")
            .set_expression_attribute_values(Some(values));
        match conditional(update.send().await)? {
            Conditional::Applied(item) => Ok(Claim::Run(read(item)?.seed)),
            Conditional::Rejected(Some(item)) => Ok(read(item)?.claim(fingerprint, owner)),
            Conditional::Rejected(None) => Err(StoreError::Conflict),
        }
    }

    async fn settle(
        &self,
        key: &IdempotencyKey,
        owner: Uuid,
        answer: &FirstAnswer,
    ) -> Result<(), StoreError> {
        let answer = serde_dynamo::to_attribute_value(answer).map_err(|error| unusable("answer", error))?;
        let update = self
            .update_key(key)
            .update_expression("SET answer = :answer")
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", "owner")
            .expression_attribute_values(":answer", answer)
            .expression_attribute_values(":owner", AttributeValue::S(owner.to_string()));
        conditional(update.send().await).map(|_| ())
    }

    async fn release(&self, key: &IdempotencyKey, owner: Uuid) -> Result<(), StoreError> {
        self.expire_now(key, owner, "claimedUntil").await
    }

    async fn forget(&self, key: &IdempotencyKey, owner: Uuid) -> Result<(), StoreError> {
        self.expire_now(key, owner, "expiresAt").await
    }
}

fn read(item: HashMap<String, AttributeValue>) -> Result<IdempotencyRecord, StoreError> {
    serde_dynamo::from_item(item).map_err(|error| unusable("Idempotency-Key", error))
}
