//! `GET /health`: the status of the deployment's services.

use aws::dynamodb::JobsTable;
use aws::probes::{BucketProbe, QueueProbe};
use domain::health::Probe;
use edge::http::Middleware;
use health::{Deps, handle};
use runtime::config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    runtime::log::init("health");
    let sdk = aws::config::for_api();
    let sqs = aws_sdk_sqs::Client::new(&sdk);
    let queue = |name| Ok::<_, config::BadSetting>(QueueProbe::new(sqs.clone(), config::required(name)?));
    let queues = [
        queue("HIGH_QUEUE_URL")?,
        queue("NORMAL_QUEUE_URL")?,
        queue("LOW_QUEUE_URL")?,
        queue("WEBHOOKS_QUEUE_URL")?,
    ];
    let table = JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), config::required("JOBS_TABLE")?);
    let deps = Deps {
        provider_statuses: &table,
        deprecations: &table,
        queues: queues.iter().map(|queue| queue as &dyn Probe).collect(),
        storage: &BucketProbe::new(aws_sdk_s3::Client::new(&sdk), config::required("IMAGES_BUCKET")?),
        last: Default::default(),
    };
    edge::http::serve("health", &Middleware::public(), |request| handle(&deps, request)).await
}
