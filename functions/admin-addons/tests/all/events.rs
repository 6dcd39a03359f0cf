//! Replays the sample events.

use admin_addons::handle;
use domain::access::{KeyRecord, Scope};
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use lambda_runtime::Context;
use serde_json::{Value, json};
use testkit::Memory;

use crate::support::{deps, keys, published};

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let expected = [
        ("delete-unknown.json", 404, Some("ADDON_NOT_FOUND")),
        ("delete.json", 204, None),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("publish-invalid-content.json", 400, Some("VALIDATION_ERROR")),
        ("publish-invalid-version.json", 400, Some("INVALID_VERSION")),
        ("publish-invalid.json", 400, Some("VALIDATION_ERROR")),
        ("publish-known-version.json", 409, Some("VERSION_EXISTS")),
        ("publish.json", 201, None),
        ("status-invalid.json", 400, Some("VALIDATION_ERROR")),
        ("status.json", 200, None),
        ("version.json", 201, None),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("admin-addons"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let (store, keys) = (Memory::new(), keys());
        store.put_key(KeyRecord { scopes: vec![Scope::AddonsAdmin], ..testkit::sample_key() });
        published(&store, "hello", "1.0.0", json!({})).await;
        let middleware = Middleware::new(&store, &store, &store, Origins::default());
        let deps = deps(&store, &keys);
        let event = Event::new(&testkit::event("admin-addons", file), &Context::default());
        let response = respond(event, "admin-addons", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        assert_eq!(
            (response.status().as_u16(), body["error"]["code"].as_str()),
            (status, code),
            "{file}: {body}"
        );
        assert_eq!(body["contentHash"].is_string(), matches!(status, 200 | 201), "{file}");
    }
}
