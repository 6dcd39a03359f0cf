//! Requeues rows that are due, ends jobs after their deadline, and deletes orphaned images.

use aws::dynamodb::JobsTable;
use aws::jobs::ImagesBucket;
use aws::queues::{JobQueueUrls, JobQueues, WebhooksQueue};
use aws::secrets::ManagedSecret;
use domain::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::config;
use serde_json::Value;
use sweeper::deprecations::DeprecationCheck;
use sweeper::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::log::init("sweeper");
    let sdk = aws::config::for_workers();
    let sqs = aws_sdk_sqs::Client::new(&sdk);
    let table = JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), config::required("JOBS_TABLE")?);
    let deps = Deps {
        due: &table,
        jobs: &table,
        batches: &table,
        deliveries: &table,
        endpoints: &table,
        job_queue: &JobQueues::new(sqs.clone(), JobQueueUrls::from_env()?),
        webhook_queue: &WebhooksQueue::new(sqs, config::required("WEBHOOKS_QUEUE_URL")?),
        images: &ImagesBucket::new(aws_sdk_s3::Client::new(&sdk), config::required("IMAGES_BUCKET")?),
        policy: config::job_policy()?,
        time_scale: config::webhook_time_scale(),
    };
    let providers = aws_sdk_secretsmanager::Client::new(&sdk);
    let providers = ManagedSecret::new(providers, config::required("PROVIDERS_SECRET")?);
    let deprecations = DeprecationCheck::new(&providers, &table);
    let (deps, deprecations) = (&deps, &deprecations);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        // Both run concurrently, because vendors may be slow and a sweep may fail.
        tokio::join!(handle(deps, event), deprecations.look(Timestamp::now())).0
    }))
    .await
}
