//! All error responses of operations, generated from [`Error`].

use std::collections::BTreeSet;
use std::time::Duration;

use domain::access::lacks;
use domain::error::Missing;
use domain::{Error, FieldError, TraceId};
use http::Response;
use serde_json::{Map, Value, json};
use uuid::uuid;

use super::optional::optional;
use super::parts::{self, LIMIT_HEADERS, header};
use super::schemas::Schemas;
use crate::api::addons::publication::CONTENT_LIMIT;
use crate::http::error_response::{ErrorEnvelope, error_response};
use crate::http::routes::BODY_LIMIT;
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
    AddonNotFound,
    DomainNotAllowed,
    CannotCancel,
    AddonInUse,
    VersionExists,
    /// [`VersionExists`](Self::VersionExists) or [`IdempotencyInFlight`](Self::IdempotencyInFlight).
    PublicationConflict,
    PreconditionFailed,
    IdempotencyInFlight,
    IdempotencyMismatch,
    TooLarge,
    /// [`TooLarge`](Self::TooLarge), where an addon is published.
    ContentTooLarge,
    RateLimited,
    Internal,
    GenerationFailed,
    Unavailable,
    /// [`Unavailable`](Self::Unavailable), or the operator must do something first.
    NotReady,
}

impl Problem {
    const ALL: [Self; 24] = [
        Self::Invalid,
        Self::Unauthorized,
        Self::Forbidden,
        Self::JobNotFound,
        Self::BatchNotFound,
        Self::SessionNotFound,
        Self::KeyNotFound,
        Self::WebhookNotFound,
        Self::AddonNotFound,
        Self::DomainNotAllowed,
        Self::CannotCancel,
        Self::AddonInUse,
        Self::VersionExists,
        Self::PublicationConflict,
        Self::PreconditionFailed,
        Self::IdempotencyInFlight,
        Self::IdempotencyMismatch,
        Self::TooLarge,
        Self::ContentTooLarge,
        Self::RateLimited,
        Self::Internal,
        Self::GenerationFailed,
        Self::Unavailable,
        Self::NotReady,
    ];

