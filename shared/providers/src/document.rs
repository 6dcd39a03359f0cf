//! The providers document: which providers are enabled, and with what.

mod fault;
mod nearest;
mod reader;
#[cfg(test)]
mod tests;
mod tree;

use domain::primitives::Secret;
use serde::Deserialize;

use crate::{automatic1111, midjourney, openai, stability};

pub use fault::{BadDocument, Fault};
pub(crate) use nearest::unknown;

/// The providers document. A provider is enabled by standing in it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    pub(crate) openai: Option<openai::Settings>,
    pub(crate) chat: Option<openai::chat::Settings>,
    pub(crate) stability: Option<stability::Settings>,
    pub(crate) stable_diffusion: Option<automatic1111::Settings>,
    pub(crate) midjourney: Option<midjourney::Settings>,
    pub(crate) sandbox: Option<SandboxSettings>,
    /// In which order `automatic` asks; a provider that is not in it is left out.
    pub(crate) order: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SandboxSettings {}

/// What came of reading a document: the sections that are as they should be, and what is wrong.
#[derive(Default)]
pub(crate) struct Reading {
    /// Without the sections that have faults.
    pub(crate) document: Document,
    pub(crate) faults: Vec<Fault>,
    /// What this version knows nothing of: a mistake of who writes the document, but not always of who
    /// reads it, who may be an older version than the writer.
    pub(crate) unknown: Vec<Fault>,
}

impl Reading {
    /// Reads a document to its end, whatever is wrong with it.
    pub(crate) fn of(text: &Secret) -> Self {
        match serde_json::from_str(text.expose()) {
            Ok(tree) => reader::read(tree),
            Err(error) => Self { faults: vec![Fault::of_all(format!("{error}"))], ..Self::default() },
        }
    }
}
