//! The first trigger: a message is queued for each new row in the stream.

use std::time::Duration;

use aws::keys;
use aws_lambda_events::event::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use domain::TraceId;
use domain::access::ClientId;
use domain::due::Due;
use domain::webhooks::{MessagePurpose, WebhookMessage};
use futures_util::{StreamExt as _, stream};
use serde::Deserialize;
use tracing::{info, warn};

use crate::Deps;

/// How many messages are sent concurrently.
const SIDE_BY_SIDE: usize = 16;

#[derive(Deserialize)]
struct Keys {
    pk: String,
    sk: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Image {
    trace_id: TraceId,
    client_id: ClientId,
}

/// Sends a message for each new delivery. Reports the first record that fails; Lambda then delivers it and
/// all that follow again. Sending a message twice costs one message and nothing else.
pub async fn forward(deps: &Deps<'_>, event: Event) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    let mut sent = stream::iter(event.records).map(|record| send(deps, record)).buffered(SIDE_BY_SIDE);
    while let Some(sent) = sent.next().await {
        if let Err(sequence_number) = sent {
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = sequence_number;
            response.batch_item_failures.push(failure);
            break;
        }
    }
    response
}

/// Sends the message of one record.
///
/// # Errors
///
/// The sequence number of the record, by which Lambda delivers it again.
async fn send(deps: &Deps<'_>, record: EventRecord) -> Result<(), Option<String>> {
    let Some((message, client)) = message(&record) else {
        // Another attempt would fail too, and the sweeper finds every delivery anyway.
        warn!(event_id = record.event_id, "the stream record is not a delivery");
        return Ok(());
    };
    let WebhookMessage::V1 { job_id, webhook_id, trace_id, .. } = &message;
    let sent = deps.queue.send_webhook(&message, &client, Duration::ZERO).await;
    match sent {
        Ok(()) => info!(traceId = %trace_id, jobId = %job_id, webhookId = %webhook_id, "webhook queued"),
        Err(error) => {
            warn!(traceId = %trace_id, jobId = %job_id, webhookId = %webhook_id, %error, "webhook not queued");
            return Err(record.change.sequence_number);
        }
    }
    Ok(())
}

fn message(record: &EventRecord) -> Option<(WebhookMessage, ClientId)> {
    let keys: Keys = serde_dynamo::from_item(record.change.keys.clone()).ok()?;
    let Due::Delivery(job_id, webhook_id) = keys::parse(&keys.pk, &keys.sk)? else { return None };
    let image: Image = serde_dynamo::from_item(record.change.new_image.clone()).ok()?;
    let message =
        WebhookMessage::V1 { job_id, webhook_id, trace_id: image.trace_id, purpose: MessagePurpose::Attempt };
    Some((message, image.client_id))
}
