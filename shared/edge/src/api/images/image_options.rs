//! The fields of a body that describe images. `POST /images/generate`, the `imageGeneration` of
//! `POST /chat/new` and each job of `POST /images/batch` have the same fields.

use domain::images::{Count, Picture, Prompt, ProviderChoice, Quality, Size, Style};
use domain::jobs::{METADATA_LIMIT, Metadata, WebhookEvent, WebhookTarget, WebhookUrl, WebhookUrlPolicy};
use domain::primitives::Priority;
use serde_json::Value;

use crate::http::json_body::{Fields, message, named, short_list, text, whole};

/// All options of an image request except the prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageOptions {
    provider: ProviderChoice,
    size: Size,
    count: Count,
    quality: Quality,
    style: Option<Style>,
}

impl ImageOptions {
    /// Combines the options with `prompt`.
    #[must_use]
    pub const fn of(self, prompt: Prompt) -> Picture {
        let Self { provider, size, count, quality, style } = self;
        Picture { prompt, provider, size, count, quality, style }
    }
}

/// Reads the required field `prompt`.
pub fn prompt(fields: &mut Fields<'_>) -> Option<Prompt> {
    fields.required("prompt", |value| Prompt::try_from(text(value)?).map_err(message))
}

/// Reads the fields `provider`, `size`, `count`, `quality` and `style`.
pub fn image_options(fields: &mut Fields<'_>) -> ImageOptions {
    let read_count =
        |value: Value| whole(&value).and_then(|count: u8| Count::try_from(count).map_err(message));
    ImageOptions {
        provider: fields.optional("provider", named).unwrap_or_default(),
        size: fields.optional("size", named).unwrap_or_default(),
        count: fields.optional("count", read_count).unwrap_or(Count::ONE),
        quality: fields.optional("quality", named).unwrap_or_default(),
        style: fields.optional("style", named),
    }
}

/// Reads the field `priority`.
pub fn priority(fields: &mut Fields<'_>) -> Priority {
    fields.optional("priority", named).unwrap_or_default()
}

/// Reads the fields `webhookUrl` and `webhookEvents`.
pub fn webhook(fields: &mut Fields<'_>, url_policy: WebhookUrlPolicy) -> Option<WebhookTarget> {
    let url =
        fields.optional("webhookUrl", |value| WebhookUrl::parse(&text(value)?, url_policy).map_err(message));
    let events = events(fields);
    url.map(|url| WebhookTarget { url, events })
}

fn events(fields: &mut Fields<'_>) -> Vec<WebhookEvent> {
    let list = fields.optional("webhookEvents", short_list);
    let Some(list) = list else { return WebhookEvent::DEFAULT.to_vec() };
    let mut events = Vec::new();
    for (index, value) in list.into_iter().enumerate() {
        match named(value) {
            Ok(event) if events.contains(&event) => {}
            Ok(event) => events.push(event),
            Err(message) => fields.fault(format!("webhookEvents[{index}]"), message),
        }
    }
    events
}

/// Reads the field `metadata`.
pub fn metadata(fields: &mut Fields<'_>) -> Option<Metadata> {
    // The text as it was sent: parsing would turn 1.0 into 1 and round large numbers.
    let json = fields.raw("metadata")?;
    if !json.starts_with('{') {
        fields.fault("metadata", format!("must be an object of at most {METADATA_LIMIT} bytes"));
        return None;
    }
    if json.len() > METADATA_LIMIT {
        // Not searched for what cannot be read.
        fields.fault("metadata", format!("must be an object of at most {METADATA_LIMIT} bytes"));
        return None;
    }
    match Metadata::try_from(fields.readable("metadata")?.to_owned()) {
        Ok(metadata) => Some(metadata),
        Err(invalid) => {
            fields.fault("metadata", message(invalid));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Error;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<Option<Metadata>, Error> {
        let body = format!(r#"{{"metadata":{json}}}"#);
        let mut fields = Fields::parse(body.as_bytes())?;
        let metadata = metadata(&mut fields);
        fields.finish().map(|()| metadata)
    }

    fn error_path(json: &str) -> String {
        match read(json) {
            Err(Error::Invalid(errors)) if errors.len() == 1 => errors[0].path.clone(),
            other => panic!("{json}: {other:?}"),
        }
    }

    #[test]
    fn metadata_that_parsers_cannot_read_is_refused() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(130), "]".repeat(130));
        assert_eq!(error_path(&deep), format!("metadata.a{}", "[0]".repeat(31)));
        for (json, path) in [
            (r#"{"title":"\ud83d"}"#, "metadata.title"),
            (r#"{"a":1e400}"#, "metadata.a"),
            (r#"{"\ude00":1}"#, "metadata"),
            (r#"{"$serde_json::private::RawValue":"{"}"#, "metadata.$serde_json::private::RawValue"),
            (&format!(r#"{{"a":"{}"}}"#, "\\ud83d".repeat(1000)), "metadata"),
        ] {
            assert_eq!(error_path(json), path);
        }
    }

    proptest! {
        #[test]
        fn accepted_metadata_is_kept_byte_for_byte(value in crate::api::images::generate::tests::any_json()) {
            let json = format!(r#"{{ "a" : {value},"b":1.0 , "c":"\ud83d\ude00" }}"#);
            let metadata = read(&json).unwrap().unwrap();
            prop_assert_eq!(metadata.json(), json);
        }
    }
}
