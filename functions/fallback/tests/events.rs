//! Replays the sample events.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use fallback::handle;
use lambda_runtime::Context;
use serde_json::Value;
use testkit::Memory;

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let store = Memory::new();
    let middleware = Middleware::new(&store, &store, &store, Origins::default());
    let expected = ["root.json", "unknown-path.json"];
    assert_eq!(testkit::event_names("fallback"), expected);
    for file in expected {
        let event = Event::new(&testkit::event("fallback", file), &Context::default());
        let response = respond(event, "fallback", &middleware, handle).await;
        assert_eq!(response.headers()["x-ratelimit-limit"], "120", "{file}");
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (response.status().as_u16(), body["error"]["code"].as_str()),
            (404, Some("NOT_FOUND")),
            "{file}"
        );
    }
}
