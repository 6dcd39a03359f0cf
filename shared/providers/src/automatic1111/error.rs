//! The server's errors and their classes.
//!
//! Its messages are read, but never passed on: they may quote the prompt or name its files.

use domain::providers::{ErrorClass, ProviderError, Reason};
use serde_json::Value;

use crate::call::{Answer, gateway_gave_up};
use crate::own_words::OwnWords;

/// The error of an unsuccessful answer, which may quote the `private` words.
pub(super) fn classify(answer: &Answer, private: &[&str]) -> ProviderError {
    // `{"error", "detail", "body", "errors"}`, or `{"detail": [{"loc", "msg", "type"}]}` for a request that
    // does not match the server's schema.
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    let texts = ["error", "detail", "errors"].map(|name| body[name].as_str().unwrap_or_default());
    let words = texts.map(|text| OwnWords::of(text, private));
    let says = |phrase: &str| words.iter().any(|words| words.say(&[phrase]));
    // The name of an exception, which quotes nothing.
    let out_of_memory = texts[0] == "OutOfMemoryError" || says("out of memory");
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
        status if gateway_gave_up(status) => {
            provider(Reason::GatewayTimeout, "a proxy before the server gave up").possibly_paid()
        }
        502 | 503 => provider(Reason::Overloaded, "the server is not there, or overloaded"),
        500.. if out_of_memory => {
            provider(Reason::Overloaded, "the server's graphics card has too little memory free")
        }
        408 | 409 | 425 | 500.. => provider(Reason::Failed, "the server failed"),
        status => {
            let message = format!("the server is not at this address: the answer was {status}");
            operator(Reason::InvalidRequest, &message)
        }
    }
}
