//! From an API Gateway request to an answer: what every endpoint has in common.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use ::http::{HeaderMap, Method, StatusCode, header};
use domain::{Error, Fault, Timestamp, TraceId};
use futures_util::FutureExt as _;
use lambda_http::{Body, RequestExt as _, Response, service_fn};
use serde::Serialize;
use tracing::{Instrument as _, error, info, info_span};

/// The longest body that is read, in bytes.
pub const BODY_LIMIT: usize = 256 * 1024;

/// A request, as far as an endpoint needs it.
#[derive(Debug)]
pub struct Request {
    /// Ties the log lines of this request together, in every function that works because of it.
    pub trace_id: TraceId,
    /// When it came.
    pub now: Timestamp,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, at most [`BODY_LIMIT`] bytes.
    pub body: Vec<u8>,
    path_parameters: Vec<(String, String)>,
}

impl Request {
    /// A request for tests of handlers.
    #[must_use]
    pub fn new(headers: HeaderMap, body: Vec<u8>, path_parameters: Vec<(String, String)>) -> Self {
        Self { trace_id: TraceId::new(), now: Timestamp::now(), headers, body, path_parameters }
    }

    /// The part of the path that the route calls `name`.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<&str> {
        self.path_parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// An answer other than an error.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Headers beyond those of every answer.
    pub headers: HeaderMap,
    /// Its body as JSON.
    pub body: Vec<u8>,
}

impl Answer {
    /// An answer whose body is `value`.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] if `value` has no JSON form.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(value).map_err(Error::internal)?;
        Ok(Self { status, headers: HeaderMap::new(), body })
    }

    /// The same answer with one header more; left out if `value` cannot be a header's.
    #[must_use]
    pub fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.insert(name, value);
        }
        self
    }
}

/// Serves one endpoint for good. `methods` are what its path takes; any other is answered with 405,
/// for API Gateway routes every method of a path here and has no such answer of its own.
///
/// # Errors
///
/// If the Lambda runtime fails; the environment is then started anew.
pub async fn serve<F>(
    methods: &'static [&'static str],
    handle: impl Fn(Request) -> F + Sync,
) -> Result<(), lambda_http::Error>
where
    F: Future<Output = Result<Answer, Error>> + Send,
{
    let handle = &handle;
    lambda_http::run(service_fn(move |event: lambda_http::Request| async move {
        Ok::<_, Infallible>(respond(event, methods, handle).await)
    }))
    .await
}

/// One request, whatever becomes of it.
pub async fn respond<F>(
    event: lambda_http::Request,
    methods: &'static [&'static str],
    handle: impl Fn(Request) -> F,
) -> Response<Body>
where
    F: Future<Output = Result<Answer, Error>>,
{
    let trace_id = TraceId::new();
    let started = Instant::now();
    let span = info_span!("request", traceId = %trace_id, requestId = %event.lambda_context().request_id);
    async {
        let method = event.method().clone();
        let outcome = AssertUnwindSafe(async { handle(admit(event, trace_id, methods)?).await })
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(Error::internal("the handler panicked")));
        let mut response = match outcome {
            Ok(answer) => {
                let mut response = Response::new(Body::from(answer.body));
                *response.status_mut() = answer.status;
                *response.headers_mut() = answer.headers;
                response
            }
            Err(error) => refusal(&error, trace_id),
        };
        finish(&mut response, trace_id, &method);
        let status = response.status().as_u16();
        let duration = started.elapsed().as_millis() as u64;
        info!(method = %method, status, durationMs = duration, "answered");
        response
    }
    .instrument(span)
    .await
}

fn admit(
    event: lambda_http::Request,
    trace_id: TraceId,
    methods: &'static [&'static str],
) -> Result<Request, Error> {
    let allowed = match event.method() {
        &Method::HEAD => methods.contains(&"GET"),
        method => methods.contains(&method.as_str()),
    };
    if !allowed {
        return Err(Error::MethodNotAllowed { allow: methods });
    }
    let path_parameters =
        event.path_parameters().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let (parts, body) = event.into_parts();
    if body.len() > BODY_LIMIT {
        return Err(Error::TooLarge { limit: BODY_LIMIT });
    }
    Ok(Request {
        trace_id,
        now: Timestamp::now(),
        headers: parts.headers,
        body: body.to_vec(),
        path_parameters,
    })
}

#[derive(Serialize)]
struct ErrorEnvelope<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    code: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Vec<FaultBody<'a>>>,
    trace_id: TraceId,
    timestamp: String,
}

#[derive(Serialize)]
struct FaultBody<'a> {
    path: &'a str,
    message: &'a str,
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::Invalid(_) => StatusCode::BAD_REQUEST,
        Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Unauthorized => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
        Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer to a request that was not carried out. What went wrong inside goes to the log alone.
