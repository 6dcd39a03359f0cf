//! Replays the sample events.

use auth_token::{Deps, handle};
use domain::access::{KeyRecord, Scope};
use edge::auth::jwt::TokenKeys;
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use lambda_runtime::Context;
use serde_json::Value;
use testkit::{KeptSecret, Memory};

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let store = Memory::new();
    let scopes = vec![Scope::ImagesWrite, Scope::ImagesRead];
    store.put_key(KeyRecord { scopes, ..testkit::sample_key() });
    let secret = KeptSecret::new(r#"{"master":"a-master-secret-of-32-bytes-or-more"}"#);
    let deps = Deps { tokens: TokenKeys::new(&secret) };
    let middleware = Middleware::new(&store, &secret, &store, Origins::default());
    let expected = [
        ("invalid.json", 400, Some("VALIDATION_ERROR")),
        ("lacking-scope.json", 403, Some("FORBIDDEN")),
        ("no-key.json", 401, Some("UNAUTHORIZED")),
        ("valid.json", 201, None),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("auth-token"), expected.map(|(file, ..)| file));
    for (file, status, code) in expected {
        let event = Event::new(&testkit::event("auth-token", file), &Context::default());
        let response = respond(event, "auth-token", &middleware, |request| handle(&deps, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!((response.status().as_u16(), body["error"]["code"].as_str()), (status, code), "{file}");
        assert_eq!(body["token"].is_string(), status == 201, "{file}");
    }
}
