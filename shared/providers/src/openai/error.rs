//! The errors of OpenAI and compatible services, and their classes.
//!
//! Wording changes over time, so the most definite field decides first: the code, then the type, then the
//! status, then the text, in which no word of the caller's counts ([`OwnWords`]). No field is assumed to be present
//! or to have the right type.

use std::time::Duration;

use domain::images::{ContentWarning, Severity, WarningKind};
use domain::providers::{ErrorClass, ProviderError, Reason};
use serde_json::Value;

use crate::call::gateway_gave_up;
use crate::own_words::OwnWords;
use crate::reading::lenient;

/// The pause after an overload where the service asks for none.
const OVERLOAD_PAUSE: Duration = Duration::from_secs(30);
/// The pause after a failure of which the service says not to retry it.
const NO_RETRY_PAUSE: Duration = Duration::from_secs(60);

/// The error in an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) message: String,
    words: OwnWords,
    code: String,
    kind: String,
    /// The moderation categories of the prompt or the image.
    categories: Vec<String>,
    /// The moderation stage: `output` for the image, else the prompt.
    stage: String,
}

/// The class of an error, and its reason.
type Class = (ErrorClass, Reason);

const INVALID: Class = (ErrorClass::Caller, Reason::InvalidRequest);
const MODERATED: Class = (ErrorClass::Caller, Reason::Moderated);
const AUTH: Class = (ErrorClass::Operator, Reason::Auth);
const PERMISSION: Class = (ErrorClass::Operator, Reason::Permission);
const GONE: Class = (ErrorClass::Operator, Reason::ModelGone);
const NO_MONEY: Class = (ErrorClass::Operator, Reason::QuotaExhausted);
const MISDIRECTED: Class = (ErrorClass::Operator, Reason::InvalidRequest);
const LIMITED: Class = (ErrorClass::Capacity, Reason::RateLimited);
const OVERLOADED: Class = (ErrorClass::Capacity, Reason::Overloaded);
const FAILED: Class = (ErrorClass::Provider, Reason::Failed);
const GAVE_UP: Class = (ErrorClass::Provider, Reason::GatewayTimeout);
const USELESS: Class = (ErrorClass::Provider, Reason::BadResponse);

/// The codes and types of an invalid request, where the status does not say it.
const INVALID_REQUEST: [&str; 8] = [
    "invalid_request_error",
    "invalid_request",
    "invalid_prompt",
    "bad_request",
    "BadRequestError",
    "400",
    "413",
    "422",
];

