//! `POST /images/batch`: accepts many image jobs at once.

use aws::access::Front;
use aws::dynamodb::JobsTable;
use aws::jobs::PaceTable;
use aws::queues::{JobQueueUrls, JobQueues};
use edge::http::Gate;
use images_batch::{Deps, handle};
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::log::init("images-batch");
    let sdk = aws::config::load_for_api().await;
    let front = Front::from_env(&sdk)?;
    let gate = Gate::new(&front.keys, &front.token_keys, &front.limits, config::required("ALLOWED_ORIGINS")?);
    let (dynamodb, name) = (aws_sdk_dynamodb::Client::new(&sdk), config::required::<String>("JOBS_TABLE")?);
    let table = JobsTable::new(dynamodb.clone(), name.clone());
    let urls = JobQueueUrls::from_env()?;
    let deps = Deps {
        batches: &table,
        jobs: &table,
        idempotency: &table,
        paces: &PaceTable::new(dynamodb, name),
        queue: &JobQueues::new(aws_sdk_sqs::Client::new(&sdk), urls),
        policy: config::job_policy()?,
        webhook_reach: config::webhook_reach(),
    };
    edge::http::serve("images-batch", &gate, |request| handle(&deps, request)).await
}
