//! Reads the event in which API Gateway hands over a request (HTTP API, payload format 2.0).
//!
//! Every event is read, whatever it holds: what a crate refuses to parse would be answered by Lambda's own
//! error, which has no envelope. A part that is missing is empty, and is then answered like any other request
//! with an empty part.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use lambda_runtime::Context;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::form_urlencoded;

use crate::http::event::text::{Pairs, Text, pairs, text};

#[cfg(test)]
mod fuzz;
mod text;

/// The payload of an invocation: any JSON.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Payload(Box<RawValue>);

impl Payload {
    pub(crate) fn text(&self) -> &str {
        self.0.get()
    }
}

/// One request, as API Gateway hands it over.
#[derive(Debug)]
pub struct Event {
    /// Lambda's id of the invocation.
    pub(crate) invocation: String,
    /// When Lambda ends the invocation.
    pub(crate) deadline: Timestamp,
    pub(crate) method: String,
    /// As API Gateway matched it: its escapes such as `%20` are decoded.
    pub(crate) path: String,
    pub(crate) path_parameters: Vec<(String, String)>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The address that called API Gateway.
    pub(crate) source: Option<IpAddr>,
}

impl Event {
    /// Reads `payload`, the JSON text of an event.
    #[must_use]
    pub fn new(payload: &str, context: &Context) -> Self {
        let event = pairs(payload);
        let context_of_request = pairs(raw(&event, "requestContext"));
        let http = pairs(raw(&context_of_request, "http"));
        let path = string(&event, "rawPath").or_else(|| string(&http, "path"));
        Self {
            invocation: context.request_id.clone(),
            deadline: Timestamp::from_millis(i64::try_from(context.deadline).unwrap_or(i64::MAX)),
            method: string(&http, "method").unwrap_or_default(),
            path: path.unwrap_or_default(),
            path_parameters: strings(raw(&event, "pathParameters")),
            query: query(&event),
            headers: headers(raw(&event, "headers")),
            body: body(&event),
            source: string(&http, "sourceIp").and_then(|address| address.parse().ok()),
        }
    }
}

fn raw<'a>(object: &Pairs<'a>, name: &str) -> &'a str {
    let value = object.iter().find(|(own, _)| own.0 == name.as_bytes());
    value.map_or("null", |(_, value)| value.get())
}

fn string(object: &Pairs<'_>, name: &str) -> Option<String> {
    text(raw(object, name)).map(Text::lossy)
}

fn strings(object: &str) -> Vec<(String, String)> {
    pairs(object)
        .into_iter()
        .filter_map(|(name, value)| Some((name.lossy(), text(value.get())?.lossy())))
        .collect()
}

/// Returns the query parameters in their order. API Gateway's own map joins a repeated one with commas, so it
/// is read only if there is no query string.
fn query(event: &Pairs<'_>) -> Vec<(String, String)> {
    match text(raw(event, "rawQueryString")) {
        Some(query) => form_urlencoded::parse(&query.0).into_owned().collect(),
        None => strings(raw(event, "queryStringParameters")),
    }
}

fn headers(object: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs(object) {
        // No header that this service reads has a name that is none.
        let (Ok(name), Some(value)) = (HeaderName::from_bytes(&name.0), text(value.get())) else { continue };
        headers.append(name, header_value(value));
    }
    headers
}

/// Returns a header's value. Bytes that no value may have become bytes that are no visible ASCII: then every
/// reader refuses the value, where without it the header would seem to be missing.
fn header_value(value: Text) -> HeaderValue {
    let refused = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
    let bytes: Vec<u8> = value.0.iter().map(|byte| if refused(byte) { 0xff } else { *byte }).collect();
    HeaderValue::from_bytes(&bytes).unwrap_or(HeaderValue::from_static(""))
}

/// Returns the bytes of the body. A body that is said to be base64 and is not stays as it is: it is neither
/// valid nor is it lost.
fn body(event: &Pairs<'_>) -> Vec<u8> {
    let Some(body) = text(raw(event, "body")) else { return Vec::new() };
    if raw(event, "isBase64Encoded") != "true" {
        return body.0;
    }
    STANDARD.decode(&body.0).unwrap_or(body.0)
}

