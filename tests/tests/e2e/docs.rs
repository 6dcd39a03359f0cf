//! The API's documentation: `GET /openapi.json` and `GET /docs`.

use reqwest::{Method, RequestBuilder};
use semantest_tests::cloud::{Cloud, workspace};
use serde_json::Value;

use crate::Round;

/// A request without any credential.
fn ask(cloud: &Cloud, path: &str) -> RequestBuilder {
    cloud.http.request(Method::GET, format!("{}/api/v1{path}", cloud.url))
}

pub(crate) fn tests(round: &mut Round<'_>) {
    round.test("served_openapi_document_is_the_checked_in_one_of_this_address", |cloud| async move {
        let answer =
            ask(&cloud, "/openapi.json").header("origin", "https://any.example").send().await.unwrap();
        let headers = answer.headers().clone();
        assert_eq!(answer.status(), 200);
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["cache-control"], "public, max-age=300");
        assert_eq!(headers["access-control-allow-origin"], "https://any.example");
        assert!(headers.contains_key("x-trace-id") && !headers.contains_key("x-ratelimit-limit"));
        assert_eq!(headers["vary"], "Accept-Encoding, Origin");
        let checked_in = std::fs::read(workspace().join("docs/openapi.json")).unwrap();
        let mut expected: Value = serde_json::from_slice(&checked_in).unwrap();
        let served: Value = answer.json().await.unwrap();
        // It names the address that was asked, and takes the webhook URLs that a local cloud takes.
        expected["servers"][0]["url"] = format!("{}/api/v1", cloud.url).into();
        let pattern = |document: &Value| {
            document["components"]["schemas"]["EnableRequest"]["properties"]["url"]["pattern"].to_string()
        };
        let local = expected.to_string().replace(&pattern(&expected), &pattern(&served));
        assert_ne!(pattern(&expected), pattern(&served));
        assert_eq!(served, serde_json::from_str::<Value>(&local).unwrap());

        let known = ask(&cloud, "/openapi.json").header("if-none-match", headers["etag"].clone());
        let known = known.send().await.unwrap();
        assert_eq!((known.status().as_u16(), &known.headers()["etag"]), (304, &headers["etag"]));
        assert!(known.bytes().await.unwrap().is_empty());
        let other = ask(&cloud, "/openapi.json").header("if-none-match", "\"other\"").send().await.unwrap();
        assert_eq!(other.status(), 200);
    });

    round.test("docs_page_may_load_nothing_from_other_origins", |cloud| async move {
        let url = format!("{}/api/v1/docs", cloud.url);
        assert_eq!(cloud.docs_url, url);
        let answer = cloud.http.get(&url).send().await.unwrap();
        let headers = answer.headers().clone();
        assert_eq!(answer.status(), 200);
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(policy.contains("connect-src 'self'") && !policy.contains("unsafe"), "{policy}");
        let page = answer.text().await.unwrap();
        assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));

        // Browsers get the same page compressed.
        let small = cloud.http.get(&url).header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(small.headers()["content-encoding"], "gzip");
        assert_ne!(small.headers()["etag"], headers["etag"]);
        let bytes = small.bytes().await.unwrap();
        assert_eq!(bytes[..2], [0x1f, 0x8b], "as they are, not in base64");
        assert!(bytes.len() < page.len() / 3);
    });
}
