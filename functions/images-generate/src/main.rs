//! `POST /images/generate`: accepts an image job.

use aws::access::AccessTable;
use aws::jobs::JobsTable;
use aws::queues::{JobQueueUrls, JobQueues};
use edge::env;
use images_generate::{Deps, METHODS, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::log::init("images-generate");
    let sdk = aws::config::load_for_api().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let urls = JobQueueUrls::from_env()?;
    let deps = Deps {
        keys: &AccessTable::new(dynamodb.clone(), env::required("ACCESS_TABLE")?),
        jobs: &JobsTable::new(dynamodb, env::required("JOBS_TABLE")?),
        queue: &JobQueues::new(aws_sdk_sqs::Client::new(&sdk), urls),
        policy: env::job_policy()?,
        webhook_reach: env::webhook_reach(),
    };
    edge::http::serve(METHODS, |request| handle(&deps, request)).await
}
