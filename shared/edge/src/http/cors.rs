//! CORS: which web pages and browser extensions may read responses.
//!
//! API Gateway's own CORS configuration is one policy for the whole API and does not support a
//! `chrome-extension://` wildcard, so this module implements CORS.

use std::convert::Infallible;
use std::str::FromStr;

use http::header::{self, HeaderMap, HeaderValue};

/// The request headers that a page may send.
pub(crate) const REQUEST_HEADERS: &str = "Authorization, Content-Type, Idempotency-Key, If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since, Prefer, X-API-Key, X-Target-Domain";
/// The response headers that a page may read, in addition to those that CORS always exposes.
pub(crate) const EXPOSED: &str = "Content-Length, ETag, Idempotent-Replayed, Location, Preference-Applied, RateLimit, \
     RateLimit-Policy, Retry-After, X-Addon-Id, X-Addon-Signature, X-Addon-Type, X-Addon-Version, X-Bundle-Id, \
     X-Content-Hash, X-Deprecation-Warning, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Trace-Id, WWW-Authenticate";
/// How long a browser may cache a preflight response, in seconds. Chromium caches it for two hours at most.
const MAX_AGE: &str = "7200";

/// The origins that an operator has configured, separated by commas: `https://app.example.com`,
/// `chrome-extension://<id>`, a whole scheme as in `chrome-extension://*`, any port of a host as in
/// `http://localhost:*`, or `*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    entries: Vec<String>,
    /// Whether the response is the same for all, so that a cache can give it to all.
    everyone: bool,
}

impl FromStr for Origins {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let entries = entries.map(|entry| entry.trim_end_matches('/').to_ascii_lowercase()).collect();
        Ok(Self { entries, everyone: false })
    }
}

impl Origins {
    /// Allows every origin.
    #[must_use]
    pub fn any() -> Self {
        Self { entries: vec!["*".to_owned()], everyone: false }
    }

    /// Allows every origin, and says so in every response, also to a request without an origin: a cache may give it to
    /// a request with one.
    #[must_use]
    pub fn everyone() -> Self {
        Self { everyone: true, ..Self::any() }
    }

    fn allow(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.entries.iter().any(|entry| match entry.strip_suffix('*') {
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
        if self.everyone {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
            return;
        }
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
    fn response_for_everyone_is_the_same_for_all_origins() {
        let (mut without, mut with, mut origin) = (HeaderMap::new(), HeaderMap::new(), HeaderMap::new());
        origin.insert(header::ORIGIN, HeaderValue::from_static("https://a.example"));
        Origins::everyone().open(&HeaderMap::new(), &mut without);
        Origins::everyone().open(&origin, &mut with);
        assert_eq!(with, without);
        assert_eq!(with["access-control-allow-origin"], "*");
        assert!(!with.contains_key("vary"));
        let mut preflight = HeaderMap::new();
        Origins::everyone().open_preflight(&origin, "GET", &mut preflight);
        assert_eq!(preflight["access-control-allow-methods"], "GET");
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
