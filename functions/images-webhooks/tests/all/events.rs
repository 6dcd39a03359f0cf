//! Replays the sample events.

use domain::Timestamp;
use domain::jobs::{WebhookEvent, WebhookUrlPolicy};
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use images_webhooks::{Deps, handle};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::Memory;

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let expected = [
        ("disabled.json", 200, None),
        ("enable-invalid.json", 400, Some("VALIDATION_ERROR")),
        ("enable.json", 204, None),
        ("list-unknown.json", 404, Some("JOB_NOT_FOUND")),
        ("list.json", 200, None),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("range-invalid.json", 400, Some("VALIDATION_ERROR")),
        ("range.json", 202, None),
        ("redeliver-unknown.json", 404, Some("NOT_FOUND")),
        ("redeliver.json", 202, None),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("images-webhooks"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let store = Memory::new();
        store.put_key(testkit::sample_key());
        let job = testkit::sample_job();
        let mut delivery = job.delivery(WebhookEvent::Completed, Timestamp::now()).unwrap();
        delivery.id = testkit::SAMPLE_WEBHOOK.parse().unwrap();
        delivery.revision = 1;
        delivery.give_up(Timestamp::now());
        store.put_job(&job);
        store.put_delivery(&delivery);
        let middleware = Middleware::new(&store, &store, &store, Origins::default());
        let deps = Deps {
            jobs: &store,
            batches: &store,
            deliveries: &store,
            list: &store,
            endpoints: &store,
            queue: &store,
            webhook_url_policy: WebhookUrlPolicy::HttpsOnly,
        };
        let mut context = Context::default();
        context.deadline = u64::try_from(Timestamp::now().millis()).unwrap() + 28_000;
        let event = Event::new(&testkit::event("images-webhooks", file), &context);
        let response = respond(event, "images-webhooks", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        assert_eq!((response.status().as_u16(), body["error"]["code"].as_str()), (status, code), "{file}");
        assert_eq!(store.sent().len(), usize::from(status == 202), "{file}");
    }
}
