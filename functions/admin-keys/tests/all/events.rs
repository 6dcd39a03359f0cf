//! Replays the sample events.

use admin_keys::{Deps, handle};
use domain::access::{KeyRecord, Scope};
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::Memory;

/// The key that the samples revoke and rotate.
const MANAGED: &str = "0190b8a0-0000-7000-8000-00000000000c";

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let expected = [
        ("create-invalid.json", 400, Some("VALIDATION_ERROR")),
        ("create-other-client.json", 403, Some("FORBIDDEN")),
        ("create.json", 201, None),
        ("list-other-client.json", 403, Some("FORBIDDEN")),
        ("list.json", 200, None),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("revoke-not-an-id.json", 404, Some("NOT_FOUND")),
        ("revoke.json", 204, None),
        ("rotate.json", 201, None),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("admin-keys"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let store = Memory::new();
        store.put_key(KeyRecord { scopes: vec![Scope::KeysAdmin], ..testkit::sample_key() });
        let managed = MANAGED.parse().unwrap();
        store.put_key(KeyRecord { id: managed, ..testkit::api_key("acme", &[Scope::Chat]).1 });
        let middleware = Middleware::new(&store, &store, &store, Origins::default());
        let deps = Deps { keys: &store, max_keys: 100 };
        let event = Event::new(&testkit::event("admin-keys", file), &Context::default());
        let response = respond(event, "admin-keys", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        assert_eq!((response.status().as_u16(), body["error"]["code"].as_str()), (status, code), "{file}");
        assert_eq!(body["key"].is_string(), status == 201, "{file}");
        assert_eq!(store.key(managed).unwrap().revoked_at.is_some(), status == 204, "{file}");
    }
}
