//! Delivers webhooks: from the stream to the queue, from the queue to the endpoint.

use std::time::Duration;

use aws::access::AccessTable;
use aws::dynamodb::JobsTable;
use aws::queues::WebhooksQueue;
use aws::secrets::ManagedSecret;
use aws::webhooks::HostPermitsTable;
use domain::webhooks::HostLimits;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use runtime::config;
use serde_json::Value;
use webhook_sender::post::HttpPost;
use webhook_sender::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    runtime::log::init("webhook-sender");
    let sdk = aws::config::for_workers();
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let jobs = JobsTable::new(dynamodb.clone(), config::required("JOBS_TABLE")?);
    let limits = HostLimits::new(
        config::required("WEBHOOK_HOST_TOTAL_CONCURRENCY")?,
        config::required("WEBHOOK_HOST_CONCURRENCY")?,
    );
    let deps = Deps {
        deliveries: &jobs,
        endpoints: &jobs,
        hosts: &HostPermitsTable::new(dynamodb.clone(), config::required("LIMITS_TABLE")?, limits),
        lines: &jobs,
        secret_versions: &AccessTable::new(dynamodb, config::required("ACCESS_TABLE")?),
        queue: &WebhooksQueue::new(aws_sdk_sqs::Client::new(&sdk), config::required("WEBHOOKS_QUEUE_URL")?),
        master_secret: &ManagedSecret::new(
            aws_sdk_secretsmanager::Client::new(&sdk),
            config::required("WEBHOOK_SECRET")?,
        ),
        post: &HttpPost::new(config::webhook_url_policy())?,
        images_url: config::required("IMAGES_BASE_URL")?,
        lease_margin: config::duration("LEASE_MARGIN_SECONDS", Duration::from_secs(1))?,
        time_scale: config::webhook_time_scale(),
    };
    let deps = &deps;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| handle(deps, event))).await
}