fn refusal(error: &Error, trace_id: TraceId) -> Response<Body> {
    let (message, details) = match error {
        Error::Invalid(faults) => {
            let details = faults.iter().map(|Fault { path, message }| FaultBody { path, message });
            (error.to_string(), Some(details.collect()))
        }
        Error::Unavailable { cause, .. } => {
            error!(cause, "a dependency did not answer");
            ("a part of the service does not answer; try again".to_owned(), None)
        }
        Error::Internal { cause } => {
            error!(cause, "internal error");
            ("an internal error; the trace id names it in the logs".to_owned(), None)
        }
        Error::TooLarge { .. }
        | Error::Unauthorized
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::MethodNotAllowed { .. } => (error.to_string(), None),
    };
    let envelope = ErrorEnvelope {
        error: ErrorBody {
            code: error.code(),
            message,
            details,
            trace_id,
            timestamp: Timestamp::now().to_string(),
        },
    };
    let body = serde_json::to_vec(&envelope).unwrap_or_default();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status(error);
    let header = match error {
        Error::MethodNotAllowed { allow } => Some((header::ALLOW, allow.join(", "))),
        Error::Unavailable { retry_after, .. } => {
            Some((header::RETRY_AFTER, retry_after.as_secs().max(1).to_string()))
        }
        Error::Unauthorized => Some((header::WWW_AUTHENTICATE, "Bearer".to_owned())),
        Error::Invalid(_)
        | Error::TooLarge { .. }
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::Internal { .. } => None,
    };
    if let Some((name, Ok(value))) = header.map(|(name, text)| (name, text.parse())) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// What every answer carries.
fn finish(response: &mut Response<Body>, trace_id: TraceId, method: &Method) {
    let headers = response.headers_mut();
    if let Ok(value) = trace_id.to_string().parse() {
        headers.insert("x-trace-id", value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, header::HeaderValue::from_static("nosniff"));
    for (name, value) in [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")] {
        if !headers.contains_key(&name) {
            headers.insert(name, header::HeaderValue::from_static(value));
        }
    }
    if method == Method::HEAD {
        *response.body_mut() = Body::Empty;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::error::Missing;
    use std::time::Duration;

    type Outcome = fn() -> Result<Answer, Error>;

    async fn answer(method: &str, outcome: Outcome) -> (u16, HeaderMap, serde_json::Value) {
        let event = ::http::Request::builder().method(method).uri("/x").body(Body::Empty).unwrap();
        let event = event.with_lambda_context(lambda_http::Context::default());
        let response = respond(event, &["GET"], |_| async move { outcome() }).await;
        let (parts, body) = response.into_parts();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    #[tokio::test]
    async fn every_error_has_the_same_shape_and_tells_nothing_of_the_inside() {
        let cases: [(Outcome, u16, &str); 8] = [
            (|| Err(Error::Invalid(vec![Fault::new("prompt", "is required")])), 400, "VALIDATION_ERROR"),
            (|| Err(Error::TooLarge { limit: 1 }), 413, "PAYLOAD_TOO_LARGE"),
            (|| Err(Error::Unauthorized), 401, "UNAUTHORIZED"),
            (|| Err(Error::Forbidden("no")), 403, "FORBIDDEN"),
            (|| Err(Error::NotFound(Missing::Job)), 404, "JOB_NOT_FOUND"),
            (
                || {
                    Err(Error::Unavailable {
                        cause: "table-secret".into(),
                        retry_after: Duration::from_secs(3),
                    })
                },
                503,
                "SERVICE_UNAVAILABLE",
            ),
            (|| Err(Error::internal("table-secret")), 500, "INTERNAL_ERROR"),
            (|| panic!("table-secret"), 500, "INTERNAL_ERROR"),
        ];
        for (outcome, status, code) in cases {
            let (got, headers, body) = answer("GET", outcome).await;
            assert_eq!((got, body["error"]["code"].as_str()), (status, Some(code)));
            assert_eq!(body["error"]["traceId"], headers["x-trace-id"].to_str().unwrap());
            assert!(body["error"]["timestamp"].as_str().unwrap().ends_with('Z'));
            assert!(!body.to_string().contains("table-secret"), "{body}");
            assert_eq!(headers.contains_key("retry-after"), status == 503);
        }
    }

    #[tokio::test]
    async fn other_methods_are_refused_and_head_is_a_get_without_a_body() {
        let ok = || Answer::json(StatusCode::OK, &1);
        let (status, headers, body) = answer("POST", ok).await;
        assert_eq!((status, headers["allow"].to_str().unwrap()), (405, "GET"));
        assert_eq!(body["error"]["code"], "METHOD_NOT_ALLOWED");
        let (status, _, body) = answer("HEAD", ok).await;
        assert_eq!((status, body), (200, serde_json::Value::Null));
    }

    #[tokio::test]
    async fn a_body_over_the_limit_never_reaches_the_handler() {
        let event =
            ::http::Request::builder().method("GET").body(Body::from(vec![b' '; BODY_LIMIT + 1])).unwrap();
        let event = event.with_lambda_context(lambda_http::Context::default());
        let response = respond(event, &["GET"], |_| async { panic!("called") }).await;
        assert_eq!(response.status(), 413);
    }
}
