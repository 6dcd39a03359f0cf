//! `DELETE /images/cancel/{jobId}`: ends a job that nobody wants any more.

use aws::front::Front;
use aws::jobs::JobsTable;
use edge::env;
use edge::gate::Gate;
use images_cancel::{Deps, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::log::init("images-cancel");
    let sdk = aws::config::load_for_api().await;
    let front = Front::from_env(&sdk)?;
    let gate = Gate::new(&front.keys, &front.token_keys, &front.limits)?;
    let table = JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), env::required("JOBS_TABLE")?);
    let deps = Deps { batches: &table, jobs: &table };
    edge::http::serve("images-cancel", &gate, |request| handle(&deps, request)).await
}
