//! Turns an API Gateway event into a response: the steps that all endpoints share.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::OnceLock;

use ::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use domain::access::{RateLimitStatus, WINDOW};
use domain::primitives::NamedValue as _;
use domain::{Error, Timestamp, TraceId};
use futures_util::FutureExt as _;
use lambda_runtime::{LambdaEvent, service_fn};
use tokio::time::Instant;
use tracing::{Instrument as _, info, info_span};

use crate::http::answer::Answer;
use crate::http::error_response::error_response;
use crate::http::event::{Event, Payload};
use crate::http::middleware::Middleware;
use crate::http::reply::Reply;

pub(crate) use crate::http::request::Request;
use crate::http::routes::{Found, find};

/// Serves the endpoints of `function` until the Lambda environment ends.
///
/// # Errors
///
/// If the Lambda runtime fails. Lambda then starts a new environment.
pub async fn serve<F>(
    function: &'static str,
    middleware: &Middleware<'_>,
    handle: impl Fn(Request) -> F + Sync,
) -> Result<(), lambda_runtime::Error>
where
    F: Future<Output = Result<Answer, Error>> + Send,
{
    let handle = &handle;
    let invoke =
        move |event| async move { Ok::<_, Infallible>(invoke(event, function, middleware, handle).await) };
    lambda_runtime::run(service_fn(invoke)).await
}

/// Answers one invocation.
pub(crate) async fn invoke<F>(
    event: LambdaEvent<Payload>,
    function: &str,
    middleware: &Middleware<'_>,
    handle: impl Fn(Request) -> F,
) -> Reply
where
    F: Future<Output = Result<Answer, Error>>,
{
    let event = Event::new(event.payload.text(), &event.context);
    respond(event, function, middleware, handle).await.into()
}

/// Answers one request. Errors and panics of the handler become error responses.
pub async fn respond<F>(
    event: Event,
    function: &str,
    middleware: &Middleware<'_>,
    handle: impl Fn(Request) -> F,
) -> Response<Vec<u8>>
where
    F: Future<Output = Result<Answer, Error>>,
{
    let trace_id = TraceId::new();
    let started = Instant::now();
    let span = info_span!("request", traceId = %trace_id, requestId = event.invocation);
    async {
        let method = event.method.clone();
        let request_headers = event.headers.clone();
        let preflight = (method == "OPTIONS").then(|| methods(function, &event.path));
        let rate_limit = OnceLock::new();
        let record = |status: RateLimitStatus| _ = rate_limit.set(status);
        let answer = async {
            if preflight.is_some() {
                return Ok(Answer::empty(StatusCode::NO_CONTENT));
            }
            handle(middleware.admit(event, function, trace_id, record).await?).await
        };
        let outcome = AssertUnwindSafe(answer)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| Err(Error::internal("the handler panicked")));
        let mut response = match outcome {
            Ok(answer) => answer.into_response(),
            Err(error) => error_response(&error, trace_id),
        };
        let headers = response.headers_mut();
        if let Some(rate_limit) = rate_limit.get() {
            set_rate_limit_headers(headers, rate_limit);
        }
        match preflight {
            Some(methods) => {
                set(headers, header::ALLOW, &methods);
                middleware.origins().open_preflight(&request_headers, &methods, headers);
            }
            None => middleware.origins().open(&request_headers, headers),
        }
        finish(&mut response, trace_id);
        let status = response.status().as_u16();
        let duration = started.elapsed().as_millis() as u64;
        info!(method, status, durationMs = duration, "answered");
        response
    }
    .instrument(span)
    .await
}

/// Returns the methods that the path allows, for the answer to a CORS preflight.
fn methods(function: &str, path: &str) -> String {
    match find(function, "OPTIONS", path) {
        Found::OtherMethods(methods) => methods.join(", "),
        Found::Route(_) | Found::Nothing => "OPTIONS".to_owned(),
    }
}

fn set(headers: &mut HeaderMap, name: impl ::http::header::IntoHeaderName, value: &str) {
    if let Ok(value) = value.parse() {
        headers.insert(name, value);
    }
}

