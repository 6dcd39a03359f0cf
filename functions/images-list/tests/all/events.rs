//! Replays the sample events.

use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use images_list::{Deps, handle};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::{Memory, SAMPLE_JOB};

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let store = Memory::new();
    store.put_key(testkit::sample_key());
    let mut job = testkit::sample_job();
    job.user_id = "0190b8a0-0000-7000-8000-000000000001".parse().unwrap();
    store.put_job(&job);
    let deps = Deps { list: &store, jobs: &store, images_url: "https://cdn.example".into() };
    let middleware = Middleware::new(&store, &store, &store, Origins::default());
    let expected = [
        ("all.json", 200, None),
        ("filtered.json", 200, None),
        ("invalid.json", 400, Some("VALIDATION_ERROR")),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("images-list"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let event = Event::new(&testkit::event("images-list", file), &Context::default());
        let response = respond(event, "images-list", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        assert_eq!((response.status().as_u16(), body["error"]["code"].as_str()), (status, code), "{file}");
        assert_eq!(body["jobs"][0]["jobId"] == SAMPLE_JOB, status == 200, "{file}");
    }
}
