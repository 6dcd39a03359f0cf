//! `GET /images/status/{jobId}`: the status of a job.

use aws::access::AuthStores;
use aws::dynamodb::JobsTable;
use edge::http::Middleware;
use images_status::{Deps, handle};
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("images-status");
    let sdk = aws::config::for_api();
    let auth = AuthStores::from_env(&sdk)?;
    let middleware =
        Middleware::new(&auth.keys, &auth.token_keys, &auth.limits, config::required("ALLOWED_ORIGINS")?);
    let table = JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), config::required("JOBS_TABLE")?);
    let deps = Deps {
        batches: &table,
        jobs: &table,
        long_polls: &auth.limits,
        max_long_polls: config::required("MAX_LONG_POLLS")?,
        images_url: config::required("IMAGES_BASE_URL")?,
    };
    edge::http::serve("images-status", &middleware, |request| handle(&deps, request)).await
}