/// Writes the caller's rate limit status into the common `X-RateLimit-*` headers and into those of
/// draft-ietf-httpapi-ratelimit-headers.
fn set_rate_limit_headers(headers: &mut HeaderMap, rate_limit: &RateLimitStatus) {
    let (name, limit, remaining) = (rate_limit.endpoint.as_str(), rate_limit.limit, rate_limit.remaining());
    let seconds = rate_limit.seconds_left(Timestamp::now());
    set(headers, "x-ratelimit-limit", &limit.to_string());
    set(headers, "x-ratelimit-remaining", &remaining.to_string());
    set(headers, "x-ratelimit-reset", &rate_limit.counted.ends_at.to_string());
    set(headers, "ratelimit-policy", &format!("\"{name}\";q={limit};w={}", WINDOW.as_secs()));
    set(headers, "ratelimit", &format!("\"{name}\";r={remaining};t={seconds}"));
}

/// Adds the headers that every response has. A response to `HEAD` keeps its body: the gateway removes it, and tells its
/// length.
fn finish(response: &mut Response<Vec<u8>>, trace_id: TraceId) {
    let headers = response.headers_mut();
    set(headers, "x-trace-id", &trace_id.to_string());
    let always: [(HeaderName, &str); 3] = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let defaults: [(HeaderName, &str); 3] = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        // If a browser is made to show the response as a page, it must not run or load anything.
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ];
    for (name, value) in defaults {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        response.headers_mut().remove(header::CONTENT_TYPE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::routes::BODY_LIMIT;
    use domain::FieldError;
    use domain::error::Missing;
    use lambda_runtime::Context;
    use serde_json::{Value, json};
    use std::time::Duration;

    type Outcome = fn() -> Result<Answer, Error>;

    async fn send(event: Value, outcome: Outcome) -> Response<Vec<u8>> {
        let event = Event::new(&event.to_string(), &Context::default());
        respond(event, "health", &Middleware::public(), |_| async move { outcome() }).await
    }

    fn event(method: &str) -> Value {
        json!({"rawPath": "/api/v1/health", "requestContext": {"http": {"method": method}}})
    }

    async fn answer(method: &str, outcome: Outcome) -> (u16, HeaderMap, Value) {
        let (parts, body) = send(event(method), outcome).await.into_parts();
        (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    fn unavailable() -> Error {
        Error::Unavailable { cause: "table-secret".into(), retry_after: Duration::from_millis(2001) }
    }

    #[tokio::test]
    async fn error_response_has_one_shape_and_hides_causes() {
        let cases: [(Outcome, u16, &str, Option<&str>); 22] = [
            (
                || Err(Error::Invalid(vec![FieldError::new("prompt", "is required")])),
                400,
                "VALIDATION_ERROR",
                None,
            ),
            (|| Err(Error::TooLarge { limit: 1 }), 413, "PAYLOAD_TOO_LARGE", None),
            (|| Err(Error::Unauthorized), 401, "UNAUTHORIZED", None),
            (|| Err(Error::Forbidden("no".into())), 403, "FORBIDDEN", None),
            (|| Err(Error::NotFound(Missing::Job)), 404, "JOB_NOT_FOUND", None),
            (|| Err(Error::NotFound(Missing::Batch)), 404, "BATCH_NOT_FOUND", None),
            (|| Err(Error::NotFound(Missing::Session)), 404, "SESSION_NOT_FOUND", None),
            (|| Err(Error::NotFound(Missing::Addon)), 404, "ADDON_NOT_FOUND", None),
            (
                || Err(Error::InvalidVersion(vec![FieldError::new("version", "must be a version")])),
                400,
                "INVALID_VERSION",
                None,
            ),
            (|| Err(Error::DomainNotAllowed), 403, "DOMAIN_NOT_ALLOWED", None),
            (|| Err(Error::AddonInUse("b depends on it".into())), 409, "ADDON_IN_USE", None),
            (|| Err(Error::VersionExists), 409, "VERSION_EXISTS", None),
            (|| Err(Error::PreconditionFailed), 412, "PRECONDITION_FAILED", None),
            (|| Err(Error::NotReady("no key".into())), 503, "SERVICE_UNAVAILABLE", Some("60")),
            (|| Err(Error::CannotCancel), 409, "CANNOT_CANCEL", None),
            (
                || Err(Error::IdempotencyInFlight { retry_after: Duration::from_secs(3) }),
                409,
                "IDEMPOTENCY_CONFLICT",
                Some("3"),
            ),
            (|| Err(Error::IdempotencyMismatch), 422, "IDEMPOTENCY_CONFLICT", None),
            (
                || Err(Error::RateLimited { retry_after: Duration::from_millis(1) }),
                429,
                "RATE_LIMITED",
                Some("1"),
            ),
            (|| Err(Error::GenerationFailed("no".into())), 502, "GENERATION_FAILED", None),
            (|| Err(unavailable()), 503, "SERVICE_UNAVAILABLE", Some("3")),
            (|| Err(Error::internal("table-secret")), 500, "INTERNAL_ERROR", None),
            (|| panic!("table-secret"), 500, "INTERNAL_ERROR", None),
        ];
        for (outcome, status, code, retry_after) in cases {
            let (got, headers, body) = answer("GET", outcome).await;
            assert_eq!((got, body["error"]["code"].as_str()), (status, Some(code)));
            assert_eq!(body["error"]["traceId"], headers["x-trace-id"].to_str().unwrap());
            assert!(body["error"]["timestamp"].as_str().unwrap().ends_with('Z'));
            assert!(!body.to_string().contains("table-secret"), "{body}");
            assert_eq!(
                headers.get("retry-after").map(|value| value.to_str().unwrap()),
                retry_after,
                "{code}"
            );
        }
    }

    #[tokio::test]
    async fn other_methods_get_405_and_head_is_answered_like_get() {
        let ok = || Answer::json(StatusCode::OK, &1);
        let (status, headers, body) = answer("POST", ok).await;
        assert_eq!((status, headers["allow"].to_str().unwrap()), (405, "GET, HEAD, OPTIONS"));
        assert_eq!(body["error"]["code"], "METHOD_NOT_ALLOWED");
        let (status, headers, body) = answer("HEAD", ok).await;
        assert_eq!((status, body), (200, json!(1)), "the gateway removes it");
        assert_eq!(headers["content-type"], "application/json");
    }

    #[tokio::test]
    async fn preflight_is_answered_without_handler() {
        let ok = || panic!("a preflight reaches no handler");
        let mut event = event("OPTIONS");
        event["headers"] = json!({"origin": "https://a.example"});
        let answer = send(event, ok).await;
        let headers = answer.headers();
        assert_eq!(answer.status(), 204);
        assert_eq!(headers["access-control-allow-origin"], "https://a.example");
        assert_eq!(headers["access-control-allow-methods"], "GET, HEAD, OPTIONS");
        assert_eq!(headers["vary"], "Origin");
        assert!(!headers.contains_key("content-type"));
    }

    #[tokio::test]
    async fn body_over_limit_never_reaches_handler() {
        let mut event = event("GET");
        event["body"] = " ".repeat(BODY_LIMIT + 1).into();
        assert_eq!(send(event, || panic!("called")).await.status(), 413);
    }

    #[test]
    fn rate_limit_status_is_in_headers() {
        use domain::access::{Counted, Endpoint};
        let counted = Counted { admitted: true, passed: 12, ends_at: Timestamp::now() + WINDOW };
        let mut headers = HeaderMap::new();
        set_rate_limit_headers(
            &mut headers,
            &RateLimitStatus { endpoint: Endpoint::ImagesGenerate, limit: 30, counted },
        );
        assert_eq!(headers["x-ratelimit-limit"], "30");
        assert_eq!(headers["x-ratelimit-remaining"], "18");
        assert_eq!(headers["x-ratelimit-reset"], counted.ends_at.to_string());
        assert_eq!(headers["ratelimit-policy"], "\"/images/generate\";q=30;w=60");
        assert_eq!(headers["ratelimit"], "\"/images/generate\";r=18;t=60");
    }
}
