//! Replays the sample events.

use admin_webhook_secret::{Deps, handle};
use domain::access::{KeyRecord, Scope};
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::Memory;

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let expected = [
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("rotate-invalid.json", 400, Some("VALIDATION_ERROR")),
        ("rotate.json", 201, None),
        ("show.json", 200, None),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("admin-webhook-secret"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let store = Memory::new();
        store.put_key(KeyRecord { scopes: vec![Scope::KeysAdmin], ..testkit::sample_key() });
        let middleware = Middleware::new(&store, &store, &store, Origins::default());
        let deps = Deps { secret_versions: &store, master: &store };
        let event = Event::new(&testkit::event("admin-webhook-secret", file), &Context::default());
        let response =
            respond(event, "admin-webhook-secret", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        assert_eq!((response.status().as_u16(), body["error"]["code"].as_str()), (status, code), "{file}");
        assert_eq!(body["secret"].is_string(), status < 300, "{file}");
    }
}
