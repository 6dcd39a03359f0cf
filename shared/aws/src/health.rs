//! What is asked whether it answers, and what was last seen of the providers.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName;
use domain::health::Probe;
use domain::providers::{SHOWN, Sighting, SightingStore};
use domain::store::StoreError;

use crate::jobs::JobsTable;
use crate::row::number;
use crate::{keys, unavailable, unusable};

#[async_trait]
impl SightingStore for JobsTable {
    async fn saw(&self, sighting: &Sighting) -> Result<(), StoreError> {
        let mut item: HashMap<String, AttributeValue> =
            serde_dynamo::to_item(sighting).map_err(|error| unusable("sighting", error))?;
        item.insert("pk".to_owned(), AttributeValue::S(keys::PROVIDERS.to_owned()));
        item.insert("sk".to_owned(), AttributeValue::S(sighting.provider.clone()));
        item.insert("ttl".to_owned(), number((sighting.seen_at + SHOWN).seconds()));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map_err(|error| unavailable("PutItem", error))?;
        Ok(())
    }

    async fn sightings(&self) -> Result<Vec<Sighting>, StoreError> {
        let answer = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :providers")
            .expression_attribute_values(":providers", AttributeValue::S(keys::PROVIDERS.to_owned()))
            .send()
            .await
            .map_err(|error| unavailable("Query", error))?;
        serde_dynamo::from_items(answer.items.unwrap_or_default())
            .map_err(|error| unusable("sighting", error))
    }
}

/// A queue, as far as it can be asked whether it answers.
#[derive(Debug, Clone)]
pub struct QueueProbe {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl QueueProbe {
    /// The queue behind this URL.
    #[must_use]
    pub const fn new(client: aws_sdk_sqs::Client, url: String) -> Self {
        Self { client, url }
    }
}

#[async_trait]
impl Probe for QueueProbe {
    async fn probe(&self) -> Result<(), StoreError> {
        let ask = self.client.get_queue_attributes().queue_url(&self.url);
        let ask = ask.attribute_names(QueueAttributeName::ApproximateNumberOfMessages);
        ask.send().await.map_err(|error| unavailable("GetQueueAttributes", error))?;
        Ok(())
    }
}

/// A bucket, as far as it can be asked whether it answers.
#[derive(Debug, Clone)]
pub struct BucketProbe {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl BucketProbe {
    /// The bucket of this name.
    #[must_use]
    pub const fn new(client: aws_sdk_s3::Client, bucket: String) -> Self {
        Self { client, bucket }
    }
}

#[async_trait]
impl Probe for BucketProbe {
    async fn probe(&self) -> Result<(), StoreError> {
        let ask = self.client.head_bucket().bucket(&self.bucket);
        ask.send().await.map_err(|error| unavailable("HeadBucket", error))?;
        Ok(())
    }
}
