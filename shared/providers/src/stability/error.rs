//! Stability's errors and their classes.
//!
//! Its messages are read, but never passed on: they may quote the key or the prompt.

use std::time::Duration;

use domain::providers::{ErrorClass, ProviderError, Reason};
use serde_json::Value;

use crate::call::{Answer, gateway_gave_up};
use crate::own_words::OwnWords;

/// How long Stability locks out an account that sends too many requests, if it does not say so.
const LOCKOUT: Duration = Duration::from_secs(60);

/// v2beta has a list of `errors`, v1 a `message`; no field is assumed to be present or to have the right
/// type.
struct Body {
    /// A code.
    name: String,
    errors: Vec<String>,
    message: String,
    /// The same texts, without what they quote.
    words: Vec<OwnWords>,
}

/// The fields of a request that an error may name.
const FIELDS: [&str; 7] =
    ["prompt", "negative_prompt", "aspect_ratio", "seed", "style_preset", "output_format", "authorization"];

impl Body {
    fn read(body: &[u8], private: &[&str]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let errors: Vec<String> = match &body["errors"] {
            Value::Array(errors) => errors.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Value::String(error) => vec![error.clone()],
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
        };
        let message = text("message");
        let words = errors.iter().chain([&message]).map(|text| OwnWords::of(text, private)).collect();
        Self { name: text("name"), errors, message, words }
    }

    fn mentions(&self, word: &str) -> bool {
        let named = self.name.to_ascii_lowercase().replace('_', " ").contains(word);
        named || self.words.iter().any(|words| words.say(&[word]))
    }

    /// The invalid field, if the text begins with a field's name and a colon.
    fn field(&self) -> Option<&str> {
        let text = self.errors.first().unwrap_or(&self.message);
        let (field, _) = text.split_once(':')?;
        FIELDS.contains(&field).then_some(field)
    }
}

/// The error of an unsuccessful answer, which may quote the `private` words.
pub(super) fn classify(answer: &Answer, private: &[&str]) -> ProviderError {
    let body = Body::read(&answer.body, private);
    let with_pause = |error: ProviderError| match answer.retry_after() {
        Some(after) => error.retry_after(after),
        None => error,
    };
    let caller = |reason, message: String| ProviderError::new(ErrorClass::Caller, reason, message);
    let operator = |reason, message: &str| ProviderError::new(ErrorClass::Operator, reason, message);
    let status = answer.status.as_u16();
    match status {
        400 | 413 => {
            let of = body.field().map(|field| format!(": {field}")).unwrap_or_default();
            caller(Reason::InvalidRequest, format!("Stability does not accept the request{of}"))
        }
        401 => operator(Reason::Auth, "Stability does not accept the key"),
        402 => operator(Reason::QuotaExhausted, "the account at Stability has no credits left"),
        // It makes no images of public figures.
        403 | 422 if body.mentions("moderation") || body.mentions("public figure") => {
            caller(Reason::Moderated, "Stability objects to the content of the prompt".to_owned())
        }
        403 => operator(Reason::Permission, "the account at Stability may not do this"),
        404 => operator(Reason::ModelGone, "Stability has no such model, or is not at this address"),
        422 if body.mentions("language") || body.mentions("english") => {
            caller(Reason::Unsupported, "Stability understands English prompts only".to_owned())
        }
        422 => caller(Reason::InvalidRequest, "Stability cannot make anything of the prompt".to_owned()),
        429 => {
            let message = "Stability was asked too often";
            let after = answer.retry_after().unwrap_or(LOCKOUT);
            ProviderError::new(ErrorClass::Capacity, Reason::RateLimited, message).retry_after(after)
        }
        status if gateway_gave_up(status) => {
            let message = format!("a proxy before Stability gave up ({status})");
            let error = ProviderError::new(ErrorClass::Provider, Reason::GatewayTimeout, message);
            with_pause(error).possibly_paid()
        }
        502 | 503 => {
            let message = format!("Stability or a proxy before it is overloaded ({status})");
            let error = with_pause(ProviderError::new(ErrorClass::Provider, Reason::Overloaded, message));
            // Only 503 means that the request was not passed on.
            if status == 503 { error } else { error.possibly_paid() }
        }
        408 | 409 | 425 | 500.. => {
            // Stability does not charge for failures.
            let message = format!("Stability failed ({status})");
            with_pause(ProviderError::new(ErrorClass::Provider, Reason::Failed, message))
        }
        _ => {
            let message = format!("Stability is not at this address: the answer was {status}");
            operator(Reason::InvalidRequest, &message)
        }
    }
}
