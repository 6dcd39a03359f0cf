//! A task as the proxy describes it, in the dialects of several proxies.

use domain::providers::ProviderError;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::failure;

/// A proxy's description of a task: any field may be missing. It has no `Debug`, because it holds prompts.
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
    /// Links, as text or as objects with a `url`.
    image_urls: Value,
    #[serde(deserialize_with = "text")]
    fail_reason: String,
    #[serde(deserialize_with = "text")]
    prompt: String,
    /// The prompt in English, if the proxy translates.
    #[serde(deserialize_with = "text")]
    prompt_en: String,
    properties: Value,
    /// In Unix ms.
    #[serde(deserialize_with = "number")]
    pub(super) submit_time: Option<i64>,
}

/// Reads text or a number as text; anything else as empty.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    })
}

/// Reads a number, also from text; anything else as `None`.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|number| number as i64)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    })
}

#[derive(Debug)]
pub(super) enum TaskState {
    /// The proxy does not know the task.
    Unknown,
    /// With the progress in percent, if known.
    Running(Option<u8>),
    Done(Pictures),
    Failed(ProviderError),
}

/// The links to what a finished task has drawn. They may be relative to the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pictures {
    /// None yet: some proxies report the end before they have the link.
    None,
    /// One image: of a grid all four in one, of an upscale the image.
    One(String),
    /// Each image of a grid by itself.
    Each(Vec<String>),
}

impl Task {
    /// `sent` is the prompt that was sent, which the task's failure may quote.
    pub(super) fn task_state(&self, sent: &str) -> TaskState {
        match self.status.as_str() {
            "SUCCESS" => TaskState::Done(self.pictures()),
            "FAILURE" | "FAILED" | "CANCEL" => {
                let last = self.properties["finalPrompt"].as_str().unwrap_or_default();
                let quoted = [sent, &self.prompt, &self.prompt_en, last];
                TaskState::Failed(failure::classify(&self.fail_reason, &quoted))
            }
            // An image before the end is a blurred preview, and is ignored. A task that waits for input at
            // the proxy (MODAL) may still continue.
            _ => TaskState::Running(self.percent()),
        }
    }

    fn pictures(&self) -> Pictures {
        if !self.image_url.trim().is_empty() {
            return Pictures::One(self.image_url.clone());
        }
        let link = |value: &Value| value.as_str().or_else(|| value["url"].as_str()).map(str::to_owned);
        let links = self.image_urls.as_array().into_iter().flatten().filter_map(link);
        let mut links: Vec<_> = links.filter(|link| !link.trim().is_empty()).collect();
        match (links.pop(), links.is_empty()) {
            (None, _) => Pictures::None,
            (Some(only), true) => Pictures::One(only),
            (Some(last), false) => {
                links.push(last);
                Pictures::Each(links)
            }
        }
    }

    /// The progress, from a text such as `31%` that comes from Discord's messages.
    fn percent(&self) -> Option<u8> {
        let percent = self.progress.trim().strip_suffix('%')?.trim().parse::<f64>().ok()?;
        (percent >= 0.0).then_some(percent.min(99.0) as u8)
    }

    /// Whether it is a grid for this job.
    pub(super) fn is_grid_of(&self, job: &str) -> bool {
        self.state == job && self.action == "IMAGINE" && !self.id.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::providers::{ErrorClass, Reason};
    use proptest::prelude::*;
    use serde_json::json;

    fn task(value: Value) -> Task {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn progress_is_read_if_it_is_a_percentage() {
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
                matches!(task.task_state(""), TaskState::Running(found) if found == expected),
                "{progress}"
            );
        }
    }

    #[test]
    fn links_are_found_in_either_field() {
        let one = |link: &str| Pictures::One(link.to_owned());
        let each = |links: [&str; 2]| Pictures::Each(links.map(str::to_owned).to_vec());
        for (fields, expected) in [
            (json!({"imageUrl": "https://a/1.png"}), one("https://a/1.png")),
            (
                json!({"imageUrl": "https://a/1.png", "imageUrls": ["https://a/2.png"]}),
                one("https://a/1.png"),
            ),
            (json!({"imageUrl": null, "imageUrls": ["https://a/2.png"]}), one("https://a/2.png")),
            (json!({"imageUrl": "", "imageUrls": [{"url": "https://a/2.png"}]}), one("https://a/2.png")),
            (json!({"imageUrls": [{"url": "/2.png"}, {"url": "/3.png"}]}), each(["/2.png", "/3.png"])),
            (json!({"imageUrls": ["/2.png", null, " ", {"x": 1}, "/3.png"]}), each(["/2.png", "/3.png"])),
            (json!({"imageUrl": null, "imageUrls": []}), Pictures::None),
            (json!({"imageUrl": 0.5, "imageUrls": null}), one("0.5")),
            (json!({"imageUrls": "x"}), Pictures::None),
            (json!({}), Pictures::None),
        ] {
            assert_eq!(task(fields.clone()).pictures(), expected, "{fields}");
        }
    }

    #[test]
    fn submit_time_is_read_in_all_forms() {
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
    fn prompt_in_a_task_does_not_decide_its_failure() {
        for prompts in [
            json!({"prompt": "a trial"}),
            json!({"promptEn": "a trial"}),
            json!({"properties": {"finalPrompt": "a trial"}}),
            json!({}),
        ] {
            let mut value = json!({"status": "FAILURE", "failReason": "Failed: a trial"});
            value.as_object_mut().unwrap().extend(prompts.as_object().unwrap().clone());
            let sent = if prompts == json!({}) { "a trial" } else { "试用" };
            let TaskState::Failed(error) = task(value).task_state(sent) else { panic!("{prompts}") };
            assert_eq!((error.class, error.reason), (ErrorClass::Provider, Reason::Failed), "{prompts}");
        }
        for status in ["FAILURE", "FAILED", "CANCEL"] {
            let task = task(json!({"status": status, "failReason": "No trial"}));
            let TaskState::Failed(error) = task.task_state("a kite") else { panic!("{status} is a failure") };
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
                "status": status, "id": id, "progress": progress, "imageUrl": url,
                "imageUrls": [url, {"url": state}], "failReason": reason,
                "state": state, "submitTime": time, "unknown": {}, "properties": properties,
            }));
            let _ = task.task_state("");
        }
    }
}
