//! Replays the sample events.

use domain::JobStatus;
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use images_cancel::{Deps, handle};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::{Memory, SAMPLE_JOB};

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let store = Memory::new();
    store.put_key(testkit::sample_key());
    store.put_job(&testkit::sample_job());
    let deps = Deps { batches: &store, jobs: &store };
    let middleware = Middleware::new(&store, &store, &store, Origins::default());
    let expected = [
        ("known.json", 204, None),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("not-an-id.json", 404, Some("JOB_NOT_FOUND")),
        ("unknown.json", 404, Some("JOB_NOT_FOUND")),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("images-cancel"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let event = Event::new(&testkit::event("images-cancel", file), &Context::default());
        let response = respond(event, "images-cancel", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        assert_eq!((response.status().as_u16(), body["error"]["code"].as_str()), (status, code), "{file}");
    }
    let job = store.job(SAMPLE_JOB.parse().unwrap()).unwrap();
    assert_eq!(job.status, JobStatus::Cancelled);
}
