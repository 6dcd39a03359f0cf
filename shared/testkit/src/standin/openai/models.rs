//! The models that it has, and what each accepts.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::standin::server::Reply;

/// A model that paints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Painter {
    /// Any size on a grid; three qualities.
    Gpt2,
    /// The same, with five qualities.
    Gpt25,
    /// The same, with one more field.
    Gpt26,
    /// Three sizes.
    Gpt1,
    Dalle3,
    Dalle2,
    /// What LocalAI runs: it takes any field, and heeds few.
    Local,
}

/// A model that chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Talker {
    /// Takes a temperature.
    Plain,
    /// Thinks before, and takes none.
    Reasoning,
    /// What Ollama runs: it takes any field, and heeds few.
    Local,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Paints(Painter),
    Chats(Talker),
}

const MODELS: &[(&str, Kind, Option<&str>)] = &[
    ("gpt-image-2", Kind::Paints(Painter::Gpt2), None),
    ("gpt-image-2.5-flare", Kind::Paints(Painter::Gpt25), None),
    ("gpt-image-2.6-sunburst", Kind::Paints(Painter::Gpt26), None),
    ("gpt-image-1.5", Kind::Paints(Painter::Gpt1), Some("2026-12-01")),
    ("gpt-image-1-mini", Kind::Paints(Painter::Gpt1), Some("2026-12-01")),
    ("dall-e-3", Kind::Paints(Painter::Dalle3), None),
    ("dall-e-2", Kind::Paints(Painter::Dalle2), None),
    ("flux.1-schnell", Kind::Paints(Painter::Local), None),
    ("gpt-4.1", Kind::Chats(Talker::Plain), Some("2027-01-14")),
    ("gpt-5.6-luna", Kind::Chats(Talker::Reasoning), None),
    ("llama3.2", Kind::Chats(Talker::Local), None),
];

fn kind(model: &str, withdrawn: &BTreeSet<String>) -> Option<Kind> {
    let model = MODELS.iter().find(|(id, ..)| *id == model && !withdrawn.contains(*id));
    model.map(|(_, kind, _)| *kind)
}

pub(super) fn painter(model: &str, withdrawn: &BTreeSet<String>) -> Option<Painter> {
    match kind(model, withdrawn) {
        Some(Kind::Paints(painter)) => Some(painter),
        Some(Kind::Chats(_)) | None => None,
    }
}

pub(super) fn talker(model: &str, withdrawn: &BTreeSet<String>) -> Option<Talker> {
    match kind(model, withdrawn) {
        Some(Kind::Chats(talker)) => Some(talker),
        Some(Kind::Paints(_)) | None => None,
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
