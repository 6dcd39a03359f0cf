//! Delivers webhooks: from the stream to the queue, from the queue to the endpoint.
//!
//! The row of a delivery decides everything; stream and queue only wake a sender.

pub mod deliver;
mod endpoints;
pub mod forward;
pub mod post;
mod record;
mod waiting;

use std::time::Duration;

use aws_lambda_events::event::dynamodb;
use aws_lambda_events::event::sqs::SqsEvent;
use domain::Timestamp;
use domain::access::SecretSource;
use domain::webhooks::{
    DeliveryStore, HostPermitStore, SecretVersionStore, TimeScale, WaitingLineStore, WebhookEndpointStore,
    WebhookMessage, WebhookQueue,
};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;
use tracing::{Instrument as _, info_span};

/// The ports and settings of the sender.
pub struct Deps<'a> {
    pub deliveries: &'a dyn DeliveryStore,
    pub endpoints: &'a dyn WebhookEndpointStore,
    pub hosts: &'a dyn HostPermitStore,
    /// The waiting lines for the permits of hosts.
    pub lines: &'a dyn WaitingLineStore,
    pub secret_versions: &'a dyn SecretVersionStore,
    pub queue: &'a dyn WebhookQueue,
    /// The secret from which the signing secrets of all clients are derived.
    pub master_secret: &'a dyn SecretSource,
    pub post: &'a dyn post::Post,
    /// The base URL of images, without a trailing slash.
    pub images_url: String,
    /// How long a lease lasts after this function's deadline.
    pub lease_margin: Duration,
    pub time_scale: TimeScale,
}

/// Handles one event of either trigger, and returns which of its records failed.
///
/// # Errors
///
/// If the event is of neither trigger.
pub async fn handle(deps: &Deps<'_>, event: LambdaEvent<Value>) -> Result<Value, Error> {
    let from_stream = event.payload["Records"][0]["eventSource"] == "aws:dynamodb";
    if from_stream {
        let event: dynamodb::Event = serde_json::from_value(event.payload)?;
        return Ok(serde_json::to_value(forward::forward(deps, event).await)?);
    }
    let deadline = Timestamp::from_millis(i64::try_from(event.context.deadline).unwrap_or(i64::MAX));
    let request_id = event.context.request_id;
    let event: SqsEvent = serde_json::from_value(event.payload)?;
    let response = runtime::sqs_batch::messages(event.records, |message: WebhookMessage| {
        let WebhookMessage::V1 { job_id, webhook_id, trace_id, .. } = message;
        let span = info_span!("webhook", traceId = %trace_id, jobId = %job_id, webhookId = %webhook_id, requestId = request_id);
        deliver::deliver(deps, message, deadline).instrument(span)
    })
    .await;
    Ok(serde_json::to_value(response)?)
}
