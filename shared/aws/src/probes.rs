//! Whether the queues and the bucket answer.

use crate::errors::unavailable;
use async_trait::async_trait;
use aws_sdk_sqs::types::QueueAttributeName;
use domain::health::Probe;
use domain::store::StoreError;

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
