//! Delivers webhooks: from the stream to the queue, from the queue to the receiver.

use std::time::Duration;

use aws::access::AccessTable;
use aws::hosts::HostsTable;
use aws::jobs::JobsTable;
use aws::queues::WebhooksQueue;
use aws::secrets::ManagedSecret;
use edge::env;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use webhook_sender::post::HttpPost;
use webhook_sender::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    edge::log::init("webhook-sender");
    let sdk = aws::config::load().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let jobs = JobsTable::new(dynamodb.clone(), env::required("JOBS_TABLE")?);
    let (limits, places) = (env::required("LIMITS_TABLE")?, env::required("WEBHOOK_HOST_CONCURRENCY")?);
    let deps = Deps {
        deliveries: &jobs,
        receivers: &jobs,
        hosts: &HostsTable::new(dynamodb.clone(), limits, places),
        generations: &AccessTable::new(dynamodb, env::required("ACCESS_TABLE")?),
        queue: &WebhooksQueue::new(aws_sdk_sqs::Client::new(&sdk), env::required("WEBHOOKS_QUEUE_URL")?),
        master_secret: &ManagedSecret::new(
            aws_sdk_secretsmanager::Client::new(&sdk),
            env::required("WEBHOOK_SECRET")?,
        ),
        post: &HttpPost::new(env::webhook_reach())?,
        images_url: env::required("IMAGES_BASE_URL")?,
        claim_margin: env::duration("LEASE_MARGIN_SECONDS", Duration::from_secs(1))?,
        tempo: env::webhook_tempo(),
    };
    let deps = &deps;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| handle(deps, event))).await
}
