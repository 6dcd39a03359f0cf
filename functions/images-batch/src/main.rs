//! `POST /images/batch`: accepts many image jobs at once.

use aws::front::Front;
use aws::jobs::JobsTable;
use aws::pace::PaceTable;
use aws::queues::{JobQueueUrls, JobQueues};
use edge::env;
use edge::gate::Gate;
use images_batch::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::log::init("images-batch");
    let sdk = aws::config::load_for_api().await;
    let front = Front::from_env(&sdk)?;
    let gate = Gate::new(&front.keys, &front.token_keys, &front.limits)?;
    let (dynamodb, name) = (aws_sdk_dynamodb::Client::new(&sdk), env::required::<String>("JOBS_TABLE")?);
    let table = JobsTable::new(dynamodb.clone(), name.clone());
    let urls = JobQueueUrls::from_env()?;
    let deps = Deps {
        batches: &table,
        jobs: &table,
        idempotency: &table,
        paces: &PaceTable::new(dynamodb, name),
        queue: &JobQueues::new(aws_sdk_sqs::Client::new(&sdk), urls),
        policy: env::job_policy()?,
        webhook_reach: env::webhook_reach(),
    };
    edge::http::serve("images-batch", &gate, |request| handle(&deps, request)).await
}
