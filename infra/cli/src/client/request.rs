//! The parts of request bodies that several commands send.

use serde_json::{Map, Value, json};

use crate::cli;

/// The fields of the given image options. The server applies its defaults to absent ones.
pub(crate) fn image_options(options: &cli::ImageOptions) -> Map<String, Value> {
    let mut fields = Map::new();
    let texts = [
        ("provider", &options.provider),
        ("size", &options.size),
        ("quality", &options.quality),
        ("style", &options.style),
        ("webhookUrl", &options.webhook),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            fields.insert(name.to_owned(), json!(value));
        }
    }
    if let Some(count) = options.count {
        fields.insert("count".to_owned(), json!(count));
    }
    if !options.webhook_events.is_empty() {
        fields.insert("webhookEvents".to_owned(), json!(options.webhook_events));
    }
    fields
}
