//! The request that a handler gets.

use std::net::{IpAddr, Ipv4Addr};

use domain::access::{Caller, IdempotencyKey, Principal, fingerprint};
use domain::{Error, FieldError, Timestamp, TraceId};
use http::HeaderMap;

use crate::http::event::{Event, origin};
use crate::http::routes::{ROUTES, Route};

/// The header that makes a request safe to repeat.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request that the middleware has admitted.
#[derive(Debug)]
pub struct Request {
    /// Connects the log lines of all functions that work on this request.
    pub trace_id: TraceId,
    /// When this function received the request.
    pub now: Timestamp,
    /// When Lambda ends this invocation.
    pub deadline: Timestamp,
    pub route: &'static Route,
    pub headers: HeaderMap,
    /// At most the route's `body_limit` bytes.
    pub body: Vec<u8>,
    pub(crate) caller: Option<Principal>,
    pub(crate) source: IpAddr,
    path: String,
    path_parameters: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn from_event(event: Event, route: &'static Route, trace_id: TraceId) -> Self {
        Self {
            trace_id,
            now: Timestamp::now(),
            deadline: event.deadline,
            route,
            headers: event.headers,
            body: event.body,
            caller: None,
            source: event.source.unwrap_or(Ipv4Addr::UNSPECIFIED.into()),
            path: event.path,
            path_parameters: event.path_parameters,
            query: event.query,
        }
    }

    /// Returns the authenticated caller.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if there is none, because the endpoint requires no credential.
    pub fn caller(&self) -> Result<&Principal, Error> {
        self.caller.as_ref().ok_or_else(|| Error::internal("the endpoint requires no credential"))
    }

    /// Returns the path parameter `name`.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<&str> {
        value(&self.path_parameters, name)
    }

    /// Returns the query parameter `name`.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        value(&self.query, name)
    }

    /// Returns the URL of the API that the caller asked, such as `https://api.example.com/api/v1`; `None` if
    /// the request does not say it in plain characters.
    #[must_use]
    pub fn base_url(&self) -> Option<String> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let path = self.path.strip_suffix(self.route.path).filter(|path| path.bytes().all(plain))?;
        Some(format!("{}{path}", origin(&self.headers)?))
    }

    /// Returns a header's value; `None` if it is missing or has characters other than visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns a hash of path and body. It distinguishes requests that have the same `Idempotency-Key`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.path, &self.body)
    }

    /// Returns the `Idempotency-Key`, if the caller sent one.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if its value is invalid.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Error> {
        let Some(value) = self.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
        let caller: Caller = self.caller()?.caller.clone();
        // A value that is not text becomes an empty key, which the same rule refuses.
        let key = IdempotencyKey::new(caller, value.to_str().unwrap_or_default());
        key.map(Some).map_err(|invalid| Error::Invalid(vec![FieldError::new("Idempotency-Key", invalid.0)]))
    }

    /// Adds the field errors of the headers to `parsed`, the result of parsing the body, so that one response
    /// reports both.
    ///
    /// # Errors
    ///
    /// The error of `parsed`, or [`Error::Invalid`] with the field errors of body and headers.
    pub fn with_header_faults<T>(&self, parsed: Result<T, Error>) -> Result<T, Error> {
        match (parsed, self.idempotency_key()) {
            // Versions are not all that is invalid any more.
            (
                Err(Error::Invalid(mut field_errors) | Error::InvalidVersion(mut field_errors)),
                Err(Error::Invalid(more)),
            ) => {
                field_errors.extend(more);
                Err(Error::Invalid(field_errors))
            }
            (Ok(_), Err(error)) => Err(error),
            (parsed, _) => parsed,
        }
    }
}

/// Builders for tests of handlers.
impl Request {
    /// Creates a request of `caller` to the first route of `function` with this method.
    ///
    /// # Panics
    ///
    /// If there is no such route.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test of a missing endpoint should fail")]
    pub fn by(caller: Principal, function: &str, method: &str, body: impl Into<Vec<u8>>) -> Self {
        let route = ROUTES.iter().find(|route| route.function == function && route.method == method);
        let route = route.expect("an endpoint");
        let now = Timestamp::now();
        Self {
            trace_id: TraceId::new(),
            now,
            deadline: now + std::time::Duration::from_secs(15),
            route,
            headers: HeaderMap::new(),
            body: body.into(),
            caller: Some(caller),
            source: Ipv4Addr::LOCALHOST.into(),
            path: format!("{}{}", crate::API, route.path),
            path_parameters: Vec::new(),
            query: Vec::new(),
        }
    }

    /// Changes the route to another path of the same function and method.
    ///
    /// # Panics
    ///
    /// If there is no such route.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test of a missing endpoint should fail")]
    pub fn on(mut self, path: &str) -> Self {
        let (function, method) = (self.route.function, self.route.method);
        let here = |route: &&Route| (route.function, route.method, route.path) == (function, method, path);
        self.route = ROUTES.iter().find(here).expect("an endpoint");
        self.path = format!("{}{path}", crate::API);
        self
    }

    /// Adds a path parameter.
    #[must_use]
    pub fn at(mut self, name: &str, value: &str) -> Self {
        self.path_parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn asking(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header; does nothing if `value` is not a valid header value.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.insert(name, value);
        }
        self
    }
}

fn value<'a>(all: &'a [(String, String)], name: &str) -> Option<&'a str> {
    all.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::access::Scope;

    #[test]
    fn faults_of_versions_and_of_headers_are_in_one_error() {
        let caller = testkit::principal("operator", &[Scope::AddonsAdmin]);
        let request = Request::by(caller, "admin-addons", "POST", "");
        let version =
            || Err::<(), _>(Error::InvalidVersion(vec![FieldError::new("version", "must be a version")]));
        assert!(matches!(request.with_header_faults(version()), Err(Error::InvalidVersion(_))));
        let request = request.with(IDEMPOTENCY_KEY, "");
        let Err(Error::Invalid(faults)) = request.with_header_faults(version()) else {
            panic!("a header that is invalid is no fault of a version")
        };
        let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["version", "Idempotency-Key"]);
    }
}
