//! Re-enqueues what is due and unattended, ends what is past its deadline, deletes what no row names.

use aws::dynamodb::JobsTable;
use aws::jobs::ImagesBucket;
use aws::queues::{JobQueueUrls, JobQueues, WebhooksQueue};
use aws::secrets::ManagedSecret;
use domain::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::config;
use serde_json::Value;
use sweeper::sunset::Sunsets;
use sweeper::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::log::init("sweeper");
    let sdk = aws::config::load().await;
    let sqs = aws_sdk_sqs::Client::new(&sdk);
    let table = JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), config::required("JOBS_TABLE")?);
    let deps = Deps {
        due: &table,
        jobs: &table,
        batches: &table,
        deliveries: &table,
        receivers: &table,
        job_queue: &JobQueues::new(sqs.clone(), JobQueueUrls::from_env()?),
        webhook_queue: &WebhooksQueue::new(sqs, config::required("WEBHOOKS_QUEUE_URL")?),
        images: &ImagesBucket::new(aws_sdk_s3::Client::new(&sdk), config::required("IMAGES_BUCKET")?),
        policy: config::job_policy()?,
        tempo: config::webhook_tempo(),
    };
    let providers = aws_sdk_secretsmanager::Client::new(&sdk);
    let providers = ManagedSecret::new(providers, config::required("PROVIDERS_SECRET")?);
    let sunsets = Sunsets::new(&providers, &table);
    let (deps, sunsets) = (&deps, &sunsets);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        // Neither waits for the other: makers may be slow, and a sweep may fail.
        tokio::join!(handle(deps, event), sunsets.look(Timestamp::now())).0
    }))
    .await
}
