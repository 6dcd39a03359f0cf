//! Its models, and the fields of each.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::standin::server::Reply;

/// A family of image models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageFamily {
    /// Any size on a grid; three qualities.
    Gpt2,
    /// Like `Gpt2`, with five qualities.
    Gpt25,
    /// Like `Gpt25`, with one more field.
    Gpt26,
    /// Three sizes.
    Gpt1,
    Dalle3,
    Dalle2,
    /// LocalAI's: takes any field, and uses few.
    Local,
}

/// A family of chat models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChatFamily {
    /// Takes a temperature.
    Plain,
    /// Takes no temperature.
    Reasoning,
    /// Ollama's: takes any field, and uses few.
    Local,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Image(ImageFamily),
    Chat(ChatFamily),
}

const MODELS: &[(&str, Kind, Option<&str>)] = &[
    ("gpt-image-2", Kind::Image(ImageFamily::Gpt2), None),
    ("gpt-image-2.5-flare", Kind::Image(ImageFamily::Gpt25), None),
    ("gpt-image-2.6-sunburst", Kind::Image(ImageFamily::Gpt26), None),
    ("gpt-image-1.5", Kind::Image(ImageFamily::Gpt1), Some("2026-12-01")),
    ("gpt-image-1-mini", Kind::Image(ImageFamily::Gpt1), Some("2026-12-01")),
    ("dall-e-3", Kind::Image(ImageFamily::Dalle3), None),
    ("dall-e-2", Kind::Image(ImageFamily::Dalle2), None),
    ("flux.1-schnell", Kind::Image(ImageFamily::Local), None),
    ("gpt-4.1", Kind::Chat(ChatFamily::Plain), Some("2027-01-14")),
    ("gpt-5.6-luna", Kind::Chat(ChatFamily::Reasoning), None),
    ("llama3.2", Kind::Chat(ChatFamily::Local), None),
];

fn kind(model: &str, withdrawn: &BTreeSet<String>) -> Option<Kind> {
    let model = MODELS.iter().find(|(id, ..)| *id == model && !withdrawn.contains(*id));
    model.map(|(_, kind, _)| *kind)
}

pub(super) fn image_family(model: &str, withdrawn: &BTreeSet<String>) -> Option<ImageFamily> {
    match kind(model, withdrawn) {
        Some(Kind::Image(family)) => Some(family),
        Some(Kind::Chat(_)) | None => None,
    }
}

pub(super) fn chat_family(model: &str, withdrawn: &BTreeSet<String>) -> Option<ChatFamily> {
    match kind(model, withdrawn) {
        Some(Kind::Chat(family)) => Some(family),
        Some(Kind::Image(_)) | None => None,
    }
}

/// `GET /v1/models`.
pub(super) fn list(withdrawn: &BTreeSet<String>) -> Reply {
    let models = MODELS.iter().filter(|(id, ..)| !withdrawn.contains(*id));
    let data: Vec<Value> = models
        .map(|(id, _, shutdown)| {
            let mut model =
                json!({"id": id, "object": "model", "created": 1_776_000_000, "owned_by": "system"});
            if let Some(date) = shutdown {
                model["shutdown_date"] = json!(date);
            }
            model
        })
        .collect();
    Reply::json(200, &json!({"object": "list", "data": data}))
}
