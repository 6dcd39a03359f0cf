//! `GET /images/status/{jobId}`: how a job stands.

use aws::access::AccessTable;
use aws::jobs::JobsTable;
use edge::env;
use images_status::{Deps, METHODS, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    edge::log::init("images-status");
    let sdk = aws::config::load_for_api().await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sdk);
    let deps = Deps {
        keys: &AccessTable::new(dynamodb.clone(), env::required("ACCESS_TABLE")?),
        jobs: &JobsTable::new(dynamodb, env::required("JOBS_TABLE")?),
        images_url: env::required("IMAGES_BASE_URL")?,
    };
    edge::http::serve(METHODS, |request| handle(&deps, request)).await
}
