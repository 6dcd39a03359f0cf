//! All error responses of operations, generated from [`Error`].

use std::time::Duration;

use domain::access::lacks;
use domain::error::Missing;
use domain::{Error, FieldError, TraceId};
use http::Response;
use serde_json::{Map, Value, json};
use uuid::uuid;

use super::parts::{self, LIMIT_HEADERS, header};
use super::schemas::Schemas;
use crate::http::error_response::{ErrorEnvelope, error_response};
use crate::http::request::BODY_LIMIT;
use crate::http::routes::{Access, Route};

/// An error response. Its name is the name of the component in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    Invalid,
    Unauthorized,
    Forbidden,
    JobNotFound,
    BatchNotFound,
    SessionNotFound,
    KeyNotFound,
    WebhookNotFound,
    CannotCancel,
    IdempotencyInFlight,
    IdempotencyMismatch,
    TooLarge,
    RateLimited,
    Internal,
    GenerationFailed,
    Unavailable,
}

impl Problem {
    const ALL: [Self; 16] = [
        Self::Invalid,
        Self::Unauthorized,
        Self::Forbidden,
        Self::JobNotFound,
        Self::BatchNotFound,
        Self::SessionNotFound,
        Self::KeyNotFound,
        Self::WebhookNotFound,
        Self::CannotCancel,
        Self::IdempotencyInFlight,
        Self::IdempotencyMismatch,
        Self::TooLarge,
        Self::RateLimited,
        Self::Internal,
        Self::GenerationFailed,
        Self::Unavailable,
    ];

    /// Returns an example of the error.
    fn error(self) -> Error {
        let retry_after = Duration::from_secs(17);
        match self {
            Self::Invalid => Error::Invalid(vec![FieldError::new("userId", "is required")]),
            Self::Unauthorized => Error::Unauthorized,
            Self::Forbidden => Error::Forbidden("the credential does not act for this userId".into()),
            Self::JobNotFound => Error::NotFound(Missing::Job),
            Self::BatchNotFound => Error::NotFound(Missing::Batch),
            Self::SessionNotFound => Error::NotFound(Missing::Session),
            Self::KeyNotFound => Error::NotFound(Missing::Key),
            Self::WebhookNotFound => Error::NotFound(Missing::Webhook),
            Self::CannotCancel => Error::CannotCancel,
            Self::IdempotencyInFlight => Error::IdempotencyInFlight { retry_after },
            Self::IdempotencyMismatch => Error::IdempotencyMismatch,
            Self::TooLarge => Error::TooLarge { limit: BODY_LIMIT },
            Self::RateLimited => Error::RateLimited { retry_after },
            Self::Internal => Error::internal(""),
            Self::GenerationFailed => {
                Error::GenerationFailed("the chat provider did not answer in time".into())
            }
            Self::Unavailable => Error::Unavailable { cause: "".into(), retry_after },
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Invalid => "The request breaks rules: `details` names all that it breaks.",
            Self::Unauthorized => "No credential, or one that is malformed, unknown, revoked or expired.",
            Self::Forbidden => "The credential lacks a scope, or does not act for the body's `userId`.",
            Self::JobNotFound => "No such job, or not the caller's.",
            Self::BatchNotFound => "No such batch, or not the caller's.",
            Self::SessionNotFound => "No such session, or not the caller's.",
            Self::KeyNotFound => "No such key, or not the caller's.",
            Self::WebhookNotFound => {
                "No such webhook of that job; with the code `JOB_NOT_FOUND`, no such job, or not the caller's."
            }
            Self::CannotCancel => "The job has ended already.",
            Self::IdempotencyInFlight => "A request with the same `Idempotency-Key` is still at work.",
            Self::IdempotencyMismatch => "The `Idempotency-Key` was used with another body.",
            Self::TooLarge => "The body is over 256 KiB.",
            Self::RateLimited => "The caller has had its share of this window.",
            Self::Internal => "A fault of ours.",
            Self::GenerationFailed => "The chat provider failed: no job, and nothing of the message is kept.",
            Self::Unavailable => "A store or a queue did not answer; the same request may pass later.",
        }
    }

