//! What became of webhooks, and sending them again.

use aws::front::Front;
use aws::jobs::JobsTable;
use aws::queues::WebhooksQueue;
use edge::env;
use edge::gate::Gate;
use images_webhooks::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::log::init("images-webhooks");
    let sdk = aws::config::load_for_api().await;
    let front = Front::from_env(&sdk)?;
    let gate = Gate::new(&front.keys, &front.token_keys, &front.limits)?;
    let table = JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), env::required("JOBS_TABLE")?);
    let queue = WebhooksQueue::new(aws_sdk_sqs::Client::new(&sdk), env::required("WEBHOOKS_QUEUE_URL")?);
    let deps = Deps {
        jobs: &table,
        batches: &table,
        deliveries: &table,
        list: &table,
        receivers: &table,
        queue: &queue,
        reach: env::webhook_reach(),
    };
    edge::http::serve("images-webhooks", &gate, |request| handle(&deps, request)).await
}
