//! Makes the images of a job.

use std::time::Duration;

use aws::dynamodb::JobsTable;
use aws::jobs::{EstimatesTable, ImagesBucket};
use aws::queues::{JobQueueUrls, JobQueues};
use aws::secrets::ManagedSecret;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::Timestamp;
use domain::jobs::JobMessage;
use image_worker::{Deps, handle};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use providers::{CurrentRegistry, DOCUMENT_TTL};
use runtime::config;
use tracing::{Instrument as _, info_span};

#[tokio::main]
async fn main() -> Result<(), Error> {
    runtime::log::init("image-worker");
    let sdk = aws::config::for_workers();
    let (dynamodb, table) = (aws_sdk_dynamodb::Client::new(&sdk), config::required::<String>("JOBS_TABLE")?);
    let jobs = JobsTable::new(dynamodb.clone(), table.clone());
    let document =
        ManagedSecret::new(aws_sdk_secretsmanager::Client::new(&sdk), config::required("PROVIDERS_SECRET")?)
            .cached_for(DOCUMENT_TTL);
    let deps = Deps {
        jobs: &jobs,
        queue: &JobQueues::new(aws_sdk_sqs::Client::new(&sdk), JobQueueUrls::from_env()?),
        images: &ImagesBucket::new(aws_sdk_s3::Client::new(&sdk), config::required("IMAGES_BUCKET")?),
        providers: &CurrentRegistry::new(&document),
        capacity: &jobs,
        estimates: &EstimatesTable::new(dynamodb, table),
        provider_statuses: &jobs,
        policy: config::job_policy()?,
        lease_margin: config::duration("LEASE_MARGIN_SECONDS", Duration::from_secs(1))?,
    };
    let deps = &deps;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let deadline = Timestamp::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        let request_id = event.context.request_id;
        let response = runtime::sqs_batch::messages(event.payload.records, |message: JobMessage| {
            let JobMessage::V1 { job_id, trace_id } = message;
            let span = info_span!("job", traceId = %trace_id, jobId = %job_id, requestId = request_id);
            handle(deps, message, deadline).instrument(span)
        })
        .await;
        Ok::<SqsBatchResponse, Error>(response)
    }))
    .await
}
