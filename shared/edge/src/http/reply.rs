//! Hands a response over to API Gateway (HTTP API, payload format 2.0).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Response, header};
use serde::Serialize;

/// A response in the form that API Gateway takes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    status_code: u16,
    /// A name has one value here: repeated headers are joined.
    headers: BTreeMap<String, String>,
    /// `Set-Cookie` alone cannot be joined. Never left out: `cargo lambda watch` reads no reply without it.
    cookies: Vec<String>,
    body: String,
    is_base64_encoded: bool,
}

impl From<Response<Vec<u8>>> for Reply {
    fn from(response: Response<Vec<u8>>) -> Self {
        let (parts, body) = response.into_parts();
        let (body, is_base64_encoded) = handed_over(body);
        let mut headers = BTreeMap::new();
        for name in parts.headers.keys().filter(|name| *name != header::SET_COOKIE) {
            headers.insert(name.to_string(), values(&parts.headers, name).join(", "));
        }
        let cookies = values(&parts.headers, &header::SET_COOKIE);
        Self { status_code: parts.status.as_u16(), headers, cookies, body, is_base64_encoded }
    }
}

fn values(headers: &HeaderMap, name: &header::HeaderName) -> Vec<String> {
    let all = headers.get_all(name).iter();
    all.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect()
}

/// Returns the body, and whether it is in base64. Text needs no base64, which is a third longer, unless so many of its
/// characters are escaped in a reply that it would be longer still: a reply has 6 MB. The bytes decide, not the headers:
/// any other bytes, or a byte order mark, might be changed on the way.
fn handed_over(body: Vec<u8>) -> (String, bool) {
    let escapes = body.iter().filter(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
    match String::from_utf8(body) {
        Ok(text) if !text.starts_with('\u{feff}') && escapes <= text.len() / 3 + 2 => (text, false),
        Ok(text) => (STANDARD.encode(text), true),
        Err(bytes) => (STANDARD.encode(bytes.as_bytes()), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use serde_json::{Value, json};

    fn sent(headers: &[(&'static str, &'static str)], body: &[u8]) -> Value {
        let mut response = Response::new(body.to_vec());
        for (name, value) in headers {
            response.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        serde_json::to_value(Reply::from(response)).unwrap()
    }

    #[test]
    fn repeated_headers_are_joined() {
        let sent = sent(
            &[("vary", "Accept-Encoding"), ("set-cookie", "a=1"), ("vary", "Origin"), ("set-cookie", "b=2")],
            b"",
        );
        assert_eq!(sent["headers"], json!({"vary": "Accept-Encoding, Origin"}));
        assert_eq!(sent["cookies"], json!(["a=1", "b=2"]));
    }

    #[test]
    fn body_is_base64_only_where_its_bytes_need_it() {
        for (body, text) in [(&b""[..], ""), (b"{}", "{}"), ("é\0".as_bytes(), "é\0")] {
            for headers in [&[("content-type", "text/html")][..], &[("content-encoding", "identity")]] {
                let sent = sent(headers, body);
                assert_eq!((&sent["body"], &sent["isBase64Encoded"]), (&json!(text), &json!(false)));
            }
        }
        let quotes = "\"".repeat(100);
        assert_eq!(
            sent(&[], quotes.as_bytes())["isBase64Encoded"],
            true,
            "shorter than with every quote escaped"
        );
        for body in [&b"\xef\xbb\xbf{}"[..], b"\xff", b"\x1f\x8b", b"\xfe\xff\0a", b"caf\xe9"] {
            let sent = sent(&[("content-type", "text/javascript; charset=utf-8")], body);
            assert_eq!(sent["isBase64Encoded"], true);
            assert_eq!(STANDARD.decode(sent["body"].as_str().unwrap()).unwrap(), body);
        }
    }
}
