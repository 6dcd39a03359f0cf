//! What OpenAI and its like say when they do not do as asked, and whose fault that is.
//!
//! Words drift, so the most definite is looked at first: the code, then the type, then the status,
//! then the text. Nothing is taken to be there, or to have the type that it should have.

use std::time::Duration;

use domain::provider::{ContentWarning, FaultOf, ProviderError, Reason, Severity, WarningKind};
use serde_json::Value;

/// How long an overloaded service is left alone that does not say for how long.
const BREATHER: Duration = Duration::from_secs(30);
/// How long one is left alone that has failed and says that it is of no use to ask it again.
const NO_USE: Duration = Duration::from_secs(60);

/// What a failed call was answered with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) message: String,
    code: String,
    kind: String,
    /// What the service objects to in the prompt or the picture.
    categories: Vec<String>,
    /// In which of the two.
    stage: String,
}

type Verdict = (FaultOf, Reason);

const INVALID: Verdict = (FaultOf::Caller, Reason::InvalidRequest);
const MODERATED: Verdict = (FaultOf::Caller, Reason::Moderated);
const AUTH: Verdict = (FaultOf::Operator, Reason::Auth);
const PERMISSION: Verdict = (FaultOf::Operator, Reason::Permission);
const GONE: Verdict = (FaultOf::Operator, Reason::ModelGone);
const NO_MONEY: Verdict = (FaultOf::Operator, Reason::QuotaExhausted);
const MISDIRECTED: Verdict = (FaultOf::Operator, Reason::InvalidRequest);
const LIMITED: Verdict = (FaultOf::Capacity, Reason::RateLimited);
const OVERLOADED: Verdict = (FaultOf::Capacity, Reason::Overloaded);
const FAILED: Verdict = (FaultOf::Provider, Reason::Failed);

impl Complaint {
    /// What `body` complains of, if it does: `error` as an object or a text, or as the body itself.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).ok()?;
        let error = match body.get("error") {
            Some(Value::Null) | None => {
                let flat = body.get("object").is_some_and(|object| object == "error");
                let flat = flat || body.get("message").is_some() || body.get("detail").is_some();
                flat.then_some(&body)?
            }
            Some(error) => error,
        };
        if let Value::String(message) = error {
            return Some(Self { message: message.clone(), ..Self::default() });
        }
        let text = |name| match error.get(name) {
            Some(Value::String(text)) => text.clone(),
            // vLLM's code is a number: the status once more.
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let message = Some(text("message")).filter(|message| !message.is_empty());
        let message = message.unwrap_or_else(|| text("detail"));
        let details = error.get("moderation_details");
        let listed = details.and_then(|details| details.get("categories")).and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let mut categories: Vec<_> = listed.collect();
        if categories.is_empty() {
            categories = violations(&message);
        }
        let stage = details.and_then(|details| details.get("moderation_stage")).and_then(Value::as_str);
        let stage = stage.unwrap_or_default().to_owned();
        Some(Self { code: text("code"), kind: text("type"), message, categories, stage })
    }

    fn says(&self, words: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        words.iter().any(|word| message.contains(word))
    }

    fn by_code(&self) -> Option<Verdict> {
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
            // A model that is gone is told of by this code too.
            "invalid_value" => self.by_text().unwrap_or(INVALID),
            "invalid_size" | "unknown_parameter" => INVALID,
            // Of a chat's fields, which the operator chooses.
            "unsupported_parameter" | "unsupported_value" => MISDIRECTED,
            _ => return None,
        })
    }

    fn by_type(&self) -> Option<Verdict> {
        Some(match self.kind.as_str() {
            "insufficient_quota" => NO_MONEY,
            "rate_limit_error" => LIMITED,
            "service_unavailable_error" => OVERLOADED,
            "server_error" => FAILED,
            "authentication_error" => AUTH,
            "permission_error" => PERMISSION,
            // Ollama's and vLLM's, of a model that is not there.
            "not_found_error" | "NotFoundError" => GONE,
            "image_generation_user_error" => self.by_text().unwrap_or(INVALID),
            _ => return None,
        })
    }

    fn by_text(&self) -> Option<Verdict> {
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

    fn by_status(&self, status: u16) -> Verdict {
        match status {
            401 => AUTH,
            402 => NO_MONEY,
            403 => PERMISSION,
            404 if self.says(&["model"]) => GONE,
            // No such address, or another one: it is not the service that the operator took it for.
            300..=399 | 404 | 405 => MISDIRECTED,
            408 | 504 => (FaultOf::Provider, Reason::Timeout),
            429 => LIMITED,
            503 => (FaultOf::Provider, Reason::Overloaded),
            409 | 500..=599 => FAILED,
            400..=499 => self.by_text().unwrap_or(INVALID),
            _ => self.by_text().unwrap_or((FaultOf::Provider, Reason::BadResponse)),
        }
    }
}

