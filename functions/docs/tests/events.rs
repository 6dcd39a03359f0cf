//! Replays the sample events.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::io::Read as _;

use domain::jobs::WebhookUrlPolicy::HttpsOnly;
use edge::http::{Event, Middleware, Reply, respond};
use flate2::read::GzDecoder;
use http::HeaderMap;
use lambda_runtime::Context;
use serde_json::Value;

/// Sends a sample event, and returns the answer's status, headers and body.
async fn replay(file: &str) -> (u16, HeaderMap, Vec<u8>) {
    let event = Event::new(&testkit::event("docs", file), &Context::default());
    let (parts, body) =
        respond(event, "docs", &Middleware::public(), |request| docs::handle(HttpsOnly, request))
            .await
            .into_parts();
    (parts.status.as_u16(), parts.headers, body)
}

fn unzipped(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain
}

#[tokio::test]
async fn sample_events_get_expected_answers() {
    let expected = [
        ("openapi-gzip.json", 200, "application/json", true),
        ("openapi-known.json", 304, "", false),
        ("openapi.json", 200, "application/json", true),
        ("page-gzip.json", 200, "text/html; charset=utf-8", true),
        ("page-head.json", 200, "text/html; charset=utf-8", true),
        ("page.json", 200, "text/html; charset=utf-8", true),
        ("wrong-method.json", 405, "application/json", true),
    ];
    assert_eq!(testkit::event_names("docs"), expected.map(|(file, ..)| file));
    for (file, status, kind, has_body) in expected {
        let (got, headers, body) = replay(file).await;
        assert_eq!(got, status, "{file}");
        assert_eq!(headers.get("content-type").map_or("", |value| value.to_str().unwrap()), kind, "{file}");
        assert_eq!(!body.is_empty(), has_body, "{file}");
        assert_eq!(headers.contains_key("content-encoding"), file.contains("gzip"), "{file}");
    }
}

#[tokio::test]
async fn document_equals_checked_in_file() {
    let checked_in = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json")).unwrap();
    let (_, headers, body) = replay("openapi.json").await;
    let mut expected: Value = serde_json::from_slice(&checked_in).unwrap();
    assert_eq!(expected["servers"][0]["url"], "/api/v1");
    expected["servers"][0]["url"] = "https://abc123.execute-api.us-east-1.amazonaws.com/api/v1".into();
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), expected);
    let (_, of_gzip, zipped) = replay("openapi-gzip.json").await;
    assert_eq!(unzipped(&zipped), body);
    assert_ne!(headers["etag"], of_gzip["etag"]);
    assert_eq!(serde_json::from_slice::<Value>(&checked_in).unwrap()["openapi"], "3.0.3");
}

#[tokio::test]
async fn page_is_self_contained_and_policy_allows_only_it() {
    let (_, headers, body) = replay("page.json").await;
    let (_, of_gzip, compressed) = replay("page-gzip.json").await;
    assert_eq!(unzipped(&compressed), body);
    // Lambda's response limit is 6 MB, and base64 adds a third to the size.
    assert!(body.len() < 4_000_000 && compressed.len() < 1_000_000);

    let page = String::from_utf8(body).unwrap();
    assert_eq!(page.matches("<script>").count(), 2, "the viewer, and the script that starts it");
    for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
        let (head, _) = page.split_once("<script>").unwrap();
        assert!(!head.contains(outside), "{outside}");
    }
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert_eq!(policy.matches("'sha256-").count(), 3);
    assert!(
        policy.starts_with("default-src 'none';") && !policy.contains("unsafe") && !policy.contains("http")
    );
    assert_eq!(headers["content-security-policy"], of_gzip["content-security-policy"]);
}

#[test]
fn viewer_files_match_checksums_in_readme() {
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
    let readme = std::fs::read_to_string(format!("{assets}/README.md")).unwrap();
    for file in ["swagger-ui-bundle.js", "swagger-ui.css"] {
        let bytes = std::fs::read(format!("{assets}/{file}")).unwrap();
        let sum: String = sha256(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(readme.contains(&format!("| sha256 of `{file}` | `{sum}` |")), "{file} is {sum}");
    }
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).to_vec()
}

#[tokio::test]
async fn caches_are_told_of_both_headers_that_a_response_depends_on() {
    for file in ["openapi.json", "openapi-gzip.json", "page.json"] {
        let event = Event::new(&testkit::event("docs", file), &Context::default());
        let response =
            respond(event, "docs", &Middleware::public(), |request| docs::handle(HttpsOnly, request)).await;
        let reply = serde_json::to_value(Reply::from(response)).unwrap();
        assert_eq!(reply["headers"]["vary"], "Accept-Encoding, Origin", "{file}");
        assert_eq!(reply["isBase64Encoded"], file.contains("gzip"), "{file}");
    }
}
