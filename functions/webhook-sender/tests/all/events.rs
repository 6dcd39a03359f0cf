//! Replays the sample events.

use std::time::Duration;

use aws_lambda_events::event::dynamodb;
use domain::Timestamp;
use domain::jobs::WebhookEvent;
use domain::store::StoreError;
use domain::webhooks::{Delivery, DeliveryState, WebhookMessage};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use testkit::{Memory, SAMPLE_WEBHOOK, Sent};
use webhook_sender::handle;

use crate::deliver::{WebhookEndpoint, deps};

async fn replay(store: &Memory, endpoint: &WebhookEndpoint, file: &str) -> Value {
    let mut context = Context::default();
    context.deadline = u64::try_from(Timestamp::now().millis()).unwrap() + 30_000;
    let payload: Value = serde_json::from_str(&testkit::event("webhook-sender", file)).unwrap();
    assert!(!payload["Records"].as_array().unwrap().is_empty());
    handle(&deps(store, endpoint), LambdaEvent::new(payload, context)).await.unwrap()
}

#[test]
fn every_sample_event_is_replayed() {
    let replayed = ["queue.json", "stream-other-row.json", "stream.json", "unreadable.json"];
    assert_eq!(testkit::event_names("webhook-sender"), replayed);
}

#[tokio::test]
async fn new_row_in_the_stream_queues_a_message() {
    for file in ["stream.json", "stream-other-row.json"] {
        let (store, endpoint) = (Memory::new(), WebhookEndpoint::default());
        assert_eq!(replay(&store, &endpoint, file).await, json!({"batchItemFailures": []}), "{file}");
        let [Sent::Webhook(WebhookMessage::V1 { webhook_id, .. }, Duration::ZERO)] = store.sent()[..] else {
            panic!("{file}: {:?}", store.sent());
        };
        assert_eq!(webhook_id.to_string(), SAMPLE_WEBHOOK);
    }
}

#[tokio::test]
async fn record_whose_message_fails_is_reported() {
    let (store, endpoint) = (Memory::new(), WebhookEndpoint::default());
    store.fail_next("send_webhook", StoreError::Unavailable("down".into()));
    let answer = replay(&store, &endpoint, "stream.json").await;
    assert_eq!(answer["batchItemFailures"][0]["itemIdentifier"], "4400000000003676724501");
}

#[test]
fn sample_stream_row_is_a_complete_delivery() {
    let event: dynamodb::Event =
        serde_json::from_str(&testkit::event("webhook-sender", "stream.json")).unwrap();
    let delivery: Delivery = serde_dynamo::from_item(event.records[0].change.new_image.clone()).unwrap();
    assert_eq!((delivery.event, delivery.state), (WebhookEvent::Completed, DeliveryState::Pending));
}

#[tokio::test]
async fn message_becomes_a_request_to_the_endpoint() {
    let (store, endpoint) = (Memory::new(), WebhookEndpoint::default());
    let job = testkit::sample_job();
    let mut delivery = job.delivery(WebhookEvent::Queued, Timestamp::now()).unwrap();
    delivery.id = SAMPLE_WEBHOOK.parse().unwrap();
    delivery.revision = 1;
    store.put_delivery(&delivery);

    let nothing_failed = json!({"batchItemFailures": []});
    assert_eq!(replay(&store, &endpoint, "unreadable.json").await, nothing_failed);
    assert!(endpoint.got.lock().unwrap().is_empty(), "a poison message is acknowledged");

    assert_eq!(replay(&store, &endpoint, "queue.json").await, nothing_failed);
    assert_eq!(endpoint.got.lock().unwrap()[0].id, SAMPLE_WEBHOOK);
    assert_eq!(store.deliveries()[0].state, DeliveryState::Delivered);
}
