//! The server's errors and their classes.
//!
//! Its messages are read, but never passed on: they may quote the prompt or name its files.

use domain::providers::{ErrorClass, ProviderError, Reason};
use serde_json::Value;

use crate::call::Answer;

/// The error of an unsuccessful answer.
pub(super) fn classify(answer: &Answer) -> ProviderError {
    // `{"error", "detail", "body", "errors"}`, or `{"detail": [{"loc", "msg", "type"}]}` for a request that
    // does not match the server's schema.
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let says = |word: &str| {
        let texts = ["error", "detail", "errors"].map(|name| body[name].as_str().unwrap_or_default());
        texts.iter().any(|text| text.to_ascii_lowercase().contains(word))
    };
    let operator = |reason, message: &str| ProviderError::new(ErrorClass::Operator, reason, message);
    let provider = |reason, message: &str| {
        let error = ProviderError::new(ErrorClass::Provider, reason, message);
        match answer.retry_after() {
            Some(after) => error.retry_after(after),
            None => error,
        }
    };
    match answer.status.as_u16() {
        401 | 403 => operator(Reason::Auth, "the server does not accept the user and password"),
        404 if says("model") || says("checkpoint") => {
            operator(Reason::ModelGone, "the server does not have the checkpoint that is configured")
        }
        404 if says("sampler") => {
            operator(Reason::InvalidRequest, "the server does not have the sampler that is configured")
        }
        404 | 405 => operator(Reason::InvalidRequest, "the server does not offer its API: it needs --api"),
        422 if body["detail"].is_array() => operator(
            Reason::InvalidRequest,
            "the server does not understand the request: its version may differ",
        ),
        422 => operator(Reason::InvalidRequest, "the server does not have what the request asks for"),
        429 => {
            let error = ProviderError::new(
                ErrorClass::Capacity,
                Reason::RateLimited,
                "the server, or a proxy before it, was asked too often",
            );
            match answer.retry_after() {
                Some(after) => error.retry_after(after),
                None => error,
            }
        }
        502..=504 => provider(Reason::Overloaded, "the server is not there, or overloaded"),
        500.. if says("outofmemory") || says("out of memory") => {
            provider(Reason::Overloaded, "the server's graphics card has too little memory free")
        }
        408 | 409 | 425 | 500.. => provider(Reason::Failed, "the server failed"),
        status => {
            let message = format!("the server is not at this address: the answer was {status}");
            operator(Reason::InvalidRequest, &message)
        }
    }
}
