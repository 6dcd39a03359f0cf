//! The providers document, and the choice between the providers in it.

use domain::ports::{ChatProvider, ImageProvider};
use domain::provider::{FaultOf, ProviderError};
use domain::request::{Picture, ProviderChoice, Word as _};
use domain::secret::Secret;
use serde::Deserialize;

use crate::sandbox::Sandbox;

/// The providers document: a provider is enabled by standing in it. What this version does not know
/// is left to later ones.
#[derive(Debug, Deserialize)]
struct Document {
    sandbox: Option<SandboxSettings>,
}

#[derive(Debug, Deserialize)]
struct SandboxSettings {}

/// The providers document is not what it should be. Shows none of it, for it holds keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the providers document is not valid: line {line} column {column}")]
pub struct BadDocument {
    line: usize,
    column: usize,
}

/// The providers that are enabled.
pub struct Registry {
    sandbox: Option<Sandbox>,
}

impl Registry {
    /// The providers that `document` enables.
    ///
    /// # Errors
    ///
    /// [`BadDocument`].
    pub fn from_document(document: &Secret) -> Result<Self, BadDocument> {
        let document: Document = serde_json::from_str(document.expose())
            .map_err(|error| BadDocument { line: error.line(), column: error.column() })?;
        Ok(Self { sandbox: document.sandbox.map(|SandboxSettings {}| Sandbox) })
    }

    /// The provider of chats.
    ///
    /// # Errors
    ///
    /// The operator's, if none is enabled.
    pub fn chat(&self) -> Result<&dyn ChatProvider, ProviderError> {
        match &self.sandbox {
            Some(sandbox) => Ok(sandbox),
            None => Err(ProviderError::new(FaultOf::Operator, "no chat provider is enabled")),
        }
    }

    /// The provider for `picture`.
    ///
    /// # Errors
    ///
    /// The caller's, if the provider it asked for is not enabled; the operator's, if none is.
    pub fn choose(&self, picture: &Picture) -> Result<&dyn ImageProvider, ProviderError> {
        match (picture.provider, &self.sandbox) {
            (ProviderChoice::Automatic, Some(sandbox)) => Ok(sandbox),
            (ProviderChoice::Automatic, None) => {
                Err(ProviderError::new(FaultOf::Operator, "no provider is enabled"))
            }
            (
                asked @ (ProviderChoice::Dalle3
                | ProviderChoice::Dalle2
                | ProviderChoice::GptImage
                | ProviderChoice::StableDiffusion
                | ProviderChoice::Midjourney),
                _,
            ) => Err(ProviderError::new(
                FaultOf::Caller,
                format!("the provider {} is not enabled here", asked.as_str()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::request::{Count, Prompt, Quality, Size};

    fn choose(document: &str, provider: ProviderChoice) -> Result<&'static str, FaultOf> {
        let picture = Picture {
            prompt: Prompt::try_from("p".to_owned()).unwrap(),
            provider,
            size: Size::S256,
            count: Count::ONE,
            quality: Quality::Standard,
            style: None,
        };
        let registry = Registry::from_document(&Secret::new(document)).unwrap();
        registry.choose(&picture).map(|provider| provider.name()).map_err(|error| error.fault)
    }

    #[test]
    fn the_sandbox_serves_automatic_and_nobody_stands_in_for_another() {
        assert_eq!(choose(r#"{"sandbox":{}}"#, ProviderChoice::Automatic), Ok("sandbox"));
        assert_eq!(choose(r#"{"sandbox":{}}"#, ProviderChoice::Dalle3), Err(FaultOf::Caller));
        assert_eq!(choose("{}", ProviderChoice::Automatic), Err(FaultOf::Operator));
    }

    #[test]
    fn the_sandbox_chats_too() {
        let chat = |document| {
            let registry = Registry::from_document(&Secret::new(document)).unwrap();
            registry.chat().map(|provider| provider.name()).map_err(|error| error.fault)
        };
        assert_eq!(chat(r#"{"sandbox":{}}"#), Ok("sandbox"));
        assert_eq!(chat("{}"), Err(FaultOf::Operator));
    }

    #[test]
    fn a_bad_document_shows_nothing_of_itself() {
        let Err(error) = Registry::from_document(&Secret::new(r#"{"sandbox": "sk-secret"}"#)) else {
            panic!("a string is no settings");
        };
        assert!(!error.to_string().contains("secret"));
    }
}
