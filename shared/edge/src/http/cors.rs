//! CORS: which web pages and browser extensions may read responses.
//!
//! API Gateway's own CORS configuration is one policy for the whole API and does not support a
//! `chrome-extension://` wildcard, so this module implements CORS.

use std::convert::Infallible;
use std::str::FromStr;

use http::header::{self, HeaderMap, HeaderValue};

/// The request headers that a page may send.
pub(crate) const REQUEST_HEADERS: &str =
    "Authorization, Content-Type, Idempotency-Key, If-None-Match, Prefer, X-API-Key, X-Target-Domain";
/// The response headers that a page may read, in addition to those that CORS always exposes.
pub(crate) const EXPOSED: &str = "Content-Length, ETag, Idempotent-Replayed, Location, Preference-Applied, RateLimit, \
     RateLimit-Policy, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Trace-Id, WWW-Authenticate";
/// How long a browser may cache a preflight response, in seconds. Chromium caches it for two hours at most.
const MAX_AGE: &str = "7200";

/// The origins that an operator has configured, separated by commas: `https://app.example.com`,
/// `chrome-extension://<id>`, a whole scheme as in `chrome-extension://*`, any port of a host as in
/// `http://localhost:*`, or `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl FromStr for Origins {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Ok(Self(entries.map(|entry| entry.trim_end_matches('/').to_ascii_lowercase()).collect()))
    }
}

impl Origins {
    /// Allows every origin.
    #[must_use]
    pub fn any() -> Self {
        Self(vec!["*".to_owned()])
    }

    fn allow(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.0.iter().any(|entry| match entry.strip_suffix('*') {
            Some("") => true,
            // A star matches one host or one port, never more of an origin.
            Some(start) => {
                origin.strip_prefix(start).is_some_and(|rest| !rest.is_empty() && !rest.contains(['/', ':']))
            }
            None => *entry == origin,
        })
    }

    /// Adds the CORS headers to a response, if the request's origin is allowed.
    pub(crate) fn open(&self, request: &HeaderMap, response: &mut HeaderMap) {
        response.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = request.get(header::ORIGIN) else { return };
        if origin.to_str().is_ok_and(|origin| self.allow(origin)) {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }

    /// Adds the CORS headers to the response to a preflight, if the request's origin is allowed.
    pub(crate) fn open_preflight(&self, request: &HeaderMap, methods: &str, response: &mut HeaderMap) {
        self.open(request, response);
        if !response.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        response.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
        if let Ok(methods) = methods.parse() {
            response.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        }
        response.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(REQUEST_HEADERS));
        response.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(configured: &str, origin: &str) -> bool {
        configured.parse::<Origins>().unwrap().allow(origin)
    }

    #[test]
    fn only_configured_origins_are_allowed() {
        let own = "https://app.example.com, chrome-extension://abcdef/";
        assert!(allowed(own, "https://app.example.com"));
        assert!(allowed(own, "https://APP.example.com"));
        assert!(allowed(own, "chrome-extension://abcdef"));
        for other in
            ["http://app.example.com", "https://app.example.com.evil.org", "chrome-extension://x", "null", ""]
        {
            assert!(!allowed(own, other), "{other}");
        }
        assert!(!allowed("", "https://app.example.com"));
    }

    #[test]
    fn star_matches_one_host_or_one_port() {
        assert!(allowed("chrome-extension://*", "chrome-extension://abcdef"));
        assert!(!allowed("chrome-extension://*", "moz-extension://abcdef"));
        assert!(allowed("http://localhost:*", "http://localhost:5173"));
        assert!(!allowed("http://localhost:*", "http://localhost.evil.org:1"));
        assert!(!allowed("https://*", "https://a.example:8443"));
        assert!(allowed("*", "https://anything.example"));
    }
}
