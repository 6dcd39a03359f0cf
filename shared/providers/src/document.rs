//! The providers document: which providers are enabled, and with what.

use domain::secret::Secret;
use serde::Deserialize;

use crate::{automatic1111, midjourney, openai, stability};

/// The providers document. A provider is enabled by standing in it. What this version does not know
/// is left to later ones.
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

/// The providers document is not what it should be. Shows none of it, for it holds keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDocument {
    /// It is not JSON of the right shape.
    #[error("the providers document is not valid: line {line} column {column}")]
    Shape {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A provider in it, or `order`, cannot be used as it stands.
    #[error("the providers document is not valid: {provider}: {problem}")]
    Settings {
        /// Which.
        provider: &'static str,
        /// What is wrong; shows no value.
        problem: String,
    },
}

impl Document {
    pub(crate) fn parse(text: &Secret) -> Result<Self, BadDocument> {
        serde_json::from_str(text.expose())
            .map_err(|error| BadDocument::Shape { line: error.line(), column: error.column() })
    }
}
