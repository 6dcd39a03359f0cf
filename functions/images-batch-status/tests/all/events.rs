//! Replays the sample events.

use domain::Timestamp;
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use images_batch_status::{Deps, handle};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::{Memory, SAMPLE_BATCH};

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let store = Memory::new();
    store.put_key(testkit::sample_key());
    let mut batch = testkit::batch(2, Timestamp::now());
    batch.id = SAMPLE_BATCH.parse().unwrap();
    store.put_batch(&batch);
    let deps = Deps { batches: &store, jobs: &store, images_url: "https://cdn.example".into() };
    let middleware = Middleware::new(&store, &store, &store, Origins::default());
    let expected = [
        ("known.json", 200, None),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("not-an-id.json", 404, Some("BATCH_NOT_FOUND")),
        ("unknown.json", 404, Some("BATCH_NOT_FOUND")),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("images-batch-status"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let event = Event::new(&testkit::event("images-batch-status", file), &Context::default());
        let response =
            respond(event, "images-batch-status", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        assert_eq!((response.status().as_u16(), body["error"]["code"].as_str()), (status, code), "{file}");
        assert_eq!(body["batchId"] == SAMPLE_BATCH, status == 200, "{file}");
    }
}
