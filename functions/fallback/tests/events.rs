//! The sample events, replayed.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use edge::http::respond;
use fallback::{METHODS, handle};
use lambda_http::{Context, RequestExt as _};
use serde_json::Value;

#[tokio::test]
async fn every_sample_is_answered_as_it_should_be() {
    let expected = ["root.json", "unknown-path.json"];
    assert_eq!(testkit::event_names("fallback"), expected);
    for file in expected {
        let event = lambda_http::request::from_str(&testkit::event("fallback", file)).unwrap();
        let response = respond(event.with_lambda_context(Context::default()), METHODS, handle).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (response.status().as_u16(), body["error"]["code"].as_str()),
            (404, Some("NOT_FOUND")),
            "{file}"
        );
    }
}
