//! A task as the proxy tells of it, in the several dialects of proxies.

use domain::providers::{FaultOf, ProviderError, Reason};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

use super::failure::failure;

/// What the proxy says of a task. Nothing of it can be relied upon to be there. It holds prompts, and does
/// not show itself.
#[derive(Clone, Default, Deserialize)]
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
    #[serde(deserialize_with = "text")]
    prompt: String,
    /// The prompt in English, if the proxy translates.
    #[serde(deserialize_with = "text")]
    prompt_en: String,
    properties: Value,
    /// In milliseconds of the epoch.
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

/// A number, also where it stands in text; else nothing.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
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
    /// `sent` is the prompt that we have sent, which the task's failure may quote.
    pub(super) fn standing(&self, sent: &str) -> Standing {
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
            "FAILURE" | "FAILED" | "CANCEL" => {
                let last = self.properties["finalPrompt"].as_str().unwrap_or_default();
                let quoted = [sent, &self.prompt, &self.prompt_en, last];
                Standing::Failed(failure(&self.fail_reason, &quoted))
            }
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
            assert!(
                matches!(task.standing(""), Standing::UnderWay(found) if found == expected),
                "{progress}"
            );
        }
    }

    #[test]
    fn times_are_read_in_all_their_forms() {
        for (time, expected) in [
            (json!(1_795_380_911_000_i64), Some(1_795_380_911_000)),
            (json!(1_795_380_911_000.0), Some(1_795_380_911_000)),
            (json!("1795380911000"), Some(1_795_380_911_000)),
            (json!(" 1795380911000 "), Some(1_795_380_911_000)),
            (json!("2026-11-23 09:00:00"), None),
            (json!(""), None),
            (json!(null), None),
        ] {
            assert_eq!(task(json!({"submitTime": time})).submit_time, expected, "{time}");
        }
    }

    #[test]
    fn no_prompt_that_a_task_tells_of_decides_about_its_failure() {
        for told in [
            json!({"prompt": "a trial"}),
            json!({"promptEn": "a trial"}),
            json!({"properties": {"finalPrompt": "a trial"}}),
            json!({}),
        ] {
            let mut value = json!({"status": "FAILURE", "failReason": "Failed: a trial"});
            value.as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
            let sent = if told == json!({}) { "a trial" } else { "试用" };
            let Standing::Failed(error) = task(value).standing(sent) else { panic!("{told}") };
            assert_eq!((error.fault, error.reason), (FaultOf::Provider, Reason::Failed), "{told}");
        }
        for status in ["FAILURE", "FAILED", "CANCEL"] {
            let task = task(json!({"status": status, "failReason": "No trial"}));
            let Standing::Failed(error) = task.standing("a kite") else { panic!("{status} is a failure") };
            assert_eq!(error.reason, Reason::QuotaExhausted);
        }
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
            let properties = state.clone();
            let task = task(json!({
                "status": status, "id": id, "progress": progress, "imageUrl": url, "failReason": reason,
                "state": state, "submitTime": time, "unknown": {}, "properties": properties,
            }));
            let _ = task.standing("");
        }
    }
}
