//! Replays the sample events.

use edge::http::{Event, Middleware, respond};
use health::{Deps, handle};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::Memory;

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let store = Memory::new();
    let deps = Deps {
        provider_statuses: &store,
        deprecations: &store,
        queues: vec![&store],
        storage: &store,
        last: Default::default(),
    };
    let expected = [("get.json", 200, true), ("head.json", 200, true), ("wrong-method.json", 405, true)];
    assert_eq!(testkit::event_names("health"), expected.map(|(file, ..)| file));
    for (file, status, has_body) in expected {
        let event = Event::new(&testkit::event("health", file), &Context::default());
        let response =
            respond(event, "health", &Middleware::public(), |request| handle(&deps, request)).await;
        assert_eq!(response.status().as_u16(), status, "{file}");
        assert_eq!(!response.body().is_empty(), has_body, "{file}");
        if file == "get.json" {
            let body: Value = serde_json::from_slice(response.body()).unwrap();
            assert_eq!(body["status"], "healthy");
        }
    }
}
