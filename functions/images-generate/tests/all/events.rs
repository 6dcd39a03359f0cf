//! Replays the sample events.

use std::time::Duration;

use domain::images::Size;
use domain::jobs::{JobPolicy, WebhookUrlPolicy};
use domain::primitives::Priority;
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use images_generate::{Deps, handle};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::{Memory, Sent};

/// Sends a sample event, and returns the store, and the answer's status and body.
async fn replay(file: &str) -> (Memory, u16, Value) {
    let store = Memory::new();
    store.put_key(testkit::sample_key());
    let deps = Deps {
        jobs: &store,
        idempotency: &store,
        estimates: &store,
        queue: &store,
        policy: JobPolicy::default(),
        webhook_url_policy: WebhookUrlPolicy::HttpsOnly,
    };
    let event = Event::new(&testkit::event("images-generate", file), &Context::default());
    let middleware = Middleware::new(&store, &store, &store, Origins::default());
    let response = respond(event, "images-generate", &middleware, |request| handle(&deps, request)).await;
    let (status, body) = (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap());
    (store, status, body)
}

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let expected = [
        ("base64.json", 202, None),
        ("invalid.json", 400, Some("VALIDATION_ERROR")),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("not-json.json", 400, Some("VALIDATION_ERROR")),
        ("valid.json", 202, None),
        ("webhook.json", 202, None),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("images-generate"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let (store, got, body) = replay(file).await;
        assert_eq!((got, body["error"]["code"].as_str()), (status, code), "{file}: {body}");
        let accepted = usize::from(status == 202);
        assert_eq!((store.jobs().len(), store.sent().len()), (accepted, accepted), "{file}");
    }
}

#[tokio::test]
async fn valid_sample_becomes_the_job_it_describes() {
    for file in ["valid.json", "base64.json"] {
        let (store, _, body) = replay(file).await;
        let job = store.jobs().pop().unwrap();
        assert_eq!(body["jobId"], job.id.to_string());
        assert_eq!(job.picture.prompt.as_str(), "a lighthouse at dusk");
        assert_eq!(
            (job.picture.size, job.picture.count.get(), job.priority),
            (Size::S512, 2, Priority::High)
        );
        assert!(matches!(store.sent()[..], [Sent::Job(_, Priority::High, Duration::ZERO)]));
    }
}

#[tokio::test]
async fn invalid_sample_lists_every_field_error() {
    let (_, _, body) = replay("invalid.json").await;
    let errors = body["error"]["details"].as_array().unwrap();
    let mut paths: Vec<_> = errors.iter().map(|error| error["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["count", "prompt", "size", "userId"]);
}

#[tokio::test]
async fn webhook_sample_saves_a_delivery_with_the_job() {
    let (store, ..) = replay("webhook.json").await;
    assert_eq!(store.deliveries().len(), 1);
}