/// Returns the scheme and the host that the caller asked, such as `https://api.example.com`; `None` if the
/// event has none that are plain.
pub(crate) fn origin(headers: &HeaderMap) -> Option<String> {
    let plain = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host = plain(&header::HOST)?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    if host.is_empty() || host.len() > 255 || !host.bytes().all(allowed) {
        return None;
    }
    // API Gateway sets this header itself, and only ever calls by HTTPS; a local gateway has none.
    let scheme = match plain(&HeaderName::from_static("x-forwarded-proto")) {
        Some("http") => "http",
        Some(_) => "https",
        None if is_loopback(host) => "http",
        None => "https",
    };
    Some(format!("{scheme}://{}", host.to_ascii_lowercase()))
}

fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "[::1]"
        || name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(event: &serde_json::Value) -> Event {
        Event::new(&event.to_string(), &Context::default())
    }

    #[test]
    fn raw_characters_of_a_query_are_read() {
        let event = read(
            &json!({"rawPath": "/a/../b?c", "rawQueryString": "q=\"<>{}|\\^`&e=%ED%A0%BD&q=2&f=a+b%20c"}),
        );
        assert_eq!(event.path, "/a/../b?c");
        let expected = [("q", "\"<>{}|\\^`"), ("e", "\u{fffd}\u{fffd}\u{fffd}"), ("q", "2"), ("f", "a b c")];
        assert_eq!(event.query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let event = read(&json!({"queryStringParameters": {"limit": 3}}));
        assert_eq!(event.query, [("limit".to_owned(), "3".to_owned())]);
    }

    #[test]
    fn header_that_http_refuses_is_not_missing() {
        let event = read(&json!({"headers": {
            "Idempotency-Key": "a\u{1}b", "X-Name": "é", "no name": "x", "list": ["a"], "number": 1, "none": null,
        }}));
        assert_eq!(event.headers["idempotency-key"].as_bytes(), b"a\xffb");
        assert!(event.headers["idempotency-key"].to_str().is_err());
        assert_eq!(event.headers["x-name"].as_bytes(), "é".as_bytes());
        assert_eq!(
            (event.headers["list"].as_bytes(), event.headers["number"].as_bytes()),
            (&b"[\"a\"]"[..], &b"1"[..])
        );
        assert_eq!(event.headers.len(), 4);
    }

    #[test]
    fn body_keeps_its_bytes() {
        for (event, body) in [
            (json!({"body": "e30=", "isBase64Encoded": true}), &b"{}"[..]),
            (json!({"body": "77u/e30=", "isBase64Encoded": true}), b"\xef\xbb\xbf{}"),
            (json!({"body": "/w==", "isBase64Encoded": true}), b"\xff"),
            (json!({"body": "no base64", "isBase64Encoded": true}), b"no base64"),
            (json!({"body": "\u{feff}{}"}), b"\xef\xbb\xbf{}"),
            (json!({"body": {"a": 1}}), b"{\"a\":1}"),
            (json!({"body": null}), b""),
        ] {
            assert_eq!(read(&event).body, body, "{event}");
        }
        let half = r#"{"body":"\ud83d","rawPath":"\ud83d","requestContext":{"http":{"method":"\ude00"}}}"#;
        let event = Event::new(half, &Context::default());
        assert_eq!(event.body, b"\xed\xa0\xbd");
        assert!(event.path.contains('\u{fffd}') && event.method.contains('\u{fffd}'));
    }

    #[test]
    fn origin_is_what_the_caller_asked() {
        let of = |headers: serde_json::Value| origin(&read(&json!({ "headers": headers })).headers);
        let https = Some("https://api.example.com".to_owned());
        assert_eq!(of(json!({"host": "API.example.com", "x-forwarded-proto": "https"})), https);
        assert_eq!(of(json!({"host": "api.example.com"})), https);
        assert_eq!(of(json!({"host": "127.0.0.1:4566"})).as_deref(), Some("http://127.0.0.1:4566"));
        assert_eq!(of(json!({"host": "[::1]:80"})).as_deref(), Some("http://[::1]:80"));
        for host in ["", "a b", "a/b", "a\"", "user@a", &"a".repeat(256)] {
            assert_eq!(of(json!({ "host": host })), None, "{host}");
        }
        assert_eq!(of(json!({})), None);
    }
}
