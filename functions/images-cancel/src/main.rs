//! `DELETE /images/cancel/{jobId}`: ends a job that nobody wants any more.

use aws::access::AuthStores;
use aws::dynamodb::JobsTable;
use edge::http::Middleware;
use images_cancel::{Deps, handle};
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    runtime::log::init("images-cancel");
    let sdk = aws::config::load_for_api().await;
    let front = AuthStores::from_env(&sdk)?;
    let gate =
        Middleware::new(&front.keys, &front.token_keys, &front.limits, config::required("ALLOWED_ORIGINS")?);
    let table = JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), config::required("JOBS_TABLE")?);
    let deps = Deps { batches: &table, jobs: &table };
    edge::http::serve("images-cancel", &gate, |request| handle(&deps, request)).await
}
