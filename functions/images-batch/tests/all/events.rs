//! Replays the sample events.

use domain::Timestamp;
use domain::jobs::{JobPolicy, WebhookUrlPolicy};
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use images_batch::{Deps, handle};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::Memory;

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let store = Memory::new();
    store.put_key(testkit::sample_key());
    let deps = Deps {
        batches: &store,
        jobs: &store,
        idempotency: &store,
        estimates: &store,
        queue: &store,
        policy: JobPolicy::default(),
        webhook_url_policy: WebhookUrlPolicy::HttpsOnly,
    };
    let mut context = Context::default();
    context.deadline = u64::try_from(Timestamp::now().millis()).unwrap() + 15_000;
    let middleware = Middleware::new(&store, &store, &store, Origins::default());
    let expected = [
        ("invalid.json", 400, Some("VALIDATION_ERROR")),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("not-json.json", 400, Some("VALIDATION_ERROR")),
        ("too-many.json", 400, Some("VALIDATION_ERROR")),
        ("valid.json", 202, None),
        ("webhook.json", 202, None),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("images-batch"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let event = Event::new(&testkit::event("images-batch", file), &context);
        let response = respond(event, "images-batch", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        assert_eq!((response.status().as_u16(), body["error"]["code"].as_str()), (status, code), "{file}");
        let errors = body["error"]["details"].as_array().into_iter().flatten();
        let paths: Vec<_> = errors.map(|error| error["path"].as_str().unwrap()).collect();
        match file {
            "invalid.json" => assert_eq!(paths, ["userId", "jobs[1].prompt", "jobs[1].count", "jobs[2]"]),
            "too-many.json" => assert_eq!(paths, ["jobs"]),
            "not-json.json" => assert_eq!(paths, [""]),
            _ => assert_eq!(paths, [""; 0], "{file}"),
        }
    }
    // Two samples with two jobs each; one of the samples has a webhook for `job.queued`.
    assert_eq!((store.batches().len(), store.jobs().len(), store.sent().len()), (2, 4, 4));
    assert_eq!(store.deliveries().len(), 2);
}
