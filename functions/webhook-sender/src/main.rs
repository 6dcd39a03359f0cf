//! Delivers webhooks: from the stream to the queue, from the queue to the receiver.

use std::time::Duration;

use aws::jobs::JobsTable;
use aws::queues::WebhooksQueue;
use aws::secrets::ManagedSecret;
use aws_lambda_events::event::dynamodb;
use aws_lambda_events::event::sqs::SqsEvent;
use domain::Timestamp;
use domain::ports::WebhookMessage;
use edge::env;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use tracing::{Instrument as _, info_span};
use webhook_sender::post::HttpPost;
use webhook_sender::{Deps, deliver, forward};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    edge::log::init("webhook-sender");
    let sdk = aws::config::load().await;
    let deps = Deps {
        deliveries: &JobsTable::new(aws_sdk_dynamodb::Client::new(&sdk), env::required("JOBS_TABLE")?),
        queue: &WebhooksQueue::new(aws_sdk_sqs::Client::new(&sdk), env::required("WEBHOOKS_QUEUE_URL")?),
        master_secret: &ManagedSecret::new(
            aws_sdk_secretsmanager::Client::new(&sdk),
            env::required("WEBHOOK_SECRET")?,
        ),
        post: &HttpPost::new()?,
        images_url: env::required("IMAGES_BASE_URL")?,
        claim_margin: env::duration("LEASE_MARGIN_SECONDS", Duration::from_secs(1))?,
    };
    let deps = &deps;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let from_stream = event.payload["Records"][0]["eventSource"] == "aws:dynamodb";
        if from_stream {
            let event: dynamodb::Event = serde_json::from_value(event.payload)?;
            return Ok::<_, Error>(serde_json::to_value(forward::forward(deps, event).await)?);
        }
        let deadline = Timestamp::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
        let request_id = event.context.request_id;
        let event: SqsEvent = serde_json::from_value(event.payload)?;
        let response = edge::batch::messages(event.records, |message: WebhookMessage| {
            let WebhookMessage::V1 { job_id, webhook_id, trace_id } = message;
            let span = info_span!("webhook", traceId = %trace_id, jobId = %job_id, webhookId = %webhook_id, requestId = request_id);
            deliver::deliver(deps, message, deadline).instrument(span)
        })
        .await;
        Ok(serde_json::to_value(response)?)
    }))
    .await
}
