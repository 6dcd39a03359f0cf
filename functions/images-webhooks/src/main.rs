//! Lists webhook deliveries, redelivers them, and enables disabled endpoints.

use aws::access::AuthStores;
use aws::dynamodb::JobsTable;
use aws::queues::WebhooksQueue;
use edge::http::Middleware;
use images_webhooks::{Deps, handle};
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("images-webhooks");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware =
        Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, config::required("ALLOWED_ORIGINS")?);
    let table = JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), config::required("JOBS_TABLE")?);
    let queue = WebhooksQueue::new(aws_sdk_sqs::Client::new(&sdk), config::required("WEBHOOKS_QUEUE_URL")?);
    let deps = Deps {
        jobs: &table,
        batches: &table,
        deliveries: &table,
        list: &table,
        endpoints: &table,
        queue: &queue,
        webhook_url_policy: config::webhook_url_policy(),
    };
    edge::http::serve("images-webhooks", &middleware, |request| handle(&deps, request)).await
}
