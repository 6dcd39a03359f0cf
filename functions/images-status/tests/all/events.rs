//! Replays the sample events.

use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use images_status::{Deps, handle};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::{Memory, SAMPLE_JOB};

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let store = Memory::new();
    store.put_key(testkit::sample_key());
    store.put_job(&testkit::sample_job());
    let deps = Deps {
        batches: &store,
        jobs: &store,
        long_polls: &store,
        max_long_polls: 100,
        images_url: "https://cdn.example".into(),
    };
    let middleware = Middleware::new(&store, &store, &store, Origins::default());
    let expected = [
        ("known.json", 200, None),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("not-an-id.json", 404, Some("JOB_NOT_FOUND")),
        ("unknown.json", 404, Some("JOB_NOT_FOUND")),
    ];
    assert_eq!(testkit::event_names("images-status"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let event = Event::new(&testkit::event("images-status", file), &Context::default());
        let response = respond(event, "images-status", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((response.status().as_u16(), body["error"]["code"].as_str()), (status, code), "{file}");
        assert_eq!(body["jobId"] == SAMPLE_JOB, status == 200, "{file}");
    }
}
