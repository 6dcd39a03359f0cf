//! A request, as far as an endpoint needs it.

use std::net::{IpAddr, Ipv4Addr};

use domain::access::{Caller, IdempotencyKey, Principal, fingerprint};
use domain::{Error, FieldError, Timestamp, TraceId};
use http::HeaderMap;
use lambda_http::RequestExt as _;
use lambda_http::request::RequestContext;

use crate::http::routes::{ROUTES, Route};

/// The longest body that is read, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;

/// The header that makes a request safe to send again.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A request that has been let in.
#[derive(Debug)]
pub struct Request {
    /// Ties the log lines of this request together, in every function that works because of it.
    pub trace_id: TraceId,
    /// When it came.
    pub now: Timestamp,
    /// When Lambda ends this function.
    pub deadline: Timestamp,
    /// Which endpoint it is for.
    pub route: &'static Route,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most [`BODY_LIMIT`](crate::http::request::BODY_LIMIT) bytes.
    pub body: Vec<u8>,
    pub(crate) caller: Option<Principal>,
    pub(crate) source: IpAddr,
    path: String,
    path_parameters: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn from_event(event: lambda_http::Request, route: &'static Route, trace_id: TraceId) -> Self {
        let texts = |map: Option<&lambda_http::aws_lambda_events::query_map::QueryMap>| -> Vec<_> {
            let all = map.into_iter().flat_map(|map| map.iter());
            all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        let path_parameters = texts(event.path_parameters_ref());
        let query = texts(event.query_string_parameters_ref());
        let deadline = event.lambda_context_ref().map_or(0, |context| context.deadline);
        let source = source(&event);
        let path = path(&event).to_owned();
        let (parts, body) = event.into_parts();
        Self {
            trace_id,
            now: Timestamp::now(),
            deadline: Timestamp::from_millis(i64::try_from(deadline).unwrap_or(i64::MAX)),
            route,
            headers: parts.headers,
            body: body.to_vec(),
            caller: None,
            source,
            path,
            path_parameters,
            query,
        }
    }

    /// Who calls.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] where the endpoint lets in whoever shows no credential.
    pub fn caller(&self) -> Result<&Principal, Error> {
        self.caller.as_ref().ok_or_else(|| Error::internal("the endpoint asks for no credential"))
    }

    /// The part of the path that the route calls `name`.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<&str> {
        value(&self.path_parameters, name)
    }

    /// The query's parameter `name`.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        value(&self.query, name)
    }

    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// What tells this request from another that has the same `Idempotency-Key`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.path, &self.body)
    }

    /// The caller's `Idempotency-Key`, if it sent one.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it cannot be one.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Error> {
        let Some(value) = self.headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
        let caller: Caller = self.caller()?.caller.clone();
        // What is no text is refused by the same rule.
        let key = IdempotencyKey::new(caller, value.to_str().unwrap_or_default());
        key.map(Some).map_err(|broken| Error::Invalid(vec![FieldError::new("Idempotency-Key", broken.0)]))
    }

    /// `parsed`, what was read from the body, with what is wrong with the headers told along with
    /// what is wrong with it.
    ///
    /// # Errors
    ///
    /// That of `parsed`, [`Error::Invalid`] with the faults of both.
    pub fn with_header_faults<T>(&self, parsed: Result<T, Error>) -> Result<T, Error> {
        match (parsed, self.idempotency_key()) {
            (Err(Error::Invalid(mut faults)), Err(Error::Invalid(more))) => {
                faults.extend(more);
                Err(Error::Invalid(faults))
            }
            (Ok(_), Err(error)) => Err(error),
            (parsed, _) => parsed,
        }
    }
}

/// For tests of handlers.
impl Request {
    /// A request of `caller` to what `function` serves by `method`.
    ///
    /// # Panics
    ///
    /// If it serves nothing by that method.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test of an endpoint that is not there should fail")]
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

    /// The same to another path that the function serves by that method.
    ///
    /// # Panics
    ///
    /// If it serves none such.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test of an endpoint that is not there should fail")]
    pub fn on(mut self, path: &str) -> Self {
        let (function, method) = (self.route.function, self.route.method);
        let here = |route: &&Route| (route.function, route.method, route.path) == (function, method, path);
        self.route = ROUTES.iter().find(here).expect("an endpoint");
        self.path = format!("{}{path}", crate::API);
        self
    }

    /// The same with a path's parameter.
    #[must_use]
    pub fn at(mut self, name: &str, value: &str) -> Self {
        self.path_parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a query's parameter.
    #[must_use]
    pub fn asking(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a header; left out if `value` cannot be a header's.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.insert(name, value);
        }
        self
    }
}

/// The path as API Gateway matched it. The request's own address lacks it where no address could hold
/// it: API Gateway decodes `%05` before it says what was asked for.
pub(crate) fn path(event: &lambda_http::Request) -> &str {
    match event.raw_http_path() {
        "" => event.uri().path(),
        raw => raw,
    }
}

fn value<'a>(all: &'a [(String, String)], name: &str) -> Option<&'a str> {
    all.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
}

/// The address that API Gateway was called from; nobody's, where it does not say.
fn source(event: &lambda_http::Request) -> IpAddr {
    let text = match event.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    text.and_then(|text| text.parse().ok()).unwrap_or(Ipv4Addr::UNSPECIFIED.into())
}
