//! `POST /images/generate`: accepts an image job.

use aws::access::Front;
use aws::dynamodb::JobsTable;
use aws::jobs::PaceTable;
use aws::queues::{JobQueueUrls, JobQueues};
use edge::http::Gate;
use images_generate::{Deps, handle};
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::log::init("images-generate");
    let sdk = aws::config::load_for_api().await;
    let front = Front::from_env(&sdk)?;
    let gate = Gate::new(&front.keys, &front.token_keys, &front.limits, config::required("ALLOWED_ORIGINS")?);
    let (dynamodb, table) = (aws_sdk_dynamodb::Client::new(&sdk), config::required::<String>("JOBS_TABLE")?);
    let jobs = JobsTable::new(dynamodb.clone(), table.clone());
    let urls = JobQueueUrls::from_env()?;
    let deps = Deps {
        jobs: &jobs,
        idempotency: &jobs,
        paces: &PaceTable::new(dynamodb, table),
        queue: &JobQueues::new(aws_sdk_sqs::Client::new(&sdk), urls),
        policy: config::job_policy()?,
        webhook_reach: config::webhook_reach(),
    };
    edge::http::serve("images-generate", &gate, |request| handle(&deps, request)).await
}
