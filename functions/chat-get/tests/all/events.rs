//! Replays the sample events.

use chat_get::{Deps, handle};
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::Memory;

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let expected = [
        ("bad-page.json", 400, Some("VALIDATION_ERROR")),
        ("known.json", 200, None),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("not-an-id.json", 404, Some("SESSION_NOT_FOUND")),
        ("page.json", 200, None),
        ("unknown.json", 404, Some("SESSION_NOT_FOUND")),
    ];
    assert_eq!(testkit::event_names("chat-get"), expected.map(|(file, ..)| file));
    let store = Memory::new();
    store.put_key(testkit::sample_key());
    store.put_session(testkit::sample_session());
    let deps = Deps { sessions: &store };
    let middleware = Middleware::new(&store, &store, &store, Origins::default());
    for (file, status, code) in expected {
        let event = Event::new(&testkit::event("chat-get", file), &Context::default());
        let response = respond(event, "chat-get", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((response.status().as_u16(), body["error"]["code"].as_str()), (status, code), "{file}");
        if file == "bad-page.json" {
            let errors = body["error"]["details"].as_array().unwrap();
            let paths: Vec<_> = errors.iter().map(|error| error["path"].as_str().unwrap()).collect();
            assert_eq!(paths, ["limit", "cursor"]);
        }
        if status == 200 {
            let shown = body["messages"].as_array().unwrap().len();
            assert_eq!(
                (shown, body["nextCursor"].is_string()),
                if file == "page.json" { (1, true) } else { (2, false) }
            );
        }
    }
}
