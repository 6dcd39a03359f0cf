//! Replays the sample events.

use addons_get::handle;
use domain::addons::AddonStatus;
use edge::http::cors::Origins;
use edge::http::{Event, Middleware, respond};
use lambda_runtime::Context;
use serde_json::Value;

use crate::support::{Shop, on, script};

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let shop = Shop::new();
    shop.publish(on(script("hello", "1.0.0"), &["example.com"]), "hello()", AddonStatus::Active).await;
    let expected = [
        ("bundle-empty.json", 204, None),
        ("bundle-script.json", 200, None),
        ("bundle.json", 200, None),
        ("content-invalid-version.json", 400, Some("INVALID_VERSION")),
        ("content-other-domain.json", 403, Some("DOMAIN_NOT_ALLOWED")),
        ("content-unknown.json", 404, Some("ADDON_NOT_FOUND")),
        ("content.json", 200, None),
        ("keys.json", 200, None),
        ("list-invalid.json", 400, Some("VALIDATION_ERROR")),
        ("list.json", 200, None),
        ("metadata.json", 200, None),
        ("userscripts.json", 200, None),
        ("versions.json", 200, None),
        ("wrong-method.json", 405, Some("METHOD_NOT_ALLOWED")),
    ];
    assert_eq!(testkit::event_names("addons-get"), expected.map(|(file, ..)| file));
    let addons = shop.addons();
    let middleware = Middleware::new(&shop.store, &shop.store, &shop.store, Origins::everyone());
    for (file, status, code) in expected {
        let event = Event::new(&testkit::event("addons-get", file), &Context::default());
        let response = respond(event, "addons-get", &middleware, |request| handle(&addons, request)).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        assert_eq!(
            (response.status().as_u16(), body["error"]["code"].as_str()),
            (status, code),
            "{file}: {body}"
        );
        assert_eq!(response.headers()["access-control-allow-origin"], "*", "{file}");
        assert!(response.headers().contains_key("x-ratelimit-limit") || status == 405, "{file}");
    }
}
