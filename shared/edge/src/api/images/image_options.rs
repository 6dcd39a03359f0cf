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
    match Metadata::try_from(json.to_owned()) {
        Ok(metadata) => Some(metadata),
        Err(invalid) => {
            fields.fault("metadata", message(invalid));
            None
        }
    }
}
