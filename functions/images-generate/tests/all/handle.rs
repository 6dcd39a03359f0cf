//! What `POST /images/generate` writes to rows and queues.

use std::time::Duration;

use domain::access::{Principal, Scope};
use domain::jobs::{JobPolicy, WebhookUrlPolicy};
use domain::store::StoreError;
use domain::{Error, JobStatus};
use edge::http::{Answer, Request};
use images_generate::{Deps, handle};
use serde_json::{Value, json};
use testkit::{Memory, Sent};

const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

async fn post(store: &Memory, body: Value) -> Result<Answer, Error> {
    let caller = testkit::principal("acme", &[Scope::ImagesWrite]);
    send(store, Request::by(caller, "images-generate", "POST", body.to_string())).await
}

async fn send(store: &Memory, request: Request) -> Result<Answer, Error> {
    let deps = Deps {
        jobs: store,
        idempotency: store,
        estimates: store,
        queue: store,
        policy: JobPolicy::default(),
        webhook_url_policy: WebhookUrlPolicy::HttpsOnly,
    };
    handle(&deps, request).await
}

#[tokio::test]
async fn job_writes_row_then_sends_message() {
    let store = Memory::new();
    let body = json!({"userId": USER, "prompt": "a kite", "priority": "high"});
    let answer = post(&store, body).await.unwrap();

    let job = store.jobs().pop().unwrap();
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, 202);
    assert_eq!(answer.headers["location"], format!("/api/v1/images/status/{}", job.id));
    assert_eq!(said["jobId"], job.id.to_string());
    assert_eq!(said["statusUrl"], format!("/api/v1/images/status/{}", job.id));
    assert_eq!(said["cancelUrl"], format!("/api/v1/images/cancel/{}", job.id));
    assert_eq!((said["status"].as_str(), said["priority"].as_str()), (Some("queued"), Some("high")));
    assert!(said["createdAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!(store.calls(), ["estimate", "save", "send"]);
    assert!(matches!(store.sent()[..], [Sent::Job(_, domain::primitives::Priority::High, Duration::ZERO)]));
}

#[tokio::test]
async fn job_with_refused_message_is_accepted_as_pending() {
    let store = Memory::new();
    store.fail_next("send", StoreError::Unavailable("down".into()));
    let answer = post(&store, json!({"userId": USER, "prompt": "p"})).await.unwrap();
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!((answer.status.as_u16(), said["status"].as_str()), (202, Some("pending")));
    let job = store.jobs().pop().unwrap();
    assert_eq!(job.status, JobStatus::Pending);
    assert!(job.due_at.unwrap() <= domain::Timestamp::now(), "the next sweep must find it");
}

#[tokio::test]
async fn failed_job_row_accepts_nothing() {
    let store = Memory::new();
    store.fail_next("send", StoreError::Unavailable("down".into()));
    let body = json!({"userId": USER, "prompt": "p"});
    store.fail_next("save", StoreError::Unavailable("down".into()));
    assert!(matches!(post(&store, body.clone()).await, Err(Error::Unavailable { .. })));
    assert_eq!((store.jobs().len(), store.sent().len()), (0, 0), "nothing was accepted");

    assert!(post(&store, body).await.is_ok());
    assert!(store.jobs()[0].due_at.is_some());
}

#[tokio::test]
async fn queued_delivery_is_saved_with_the_job() {
    let store = Memory::new();
    let body = json!({"userId": USER, "prompt": "p", "webhookUrl": "https://example.com/h",
        "webhookEvents": ["job.queued"]});
    post(&store, body).await.unwrap();
    assert_eq!(store.deliveries().len(), 1);
    assert_eq!(store.calls().iter().filter(|call| **call == "save").count(), 1);
}

#[tokio::test]
async fn invalid_request_makes_no_store_calls() {
    let store = Memory::new();
    let refused = post(&store, json!({"prompt": 1})).await;
    assert!(matches!(refused, Err(Error::Invalid(errors)) if errors.len() == 2));
    assert!(store.calls().is_empty());
}

/// A request of `caller` with this `Idempotency-Key`.
fn with_key(caller: &Principal, key: &str, body: &Value) -> Request {
    let request = Request::by(caller.clone(), "images-generate", "POST", body.to_string());
    request.with("idempotency-key", key)
}

#[tokio::test]
async fn repeated_idempotency_key_replays_the_answer() {
    let (store, caller) = (Memory::new(), testkit::principal("acme", &[Scope::ImagesWrite]));
    let body = json!({"userId": USER, "prompt": "p"});
    let first = send(&store, with_key(&caller, "k", &body)).await.unwrap();
    let again = send(&store, with_key(&caller, "k", &body)).await.unwrap();
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(first.headers["location"], again.headers["location"]);
    assert_eq!((store.jobs().len(), store.sent().len()), (1, 1));

    let other = testkit::principal("acme", &[Scope::ImagesWrite]);
    send(&store, with_key(&other, "k", &body)).await.unwrap();
    assert_eq!(store.jobs().len(), 2, "keys of different callers are independent");
    let body = json!({"userId": USER, "prompt": "q"});
    let refused = send(&store, with_key(&caller, "k", &body)).await;
    assert!(matches!(refused, Err(Error::IdempotencyMismatch)));
}

#[tokio::test]
async fn run_after_crash_creates_no_second_job() {
    let (store, caller) = (Memory::new(), testkit::principal("acme", &[Scope::ImagesWrite]));
    let body = json!({"userId": USER, "prompt": "p"});
    store.fail_next("settle", StoreError::Unavailable("dies here".into()));
    let first = send(&store, with_key(&caller, "k", &body)).await.unwrap();

    let early = send(&store, with_key(&caller, "k", &body)).await;
    assert!(matches!(early, Err(Error::IdempotencyInFlight { retry_after }) if retry_after.as_secs() > 10));
    let mut late = with_key(&caller, "k", &body);
    late.now = late.now + Duration::from_secs(16);
    let again = send(&store, late).await.unwrap();
    assert_eq!((first.status, first.body), (again.status, again.body));
    assert_eq!((store.jobs().len(), store.sent().len()), (1, 1));
}

#[tokio::test]
async fn failed_run_can_be_repeated_immediately() {
    let (store, caller) = (Memory::new(), testkit::principal("acme", &[Scope::ImagesWrite]));
    let body = json!({"userId": USER, "prompt": "p"});
    store.fail_next("save", StoreError::Unavailable("down".into()));
    assert!(send(&store, with_key(&caller, "k", &body)).await.is_err());
    assert!(send(&store, with_key(&caller, "k", &body)).await.is_ok());
}

#[tokio::test]
async fn invalid_idempotency_key_is_a_field_error() {
    let (store, caller) = (Memory::new(), testkit::principal("acme", &[Scope::ImagesWrite]));
    let refused = send(&store, with_key(&caller, "a b", &json!({"userId": USER}))).await;
    let Err(Error::Invalid(errors)) = refused else { panic!("{refused:?}") };
    let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["prompt", "Idempotency-Key"]);
    assert!(send(&store, with_key(&caller, "k", &json!({"userId": USER}))).await.is_err());
    assert!(send(&store, with_key(&caller, "k", &json!({"userId": USER, "prompt": "p"}))).await.is_ok());
}
