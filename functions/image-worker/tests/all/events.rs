//! Replays the sample events.

use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use domain::jobs::{JobMessage, JobPolicy};
use domain::store::StoreError;
use domain::{JobStatus, Timestamp};
use image_worker::{Deps, handle};
use providers::CurrentRegistry;
use testkit::Memory;

async fn replay(store: &Memory, file: &str) -> SqsBatchResponse {
    let deps = Deps {
        jobs: store,
        queue: store,
        images: store,
        providers: &CurrentRegistry::new(store),
        capacity: store,
        estimates: store,
        provider_statuses: store,
        policy: JobPolicy::default(),
        lease_margin: Duration::from_secs(30),
    };
    let deadline = Timestamp::now() + Duration::from_secs(60);
    let event: SqsEvent = serde_json::from_str(&testkit::event("image-worker", file)).unwrap();
    assert!(!event.records.is_empty());
    runtime::sqs_batch::messages(event.records, |message: JobMessage| handle(&deps, message, deadline)).await
}

fn failed(response: SqsBatchResponse) -> Vec<String> {
    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

#[tokio::test]
async fn each_sample_event_is_handled() {
    assert_eq!(testkit::event_names("image-worker"), ["job.json", "unreadable.json"]);
    let (store, job) = (Memory::new(), testkit::sample_job());
    store.put_job(&job);

    assert!(failed(replay(&store, "unreadable.json").await).is_empty(), "a poison message is acknowledged");
    assert_eq!(store.job(job.id).unwrap(), job);

    assert!(failed(replay(&store, "job.json").await).is_empty());
    assert_eq!(store.job(job.id).unwrap().status, JobStatus::Completed);
    assert_eq!(store.object_keys().len(), 2, "an image and its thumbnail");
}

#[tokio::test]
async fn missing_job_succeeds_and_unavailable_store_fails() {
    let store = Memory::new();
    assert!(failed(replay(&store, "job.json").await).is_empty());
    store.fail_next("load", StoreError::Unavailable("down".into()));
    assert_eq!(failed(replay(&store, "job.json").await), ["059f36b4-87a3-44ab-83d2-661975140000"]);
}
