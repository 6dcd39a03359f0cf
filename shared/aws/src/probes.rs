//! Health probes of the queues and the bucket.

use async_trait::async_trait;
use aws_sdk_sqs::types::QueueAttributeName;
use domain::health::Probe;
use domain::store::StoreError;

use crate::errors::unavailable;

/// Probes a queue by reading one of its attributes.
#[derive(Debug, Clone)]
pub struct QueueProbe {
    client: aws_sdk_sqs::Client,
    url: String,
}

impl QueueProbe {
    #[must_use]
    pub const fn new(client: aws_sdk_sqs::Client, url: String) -> Self {
        Self { client, url }
    }
}

#[async_trait]
impl Probe for QueueProbe {
    async fn probe(&self) -> Result<(), StoreError> {
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        let call = call.attribute_names(QueueAttributeName::ApproximateNumberOfMessages);
        call.send().await.map_err(|error| unavailable("GetQueueAttributes", error))?;
        Ok(())
    }
}

/// Probes a bucket with a HEAD request.
#[derive(Debug, Clone)]
pub struct BucketProbe {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl BucketProbe {
    #[must_use]
    pub const fn new(client: aws_sdk_s3::Client, bucket: String) -> Self {
        Self { client, bucket }
    }
}

#[async_trait]
impl Probe for BucketProbe {
    async fn probe(&self) -> Result<(), StoreError> {
        let call = self.client.head_bucket().bucket(&self.bucket);
        call.send().await.map_err(|error| unavailable("HeadBucket", error))?;
        Ok(())
    }
}
