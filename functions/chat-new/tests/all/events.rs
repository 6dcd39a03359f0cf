//! Replays the sample events.

use std::time::Duration;

use chat_new::{Deps, handle};
use domain::Timestamp;
use domain::jobs::{JobPolicy, WebhookUrlPolicy};
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use lambda_runtime::Context;
use providers::CurrentRegistry;
use serde_json::Value;
use testkit::Memory;

/// Sends a sample event, and returns the store, and the answer's status and body.
async fn replay(file: &str) -> (Memory, u16, Value) {
    let store = Memory::new();
    store.put_key(testkit::sample_key());
    store.put_session(testkit::sample_session());
    let deps = Deps {
        sessions: &store,
        turns: &store,
        jobs: &store,
        estimates: &store,
        queue: &store,
        providers: &CurrentRegistry::new(&store),
        idempotency: &store,
        policy: JobPolicy::default(),
        keep_sessions: Duration::from_secs(1000),
        webhook_url_policy: WebhookUrlPolicy::HttpsOnly,
    };
    let mut context = Context::default();
    context.deadline = (Timestamp::now() + Duration::from_secs(29)).millis().unsigned_abs();
    let event = Event::new(&testkit::event("chat-new", file), &context);
    let middleware = Middleware::new(&store, &store, &store, Origins::default());
    let response = respond(event, "chat-new", &middleware, |request| handle(&deps, request)).await;
    let (status, body) = (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap());
    (store, status, body)
}

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let expected = [
        ("continued.json", 201, None, 0),
        ("failing.json", 502, Some("GENERATION_FAILED"), 0),
        ("invalid.json", 400, Some("VALIDATION_ERROR"), 0),
        ("no-key.json", 401, Some("UNAUTHORIZED"), 0),
        ("unknown-session.json", 404, Some("SESSION_NOT_FOUND"), 0),
        ("valid.json", 201, None, 0),
        ("with-image.json", 201, None, 1),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED"), 0),
    ];
    assert_eq!(testkit::event_names("chat-new"), expected.map(|(file, ..)| file));
    for (file, status, code, jobs) in expected {
        let (store, got, body) = replay(file).await;
        assert_eq!((got, body["error"]["code"].as_str()), (status, code), "{file}: {body}");
        assert_eq!((store.jobs().len(), store.deliveries().len()), (jobs, jobs), "{file}");
        let messages: usize = store.sessions().iter().map(|chat| chat.messages.len()).sum();
        assert_eq!(messages, if status == 201 { 4 } else { 2 }, "{file}");
    }
}

#[tokio::test]
async fn invalid_sample_lists_every_field_error() {
    let (_, _, body) = replay("invalid.json").await;
    let errors = body["error"]["details"].as_array().unwrap();
    let paths: Vec<_> = errors.iter().map(|error| error["path"].as_str().unwrap()).collect();
    let context = ["chatContext.previousMessages[0].role", "chatContext.temperature"];
    assert_eq!(paths, [&["userId", "prompt", "imageGeneration.count"][..], &context[..]].concat());
}
