//! `GET /images/status/{jobId}`: how a job stands.

use aws::front::Front;
use aws::jobs::JobsTable;
use edge::env;
use edge::gate::Gate;
use images_status::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::log::init("images-status");
    let sdk = aws::config::load_for_api().await;
    let front = Front::from_env(&sdk)?;
    let gate = Gate::new(&front.keys, &front.token_keys, &front.limits)?;
    let table = JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), env::required("JOBS_TABLE")?);
    let deps = Deps {
        batches: &table,
        jobs: &table,
        waits: &front.limits,
        images_url: env::required("IMAGES_BASE_URL")?,
    };
    edge::http::serve("images-status", &gate, |request| handle(&deps, request)).await
}