    /// Returns the response that the code sends for this error.
    fn answer(self) -> Response<Vec<u8>> {
        sent(&self.error())
    }

    /// Returns the response, with the body that the code sends for `error` as its example.
    pub(super) fn response(self, error: &Error, schema: &Value) -> Value {
        let mut example: Value = serde_json::from_slice(sent(error).body()).unwrap_or_default();
        example["error"]["timestamp"] = json!("2026-10-01T12:00:00.000Z");
        json!({
            "description": self.description(),
            "headers": self.headers(),
            "content": {"application/json": {"schema": schema, "example": example}},
        })
    }

    /// Returns the response of `route`: a reference where it is the same for all, and else one whose example
    /// fits the route. `invalid` is what an invalid request to it causes; `schema` replaces the schema of its
    /// errors.
    pub(super) fn of(self, route: &Route, invalid: Option<&Error>, schema: Option<&Value>) -> Value {
        if !self.differs() && schema.is_none() {
            return self.reference();
        }
        let error = if self == Self::Invalid {
            invalid.unwrap_or_else(|| panic!("{}: an example of an invalid request", route.path))
        } else if self == Self::Forbidden {
            &forbidden(route)
        } else {
            &self.error()
        };
        self.response(error, schema.unwrap_or(&error_schema()))
    }

    /// Returns whether each route has a response of its own for this error.
    const fn differs(self) -> bool {
        matches!(self, Self::Invalid | Self::Forbidden)
    }

    pub(super) fn status(self) -> u16 {
        self.answer().status().as_u16()
    }

    /// Returns a reference to the response.
    fn reference(self) -> Value {
        json!({"$ref": format!("#/components/responses/{self:?}")})
    }

    /// Returns whether a rate limit has counted the request before this error: always (`Some(true)`), never
    /// (`Some(false)`) or sometimes (`None`).
    const fn counted(self) -> Option<bool> {
        match self {
            Self::Unauthorized => Some(false),
            Self::Forbidden | Self::Internal | Self::Unavailable => None,
            Self::Invalid
            | Self::JobNotFound
            | Self::BatchNotFound
            | Self::SessionNotFound
            | Self::KeyNotFound
            | Self::WebhookNotFound
            | Self::CannotCancel
            | Self::IdempotencyInFlight
            | Self::IdempotencyMismatch
            | Self::TooLarge
            | Self::RateLimited
            | Self::GenerationFailed => Some(true),
        }
    }

    fn headers(self) -> Map<String, Value> {
        let mut headers = Map::from_iter([("x-trace-id".to_owned(), header("x-trace-id"))]);
        let described = parts::headers();
        for name in LIMIT_HEADERS {
            let value = match self.counted() {
                Some(true) => header(name),
                Some(false) => continue,
                None => parts::optional(described[name].clone()),
            };
            headers.insert(name.to_owned(), value);
        }
        let answer = self.answer();
        for name in ["Retry-After", "WWW-Authenticate"] {
            if answer.headers().contains_key(name) {
                headers.insert(name.to_owned(), header(name));
            }
        }
        headers
    }
}

/// Returns the responses of all errors.
pub(super) fn responses(schemas: &mut Schemas) -> Map<String, Value> {
    assert_eq!(schemas.answer::<ErrorEnvelope<'_>>(), error_schema());
    let shared = Problem::ALL.into_iter().filter(|problem| !problem.differs());
    shared
        .map(|problem| (format!("{problem:?}"), problem.response(&problem.error(), &error_schema())))
        .collect()
}

fn error_schema() -> Value {
    json!({"$ref": "#/components/schemas/Error"})
}

fn sent(error: &Error) -> Response<Vec<u8>> {
    error_response(error, TraceId::from_uuid(uuid!("0190b8a0-0000-7000-8000-00000000000f")))
}

fn forbidden(route: &Route) -> Error {
    match route.access {
        Access::Scope(scope) => lacks(scope),
        Access::Public | Access::Optional | Access::Credential => {
            Error::Forbidden("only an API key can be exchanged for a token".into())
        }
    }
}
