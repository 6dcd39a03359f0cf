//! The body and headers of every error response.

use ::http::{Response, StatusCode, header};
use domain::{Error, FieldError, Timestamp, TraceId};
use schemars::JsonSchema;
use serde::Serialize;
use tracing::error;

use crate::api::time::Rfc3339;

/// The body of every answer outside 2xx.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(crate) struct ErrorEnvelope<'a> {
    error: ErrorBody<'a>,
}

/// What is wrong.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ErrorBody<'a> {
    /// For programs.
    code: &'a str,
    /// For people.
    message: String,
    /// All the faults of a request that is not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Vec<FieldErrorBody<'a>>>,
    /// Names the request in the logs; it is also in the header `x-trace-id`.
    trace_id: TraceId,
    /// When it was answered.
    #[schemars(with = "Rfc3339")]
    timestamp: String,
}

/// One fault of a request.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Fault")]
struct FieldErrorBody<'a> {
    /// Where in the body, such as `imageGeneration.count` or `jobs[3].prompt`; empty for the body itself.
    path: &'a str,
    /// What is expected there, for people.
    message: &'a str,
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::Invalid(_) | Error::InvalidVersion(_) => StatusCode::BAD_REQUEST,
        Error::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Unauthorized => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) | Error::DomainNotAllowed => StatusCode::FORBIDDEN,
        Error::NotFound(_) => StatusCode::NOT_FOUND,
        Error::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
        Error::CannotCancel
        | Error::AddonInUse(_)
        | Error::VersionExists
        | Error::IdempotencyInFlight { .. } => StatusCode::CONFLICT,
        Error::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
        Error::IdempotencyMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
        Error::GenerationFailed(_) => StatusCode::BAD_GATEWAY,
        Error::NotReady(_) | Error::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Converts an error into its response. Internal causes are logged and never sent.
pub(crate) fn error_response(error: &Error, trace_id: TraceId) -> Response<Vec<u8>> {
    let (message, details) = match error {
        Error::Invalid(field_errors) | Error::InvalidVersion(field_errors) => {
            let details =
                field_errors.iter().map(|FieldError { path, message }| FieldErrorBody { path, message });
            (error.to_string(), Some(details.collect()))
        }
        Error::Unavailable { cause, .. } => {
            error!(%cause, "a dependency did not answer");
            ("a part of the service does not answer; try again".to_owned(), None)
        }
        Error::Internal { cause } => {
            error!(%cause, "internal error");
            ("an internal error; the trace id names it in the logs".to_owned(), None)
        }
        Error::NotReady(_)
        | Error::TooLarge { .. }
        | Error::Unauthorized
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::MethodNotAllowed { .. }
        | Error::CannotCancel
        | Error::DomainNotAllowed
        | Error::AddonInUse(_)
        | Error::VersionExists
        | Error::PreconditionFailed
        | Error::IdempotencyInFlight { .. }
        | Error::IdempotencyMismatch
        | Error::RateLimited { .. }
        | Error::GenerationFailed(_) => (error.to_string(), None),
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
    let mut response = Response::new(serde_json::to_vec(&envelope).unwrap_or_default());
    *response.status_mut() = status(error);
    let header = match error {
        Error::MethodNotAllowed { allow } => Some((header::ALLOW, allow.join(", "))),
        Error::Unavailable { retry_after, .. }
        | Error::RateLimited { retry_after }
        | Error::IdempotencyInFlight { retry_after } => {
            // Rounded up, so that a client that waits this long is not too early.
            let seconds = retry_after.as_millis().div_ceil(1000).max(1);
            Some((header::RETRY_AFTER, seconds.to_string()))
        }
        // A person has to do something first.
        Error::NotReady(_) => Some((header::RETRY_AFTER, "60".to_owned())),
        Error::Unauthorized => Some((header::WWW_AUTHENTICATE, "Bearer".to_owned())),
        Error::Invalid(_)
        | Error::InvalidVersion(_)
        | Error::TooLarge { .. }
        | Error::Forbidden(_)
        | Error::NotFound(_)
        | Error::CannotCancel
        | Error::DomainNotAllowed
        | Error::AddonInUse(_)
        | Error::VersionExists
        | Error::PreconditionFailed
        | Error::IdempotencyMismatch
        | Error::GenerationFailed(_)
        | Error::Internal { .. } => None,
    };
    if let Some((name, Ok(value))) = header.map(|(name, text)| (name, text.parse())) {
        response.headers_mut().insert(name, value);
    }
    response
}
