//! `POST /images/batch`: accepts many image jobs at once, all of them or none.

use aws::access::AuthStores;
use aws::dynamodb::JobsTable;
use aws::jobs::EstimatesTable;
use aws::queues::{JobQueueUrls, JobQueues};
use edge::http::Middleware;
use images_batch::{Deps, handle};
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("images-batch");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware =
        Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, config::required("ALLOWED_ORIGINS")?);
    let (dynamodb, name) = (aws_sdk_dynamodb::Client::new(&sdk), config::required::<String>("JOBS_TABLE")?);
    let table = JobsTable::new(dynamodb.clone(), name.clone());
    let urls = JobQueueUrls::from_env()?;
    let deps = Deps {
        batches: &table,
        jobs: &table,
        idempotency: &table,
        estimates: &EstimatesTable::new(dynamodb, name),
        queue: &JobQueues::new(aws_sdk_sqs::Client::new(&sdk), urls),
        policy: config::job_policy()?,
        webhook_url_policy: config::webhook_url_policy(),
    };
    edge::http::serve("images-batch", &middleware, |request| handle(&deps, request)).await
}
