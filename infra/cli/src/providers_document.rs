//! The providers document as the command line reads it. It is full of keys: messages about it contain
//! names only, never values.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use domain::primitives::Secret;
use providers::{BadDocument, Registry};

/// A document that the functions accept.
pub(crate) struct ProvidersDocument {
    text: Secret,
    enabled: Vec<&'static str>,
}

impl ProvidersDocument {
    /// Reads a document from a file, or from the standard input if the file is `-`.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = if file == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            fs::read_to_string(file)
        };
        Self::parse(text.with_context(|| format!("cannot read {}", file.display()))?)
    }

    /// Parses a new document. Checks it with the functions' own code, and rejects unknown names, which
    /// would enable nothing.
    fn parse(text: String) -> Result<Self> {
        Self::parse_with(Registry::from_new_document, text)
    }

    /// Parses a document that a deployment stores already. A later version may have written it, so
    /// unknown names are allowed.
    pub(crate) fn parse_stored(text: String) -> Result<Self> {
        Self::parse_with(Registry::from_document, text)
    }

    fn parse_with(read: fn(&Secret) -> Result<Registry, BadDocument>, text: String) -> Result<Self> {
        let text = Secret::new(text);
        let registry = read(&text).map_err(|bad| anyhow!(error_message(&bad)))?;
        Ok(Self { text, enabled: registry.enabled().into_iter().collect() })
    }

    pub(crate) fn text(&self) -> &str {
        self.text.expose()
    }

    /// The names of the enabled providers.
    pub(crate) fn enabled(&self) -> &[&'static str] {
        &self.enabled
    }
}

/// Lists every error of the document on its own line.
fn error_message(bad: &BadDocument) -> String {
    let errors = bad.faults().iter().map(|fault| format!("\n  {fault}"));
    format!("the providers document is not valid:{}", errors.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_enables_the_providers_that_it_holds() {
        let text = r#"{"sandbox": {}, "order": ["sandbox"], "midjourney": null}"#;
        assert_eq!(ProvidersDocument::parse(text.to_owned()).unwrap().enabled(), ["sandbox"]);
        assert!(ProvidersDocument::parse("{}".to_owned()).unwrap().enabled().is_empty());
    }

    #[test]
    fn errors_have_a_line_each_and_show_no_value() {
        let bad =
            r#"{"sandbox": "sk-canary", "openAI": {"apiKey": "sk-canary"}, "chat": {"baseUrl": "canary"}}"#;
        let Err(error) = ProvidersDocument::parse(bad.to_owned()) else { panic!("the document is accepted") };
        let message = format!("{error:#}");
        let paths: Vec<_> =
            message.lines().skip(1).map(|line| line.split(':').next().unwrap().trim()).collect();
        assert_eq!(paths, ["chat.baseUrl", "chat.model", "sandbox", "openAI"]);
        assert!(!message.contains("canary"), "{message}");
    }

    #[test]
    fn stored_document_may_hold_unknown_names() {
        let later = r#"{"sandbox": {"later": 1}, "another": {}}"#;
        assert!(ProvidersDocument::parse(later.to_owned()).is_err());
        assert_eq!(ProvidersDocument::parse_stored(later.to_owned()).unwrap().enabled(), ["sandbox"]);
    }
}
