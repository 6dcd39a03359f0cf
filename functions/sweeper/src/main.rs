//! Re-enqueues what is due and unattended, ends what is past its deadline, deletes what no row names.

use std::time::Instant;

use aws::images::ImagesBucket;
use aws::jobs::JobsTable;
use aws::queues::{JobQueueUrls, JobQueues, WebhooksQueue};
use domain::Timestamp;
use edge::env;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use sweeper::{Deps, Swept, sweep};
use tracing::info;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    edge::log::init("sweeper");
    let sdk = aws::config::load().await;
    let sqs = aws_sdk_sqs::Client::new(&sdk);
    let table = JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), env::required("JOBS_TABLE")?);
    let deps = Deps {
        due: &table,
        jobs: &table,
        deliveries: &table,
        job_queue: &JobQueues::new(sqs.clone(), JobQueueUrls::from_env()?),
        webhook_queue: &WebhooksQueue::new(sqs, env::required("WEBHOOKS_QUEUE_URL")?),
        images: &ImagesBucket::new(aws_sdk_s3::Client::new(&sdk), env::required("IMAGES_BUCKET")?),
        policy: env::job_policy()?,
    };
    let deps = &deps;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let started = Instant::now();
        let deadline = Timestamp::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        let swept = sweep(deps, deadline).await?;
        let duration = started.elapsed().as_millis() as u64;
        info!(
            due = swept.due,
            jobsSent = swept.jobs_sent,
            jobsFailed = swept.jobs_failed,
            jobsCleaned = swept.jobs_cleaned,
            webhooksSent = swept.webhooks_sent,
            failed = swept.failed,
            durationMs = duration,
            "swept"
        );
        Ok::<Swept, Error>(swept)
    }))
    .await
}
