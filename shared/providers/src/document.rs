//! The providers document: which providers are enabled, and with which settings.

mod field_error;
mod reader;
mod suggestion;
#[cfg(test)]
mod tests;
mod tree;

use domain::primitives::Secret;
use serde::Deserialize;

use crate::{automatic1111, midjourney, openai, stability};

pub use field_error::{BadDocument, FieldError};
pub(crate) use reader::Reading;
pub(crate) use suggestion::unknown;

/// The providers document. A provider is enabled if it has a section.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    pub(crate) openai: Option<openai::Settings>,
    pub(crate) chat: Option<openai::chat::Settings>,
    pub(crate) stability: Option<stability::Settings>,
    pub(crate) stable_diffusion: Option<automatic1111::Settings>,
    pub(crate) midjourney: Option<midjourney::Settings>,
    pub(crate) sandbox: Option<SandboxSettings>,
    /// The providers that `automatic` asks, in this order.
    pub(crate) order: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SandboxSettings {}

impl Document {
    /// Reads a document to its end, whatever is wrong with it.
    pub(crate) fn read(text: &Secret) -> Reading<Self> {
        Reading::of(text.expose())
    }
}