    /// Returns examples of the error: one for each error that it stands for.
    fn errors(self) -> Vec<Error> {
        let retry_after = Duration::from_secs(17);
        let error = match self {
            Self::PublicationConflict => {
                return vec![Error::VersionExists, Error::IdempotencyInFlight { retry_after }];
            }
            Self::NotReady => {
                let message = "this deployment has no key to sign addons with";
                let unavailable = Error::Unavailable { cause: "".into(), retry_after };
                return vec![unavailable, Error::NotReady(message.into())];
            }
            Self::Invalid => Error::Invalid(vec![FieldError::new("userId", "is required")]),
            Self::Unauthorized => Error::Unauthorized,
            Self::Forbidden => Error::Forbidden("the credential does not act for this userId".into()),
            Self::JobNotFound => Error::NotFound(Missing::Job),
            Self::BatchNotFound => Error::NotFound(Missing::Batch),
            Self::SessionNotFound => Error::NotFound(Missing::Session),
            Self::KeyNotFound => Error::NotFound(Missing::Key),
            Self::WebhookNotFound => Error::NotFound(Missing::Webhook),
            Self::AddonNotFound => Error::NotFound(Missing::Addon),
            Self::DomainNotAllowed => Error::DomainNotAllowed,
            Self::CannotCancel => Error::CannotCancel,
            Self::AddonInUse => Error::AddonInUse("other active addons depend on base: toolbar".into()),
            Self::VersionExists => Error::VersionExists,
            Self::PreconditionFailed => Error::PreconditionFailed,
            Self::IdempotencyInFlight => Error::IdempotencyInFlight { retry_after },
            Self::IdempotencyMismatch => Error::IdempotencyMismatch,
            Self::TooLarge => Error::TooLarge { limit: BODY_LIMIT },
            Self::ContentTooLarge => Error::TooLarge { limit: CONTENT_LIMIT },
            Self::RateLimited => Error::RateLimited { retry_after },
            Self::Internal => Error::internal(""),
            Self::GenerationFailed => {
                Error::GenerationFailed("the chat provider did not answer in time".into())
            }
            Self::Unavailable => Error::Unavailable { cause: "".into(), retry_after },
        };
        vec![error]
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
            Self::AddonNotFound => "No such addon, or no version of it that may be had.",
            Self::DomainNotAllowed => "The addon may not run on that domain.",
            Self::CannotCancel => "The job has ended already.",
            Self::AddonInUse => "Other active addons need it: `message` names them.",
            Self::VersionExists => "The addon has that version already, or had it once.",
            Self::PublicationConflict => {
                "`VERSION_EXISTS`: the addon has that version already, or had it once. `IDEMPOTENCY_CONFLICT`: a \
                 request with the same `Idempotency-Key` is still at work; only then with `Retry-After`."
            }
            Self::PreconditionFailed => "Not what `If-Match` or `If-Unmodified-Since` asks for.",
            Self::IdempotencyInFlight => "A request with the same `Idempotency-Key` is still at work.",
            Self::IdempotencyMismatch => "The `Idempotency-Key` was used with another body.",
            Self::TooLarge => "The body is over 256 KiB.",
            Self::ContentTooLarge => "The content is over 1 MiB.",
            Self::RateLimited => "The caller has had its share of this window.",
            Self::Internal => "A fault of ours.",
            Self::GenerationFailed => "The chat provider failed: no job, and nothing of the message is kept.",
            Self::Unavailable => "A store or a queue did not answer; the same request may pass later.",
            Self::NotReady => {
                "A store did not answer, or the deployment has no key to sign with, which its operator makes; the \
                 same request may pass later."
            }
        }
    }

    /// Returns the responses that the code sends for these errors.
    fn answers(self) -> Vec<Response<Vec<u8>>> {
        self.errors().iter().map(sent).collect()
    }

    /// Returns the response, with the bodies that the code sends for `errors` as its examples.
    fn response(self, errors: &[Error], schema: &Value) -> Value {
        let example = |error: &Error| {
            let mut example: Value = serde_json::from_slice(sent(error).body()).unwrap_or_default();
            example["error"]["timestamp"] = json!("2026-10-01T12:00:00.000Z");
            example
        };
        let content = if let [error] = errors {
            json!({"schema": schema, "example": example(error)})
        } else {
            let named = |error: &Error| {
                let example = example(error);
                let name = example["error"]["message"].as_str().unwrap_or_default().to_owned();
                (name.clone(), json!({"summary": name, "value": example}))
            };
            json!({"schema": schema, "examples": errors.iter().map(named).collect::<Map<_, _>>()})
        };
        let mut description = self.description().to_owned();
        if errors.iter().any(|error| matches!(error, Error::InvalidVersion(_))) {
            description.push_str(" With the code `INVALID_VERSION`, only versions or ranges of versions.");
        }
        json!({
            "description": description,
            "headers": self.headers(),
            "content": {"application/json": content},
        })
    }

    /// Returns the response of `route`: a reference where it is the same for all, and else one whose example
    /// fits the route. `invalid` is what invalid requests to it cause; `schema` replaces the schema of its
    /// errors.
    pub(super) fn of(self, route: &Route, invalid: &[Error], schema: Option<&Value>) -> Value {
        if !self.differs() && schema.is_none() {
            return self.reference();
        }
        let schema = schema.cloned().unwrap_or_else(error_schema);
        if self == Self::Invalid {
            assert!(!invalid.is_empty(), "{}: an example of an invalid request", route.path);
            self.response(invalid, &schema)
        } else if self == Self::Forbidden {
            self.response(&[forbidden(route)], &schema)
        } else {
            self.response(&self.errors(), &schema)
        }
    }

    /// Returns whether each route has a response of its own for this error.
    const fn differs(self) -> bool {
        matches!(self, Self::Invalid | Self::Forbidden)
    }

    /// Returns the status.
    ///
    /// # Panics
    ///
    /// If the errors have different ones.
    pub(super) fn status(self) -> u16 {
        let statuses: BTreeSet<_> = self.answers().iter().map(|answer| answer.status().as_u16()).collect();
        let mut statuses = statuses.into_iter();
        match (statuses.next(), statuses.next()) {
            (Some(status), None) => status,
            other => panic!("{self:?}: {other:?}"),
        }
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
            Self::Forbidden | Self::Internal | Self::Unavailable | Self::NotReady => None,
            Self::Invalid
            | Self::JobNotFound
            | Self::BatchNotFound
            | Self::SessionNotFound
            | Self::KeyNotFound
            | Self::WebhookNotFound
            | Self::AddonNotFound
            | Self::DomainNotAllowed
            | Self::CannotCancel
            | Self::AddonInUse
            | Self::VersionExists
            | Self::PublicationConflict
            | Self::PreconditionFailed
            | Self::IdempotencyInFlight
            | Self::IdempotencyMismatch
            | Self::TooLarge
            | Self::ContentTooLarge
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
                None => optional(described[name].clone()),
            };
            headers.insert(name.to_owned(), value);
        }
        let answers = self.answers();
        for name in ["Retry-After", "WWW-Authenticate"] {
            let has = |answer: &Response<Vec<u8>>| answer.headers().contains_key(name);
            if answers.iter().all(has) {
                headers.insert(name.to_owned(), header(name));
            } else if answers.iter().any(has) {
                headers.insert(name.to_owned(), optional(described[name].clone()));
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
        .map(|problem| (format!("{problem:?}"), problem.response(&problem.errors(), &error_schema())))
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
