//! A task as the proxy tells of it, in the several dialects of proxies.

use domain::provider::{FaultOf, ProviderError, Reason};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

/// What the proxy says of a task. Nothing of it can be relied upon to be there.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Task {
    #[serde(deserialize_with = "text")]
    pub(super) id: String,
    #[serde(deserialize_with = "text")]
    action: String,
    #[serde(deserialize_with = "text")]
    status: String,
    #[serde(deserialize_with = "text")]
    progress: String,
    #[serde(deserialize_with = "text")]
    state: String,
    #[serde(deserialize_with = "text")]
    image_url: String,
    #[serde(deserialize_with = "text")]
    fail_reason: String,
    #[serde(deserialize_with = "number")]
    pub(super) submit_time: Option<i64>,
}

/// Text, also where a number stands for it; else nothing.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    })
}

fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(Value::deserialize(from)?.as_i64())
}

/// How a task stands.
#[derive(Debug)]
pub(super) enum Standing {
    /// It is not done yet, and has come so far, if that can be told.
    UnderWay(Option<u8>),
    /// Its picture lies there.
    Done(Url),
    /// It will not be done.
    Failed(ProviderError),
}

impl Task {
    pub(super) fn standing(&self) -> Standing {
        match self.status.as_str() {
            "SUCCESS" => match Url::parse(&self.image_url) {
                Ok(url) => Standing::Done(url),
                Err(_) => Standing::Failed(
                    ProviderError::new(
                        FaultOf::Provider,
                        Reason::BadResponse,
                        "a task that is done, but without a picture",
                    )
                    .maybe_paid(),
                ),
            },
            "FAILURE" | "FAILED" | "CANCEL" => Standing::Failed(failure(&self.fail_reason)),
            // A picture that comes along before the end is a blurred one, and is not looked at. What
            // waits for somebody at the proxy (MODAL) may still go on.
            _ => Standing::UnderWay(self.percent()),
        }
    }

    /// What is done of it, out of a text that Discord's messages are made of.
    fn percent(&self) -> Option<u8> {
        let percent = self.progress.trim().strip_suffix('%')?.trim().parse::<f64>().ok()?;
        (percent >= 0.0).then_some(percent.min(99.0) as u8)
    }

    /// Whether it is the drawing of a grid for this job.
    pub(super) fn is_grid_of(&self, job: &str) -> bool {
        self.state == job && self.action == "IMAGINE" && !self.id.is_empty()
    }
}

/// What to make of a reason that is written for people. It may quote the prompt, so that nothing of it
/// is passed on but the title that Midjourney puts in brackets in front.
fn failure(text: &str) -> ProviderError {
    let lower = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let title = title(text).map(|title| format!(": {title}")).unwrap_or_default();
    if says(&["banned", "moderat", "community standard", "content policy", "sensitive"]) {
        let message = format!("Midjourney objects to the prompt or the picture{title}");
        ProviderError::new(FaultOf::Caller, Reason::Moderated, message)
    } else if says(&["subscription", "credits", "fast hours", "fast time", "trial", "insufficient"]) {
        let message = format!("the account has used up what it may{title}");
        ProviderError::new(FaultOf::Operator, Reason::QuotaExhausted, message)
    } else if says(&["invalid parameter", "invalid link"]) {
        let message = format!("Midjourney does not take the flags of this version{title}");
        ProviderError::new(FaultOf::Operator, Reason::InvalidRequest, message)
    } else {
        ProviderError::new(FaultOf::Provider, Reason::Failed, format!("the task failed{title}")).maybe_paid()
    }
}

fn title(text: &str) -> Option<&str> {
    let (title, _) = text.strip_prefix('[')?.split_once(']')?;
    let plain = title.chars().all(|character| character.is_ascii_alphabetic() || character == ' ');
    (plain && title.len() <= 40).then_some(title)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn task(value: Value) -> Task {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn progress_is_read_where_it_can_be() {
        for (progress, expected) in [
            (json!("31%"), Some(31)),
            (json!("0%"), Some(0)),
            (json!(" 62.5 % "), Some(62)),
            (json!("100%"), Some(99)),
            (json!("250%"), Some(99)),
            (json!("-3%"), None),
            (json!(""), None),
            (json!("abc"), None),
            (json!("NaN%"), None),
            (json!(null), None),
            (json!(31), None),
            (json!({"now": 3}), None),
        ] {
            let task = task(json!({"status": "IN_PROGRESS", "progress": progress}));
            assert!(matches!(task.standing(), Standing::UnderWay(found) if found == expected), "{progress}");
        }
    }

    #[test]
    fn a_reason_is_told_apart_and_never_quoted() {
        for (text, fault, reason) in [
            ("[Banned prompt detected] canary", FaultOf::Caller, Reason::Moderated),
            ("[Sorry] our AI moderators say canary", FaultOf::Caller, Reason::Moderated),
            ("[Subscription required] canary", FaultOf::Operator, Reason::QuotaExhausted),
            ("You have run out of fast hours, canary", FaultOf::Operator, Reason::QuotaExhausted),
            ("[Invalid parameter] `--hd` canary", FaultOf::Operator, Reason::InvalidRequest),
            ("[Internal Server Error] canary", FaultOf::Provider, Reason::Failed),
            ("[canary: a title that is none] x", FaultOf::Provider, Reason::Failed),
            ("任务超时", FaultOf::Provider, Reason::Failed),
            ("", FaultOf::Provider, Reason::Failed),
        ] {
            for status in ["FAILURE", "FAILED", "CANCEL"] {
                let Standing::Failed(error) = task(json!({"status": status, "failReason": text})).standing()
                else {
                    panic!("{status} is a failure");
                };
                assert_eq!((error.fault, error.reason), (fault, reason), "{text}");
                assert!(!error.message.contains("canary"), "{}", error.message);
            }
        }
        assert!(failure("[Internal Server Error] x").message.contains("Internal Server Error"));
    }

    proptest! {
        #[test]
        fn any_object_is_a_task(
            status in "[A-Z_]{0,12}",
            values in prop::array::uniform6(prop_oneof![
                Just(json!(null)), Just(json!(3.5)), Just(json!([1])), ".{0,9}".prop_map(Value::from),
            ]),
        ) {
            let [id, progress, url, reason, state, time] = values;
            let task = task(json!({
                "status": status, "id": id, "progress": progress, "imageUrl": url, "failReason": reason,
                "state": state, "submitTime": time, "unknown": {},
            }));
            let _ = task.standing();
        }
    }
}
