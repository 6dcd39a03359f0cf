//! What `POST /images/generate` does to rows and queues.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use domain::access::Scope;
use domain::job::JobPolicy;
use domain::ports::StoreError;
use domain::request::WebhookReach;
use domain::{Error, JobStatus};
use edge::http::{Answer, Request};
use images_generate::{Deps, handle};
use lambda_http::http::HeaderMap;
use serde_json::{Value, json};
use testkit::{Memory, Sent};

const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

async fn post(store: &Memory, scopes: &[Scope], body: Value) -> Result<Answer, Error> {
    let (key, record) = testkit::api_key("acme", scopes);
    store.put_key(record);
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", key.expose().parse().unwrap());
    let deps = Deps {
        keys: store,
        jobs: store,
        queue: store,
        policy: JobPolicy::default(),
        webhook_reach: WebhookReach::Public,
    };
    handle(&deps, Request::new(headers, body.to_string().into_bytes(), vec![])).await
}

#[tokio::test]
async fn a_job_is_a_row_and_then_a_message() {
    let store = Memory::new();
    let body = json!({"userId": USER, "prompt": "a kite", "priority": "high"});
    let answer = post(&store, &[Scope::ImagesWrite], body).await.unwrap();

    let job = store.jobs().pop().unwrap();
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 202);
    assert_eq!(answer.headers["location"], format!("/api/v1/images/status/{}", job.id));
    assert_eq!(said["jobId"], job.id.to_string());
    assert_eq!(said["statusUrl"], format!("/api/v1/images/status/{}", job.id));
    assert_eq!(said["cancelUrl"], format!("/api/v1/images/cancel/{}", job.id));
    assert_eq!((said["status"].as_str(), said["priority"].as_str()), (Some("queued"), Some("high")));
    assert!(said["createdAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(store.calls(), ["find", "save", "send"]);
    assert!(matches!(store.sent()[..], [Sent::Job(_, domain::request::Priority::High, Duration::ZERO)]));
}

#[tokio::test]
async fn a_job_whose_message_is_refused_is_accepted_all_the_same() {
    let store = Memory::new();
    store.fail_next("send", StoreError::Unavailable("down".into()));
    let answer = post(&store, &[Scope::ImagesWrite], json!({"userId": USER, "prompt": "p"})).await.unwrap();
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status.as_u16(), said["status"].as_str()), (202, Some("pending")));
    let job = store.jobs().pop().unwrap();
    assert_eq!(job.status, JobStatus::Pending);
    assert!(job.due_at.unwrap() <= domain::Timestamp::now(), "the next sweep must find it");
}

#[tokio::test]
async fn a_job_stays_due_when_not_even_that_can_be_written() {
    let store = Memory::new();
    store.fail_next("send", StoreError::Unavailable("down".into()));
    let body = json!({"userId": USER, "prompt": "p"});
    store.fail_next("save", StoreError::Unavailable("down".into()));
    assert!(matches!(
        post(&store, &[Scope::ImagesWrite], body.clone()).await,
        Err(Error::Unavailable { .. })
    ));
    assert_eq!((store.jobs().len(), store.sent().len()), (0, 0), "nothing was accepted");

    assert!(post(&store, &[Scope::ImagesWrite], body).await.is_ok());
    assert!(store.jobs()[0].due_at.is_some());
}

#[tokio::test]
async fn a_queued_webhook_is_owed_from_the_same_moment() {
    let store = Memory::new();
    let body = json!({"userId": USER, "prompt": "p", "webhookUrl": "https://example.com/h",
        "webhookEvents": ["job.queued"]});
    post(&store, &[Scope::ImagesWrite], body).await.unwrap();
    assert_eq!(store.deliveries().len(), 1);
    assert_eq!(store.calls().iter().filter(|call| **call == "save").count(), 1);
}

#[tokio::test]
async fn a_bad_request_costs_nothing() {
    let store = Memory::new();
    let refused = post(&store, &[Scope::ImagesWrite], json!({"prompt": 1})).await;
    assert!(matches!(refused, Err(Error::Invalid(faults)) if faults.len() == 2));
    let refused = post(&store, &[Scope::ImagesRead], json!({"userId": USER, "prompt": "p"})).await;
    assert!(matches!(refused, Err(Error::Forbidden(_))));
    assert!(store.calls().iter().all(|call| *call == "find"));
}