/// What a call came to that was answered with `status` and `complaint`. Of what the service `said`
/// a caller is shown what is about his request; of itself and the operator's account it speaks to
/// the operator alone.
pub(super) fn explain(
    status: u16,
    complaint: &Complaint,
    said: &str,
    should_retry: Option<bool>,
) -> ProviderError {
    let verdict = complaint.by_code().or_else(|| complaint.by_type());
    let (fault, reason) = match (verdict.unwrap_or_else(|| complaint.by_status(status)), should_retry) {
        (INVALID, Some(true)) => FAILED,
        (verdict, _) => verdict,
    };
    let mut message =
        if reason == Reason::Moderated { complaint.objection() } else { meaning(reason).to_owned() };
    message.push_str(&format!(" ({status})"));
    if fault == FaultOf::Caller && !said.is_empty() {
        message.push_str(": ");
        message.push_str(said);
    }
    let failure = ProviderError::new(fault, reason, message).warnings(complaint.warnings(reason));
    let failure = match (fault, reason, should_retry) {
        (FaultOf::Capacity, Reason::Overloaded, _) => failure.retry_after(BREATHER),
        (FaultOf::Provider, _, Some(false)) => failure.retry_after(NO_USE),
        _ => failure,
    };
    match (fault, status) {
        // A gateway gave up on a service that may still be at work, or may have done it.
        (FaultOf::Provider, 408 | 502 | 504 | 520 | 524) => failure.maybe_paid(),
        _ => failure,
    }
}

fn meaning(reason: Reason) -> &'static str {
    match reason {
        Reason::InvalidRequest => "the provider calls the request wrong",
        Reason::Auth => "the provider does not accept the operator's key",
        Reason::Permission => "the operator's account may not do this",
        Reason::ModelGone => "the model does not exist, or not any more",
        Reason::QuotaExhausted => "the operator's account has no money, or has used what it may",
        Reason::RateLimited => "the provider takes no more requests at present",
        Reason::Overloaded => "the provider has too much to do",
        Reason::Timeout => "the provider did not answer in time",
        Reason::BadResponse => "the provider's answer is of no use",
        Reason::Unsupported | Reason::Moderated | Reason::Failed | Reason::NoAnswer | Reason::Waiting => {
            "the provider failed"
        }
    }
}

impl Complaint {
    /// The refusal in words.
    fn objection(&self) -> String {
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

/// Our word for what a service objects to, where we have one; all of them stand in the message.
fn kind(category: &str) -> Option<WarningKind> {
    let category = category.to_lowercase();
    let holds = |words: &[&str]| words.iter().any(|word| category.contains(word));
    if holds(&["sexual", "nudity", "adult", "porn"]) {
        Some(WarningKind::Adult)
    } else if holds(&["violen", "gore", "self-harm", "self_harm", "weapon"]) {
        Some(WarningKind::Violence)
    } else if holds(&["racy", "suggestive"]) {
        Some(WarningKind::Racy)
    } else if holds(&["medical"]) {
        Some(WarningKind::Medical)
    } else if holds(&["likeness", "impersonation", "deepfake", "public_figure", "public figure"]) {
        Some(WarningKind::Spoof)
    } else {
        None
    }
}

/// The list that ends messages such as `… safety_violations=[sexual, violence].`
fn violations(message: &str) -> Vec<String> {
    let list = message.split_once("safety_violations=[").and_then(|(_, rest)| rest.split_once(']'));
    let words = list.map_or("", |(list, _)| list).split(',');
    let words = words.map(|word| word.trim().trim_matches(['\'', '"']));
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