impl ApiError {
    /// Reads the error in `body`, if there is one: `error` as an object or a text, or the body itself. Its
    /// message may quote the `private` words.
    pub(super) fn read(body: &[u8], private: &[&str]) -> Option<Self> {
        let body: Value = lenient::read(body)?;
        let error = match body.get("error") {
            Some(Value::Null) | None => {
                let flat = body.get("object").is_some_and(|object| object == "error");
                let flat = flat || body.get("message").is_some() || body.get("detail").is_some();
                flat.then_some(&body)?
            }
            Some(error) => error,
        };
        if let Value::String(message) = error {
            let words = OwnWords::of(message, private);
            return Some(Self { message: message.clone(), words, ..Self::default() });
        }
        let text = |name| match error.get(name) {
            Some(Value::String(text)) => text.clone(),
            // vLLM's code is a number, the same as the status.
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let message = Some(text("message")).filter(|message| !message.is_empty());
        let message = message.unwrap_or_else(|| text("detail"));
        let details = error.get("moderation_details");
        let listed = details.and_then(|details| details.get("categories")).and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let mut categories: Vec<_> = listed.collect();
        let words = OwnWords::of(&message, private);
        if categories.is_empty() && words.say(&["safety_violations=["]) {
            categories = violations(&message);
        }
        let stage = details.and_then(|details| details.get("moderation_stage")).and_then(Value::as_str);
        let stage = stage.unwrap_or_default().to_owned();
        Some(Self { code: text("code"), kind: text("type"), message, words, categories, stage })
    }

    fn says(&self, phrases: &[&str]) -> bool {
        self.words.say(phrases)
    }

    fn by_code(&self) -> Option<Class> {
        Some(match self.code.as_str() {
            "content_policy_violation" | "moderation_blocked" | "content_filter" => MODERATED,
            "billing_hard_limit_reached"
            | "insufficient_quota"
            | "credit_balance_exhausted"
            | "organization_usage_limit_exceeded"
            | "organization_spend_limit_exceeded"
            | "project_spend_limit_exceeded" => NO_MONEY,
            "invalid_api_key" => AUTH,
            "model_not_found" => GONE,
            "rate_limit_exceeded" | "slow_down" => LIMITED,
            "server_is_overloaded" => OVERLOADED,
            "server_error" => FAILED,
            // The code of a model that is gone, too.
            "invalid_value" => self.by_text().unwrap_or(INVALID),
            "invalid_size" | "unknown_parameter" => INVALID,
            // About fields of a chat, which the operator chooses.
            "unsupported_parameter" | "unsupported_value" => MISDIRECTED,
            _ => return None,
        })
    }

    fn by_type(&self) -> Option<Class> {
        Some(match self.kind.as_str() {
            "content_policy_violation" | "moderation_blocked" | "content_filter" => MODERATED,
            "insufficient_quota" => NO_MONEY,
            "rate_limit_error" => LIMITED,
            "service_unavailable_error" => OVERLOADED,
            "server_error" => FAILED,
            "authentication_error" => AUTH,
            "permission_error" => PERMISSION,
            // Ollama's and vLLM's type for a missing model.
            "not_found_error" | "NotFoundError" => GONE,
            "image_generation_user_error" => self.by_text().unwrap_or(INVALID),
            _ => return None,
        })
    }

    fn by_text(&self) -> Option<Class> {
        if self.says(&["safety system", "content policy", "moderation"]) {
            Some(MODERATED)
        } else if self.says(&["does not exist", "model not found"]) {
            Some(GONE)
        } else if self.says(&["must be verified"]) {
            Some(PERMISSION)
        } else if self.says(&["billing", "quota"]) {
            Some(NO_MONEY)
        } else {
            None
        }
    }

    fn by_status(&self, status: u16) -> Class {
        match status {
            401 => AUTH,
            402 => NO_MONEY,
            403 => PERMISSION,
            404 if self.says(&["model"]) => GONE,
            // A wrong or moved address: not the service that the operator meant.
            300..=399 | 404 | 405 => MISDIRECTED,
            408 => (ErrorClass::Provider, Reason::Timeout),
            status if gateway_gave_up(status) => GAVE_UP,
            429 => LIMITED,
            503 => (ErrorClass::Provider, Reason::Overloaded),
            409 | 500..=599 => FAILED,
            400..=499 => self.by_text().unwrap_or(INVALID),
            _ => self.by_text().unwrap_or(USELESS),
        }
    }

    /// The class of an error in a success. It is about this one answer, which may be paid for, and not about the
    /// service: without a code that blames the request or the account, the answer is of no use.
    fn in_success(&self) -> Class {
        let named = self.by_code().or_else(|| self.by_type());
        let invalid =
            [&self.code, &self.kind].into_iter().any(|word| INVALID_REQUEST.contains(&word.as_str()));
        let by_text = self.by_text().filter(|(class, _)| *class == ErrorClass::Caller);
        match named {
            Some(named @ (ErrorClass::Caller | ErrorClass::Operator, _)) => named,
            Some(_) => USELESS,
            None => by_text.unwrap_or(if invalid { INVALID } else { USELESS }),
        }
    }
}

/// The error of a call that was answered with `status` and `error`. The caller is shown the service's message
/// (`said`, redacted) only if it is about the request; one about the service or the operator's account is for
/// the operator only.
pub(super) fn classify(
    status: u16,
    error: &ApiError,
    said: &str,
    should_retry: Option<bool>,
) -> ProviderError {
    let class = match status {
        200..=299 => error.in_success(),
        _ => error.by_code().or_else(|| error.by_type()).unwrap_or_else(|| error.by_status(status)),
    };
    let (fault, reason) = match (class, should_retry) {
        (INVALID, Some(true)) => FAILED,
        (FAILED, _) if gateway_gave_up(status) => GAVE_UP,
        (class, _) => class,
    };
    let mut message =
        if reason == Reason::Moderated { error.refusal() } else { reason.description().to_owned() };
    message.push_str(&format!(" ({status})"));
    if fault == ErrorClass::Caller && !said.is_empty() {
        message.push_str(": ");
        message.push_str(said);
    }
    let failure = ProviderError::new(fault, reason, message).warnings(error.warnings(reason));
    let failure = match (fault, reason, should_retry) {
        (ErrorClass::Capacity, Reason::Overloaded, _) => failure.retry_after(OVERLOAD_PAUSE),
        (ErrorClass::Provider, _, Some(false)) => failure.retry_after(NO_RETRY_PAUSE),
        _ => failure,
    };
    match (fault, status) {
        (_, 200..=299) => failure.possibly_paid(),
        // A gateway gave up on a service that may still be working, or may have finished.
        (ErrorClass::Provider, 408 | 502) => failure.possibly_paid(),
        (ErrorClass::Provider, status) if gateway_gave_up(status) => failure.possibly_paid(),
        _ => failure,
    }
}

impl ApiError {
    /// The message of a refusal.
    fn refusal(&self) -> String {
        let what = match self.stage.as_str() {
            "output" => "the picture that it made",
            _ => "the prompt",
        };
        if self.categories.is_empty() {
            format!("the provider objects to {what}")
        } else {
            format!("the provider objects to {what}: {}", self.categories.join(", "))
        }
    }

    fn warnings(&self, reason: Reason) -> Vec<ContentWarning> {
        if reason != Reason::Moderated {
            return Vec::new();
        }
        let mut kinds: Vec<_> = self.categories.iter().filter_map(|category| kind(category)).collect();
        kinds.dedup();
        let certain = |kind| ContentWarning { kind, severity: Severity::High, confidence: 1.0 };
        kinds.into_iter().map(certain).collect()
    }
}

/// The warning for a moderation category, if there is one. The message lists every category.
fn kind(category: &str) -> Option<WarningKind> {
    let category = category.to_lowercase();
    let contains_any = |words: &[&str]| words.iter().any(|word| category.contains(word));
    if contains_any(&["sexual", "nudity", "adult", "porn"]) {
        Some(WarningKind::Adult)
    } else if contains_any(&["violen", "gore", "self-harm", "self_harm", "weapon"]) {
        Some(WarningKind::Violence)
    } else if contains_any(&["racy", "suggestive"]) {
        Some(WarningKind::Racy)
    } else if contains_any(&["medical"]) {
        Some(WarningKind::Medical)
    } else if contains_any(&["likeness", "impersonation", "deepfake", "public_figure", "public figure"]) {
        Some(WarningKind::Spoof)
    } else {
        None
    }
}

/// Reads the list at the end of messages such as `… safety_violations=[sexual, violence].`
fn violations(message: &str) -> Vec<String> {
    let list = message.split_once("safety_violations=[").and_then(|(_, rest)| rest.split_once(']'));
    let words = list.map_or("", |(list, _)| list).split(',');
    let words = words.map(|word| word.trim().trim_matches(['\'', '"']));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
