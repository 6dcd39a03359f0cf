//! The providers document, as far as the command line looks into it. It is full of keys: whatever is said
//! of it shows nothing of it but names.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use domain::primitives::Secret;
use providers::{BadDocument, Registry};

/// A document that the functions will understand.
pub(crate) struct Document {
    text: Secret,
    enabled: Vec<&'static str>,
}

impl Document {
    /// The document in a file, or for `-` on the standard input.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = if file == Path::new("-") {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            fs::read_to_string(file)
        };
        Self::parse(text.with_context(|| format!("cannot read {}", file.display()))?)
    }

    /// The document in `text`, that is to be a deployment's: checked by the very code that the functions
    /// read it with, and for names that would enable nothing.
    fn parse(text: String) -> Result<Self> {
        Self::by(Registry::from_new_document, text)
    }

    /// The document in `text`, that is a deployment's already, perhaps by the word of a later version.
    pub(crate) fn parse_stored(text: String) -> Result<Self> {
        Self::by(Registry::from_document, text)
    }

    fn by(read: fn(&Secret) -> Result<Registry, BadDocument>, text: String) -> Result<Self> {
        let text = Secret::new(text);
        let registry = read(&text).map_err(|bad| anyhow!(told(&bad)))?;
        Ok(Self { text, enabled: registry.enabled().into_iter().collect() })
    }

    /// The whole of it.
    pub(crate) fn text(&self) -> &str {
        self.text.expose()
    }

    /// The providers that it enables.
    pub(crate) fn enabled(&self) -> &[&'static str] {
        &self.enabled
    }
}

/// Every fault on a line of its own.
fn told(bad: &BadDocument) -> String {
    let faults = bad.faults().iter().map(|fault| format!("\n  {fault}"));
    format!("the providers document is not valid:{}", faults.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_it_is_enabled() {
        let text = r#"{"sandbox": {}, "order": ["sandbox"], "midjourney": null}"#;
        assert_eq!(Document::parse(text.to_owned()).unwrap().enabled(), ["sandbox"]);
        assert!(Document::parse("{}".to_owned()).unwrap().enabled().is_empty());
    }

    #[test]
    fn every_fault_has_a_line_and_no_value_is_shown() {
        let bad =
            r#"{"sandbox": "sk-canary", "openAI": {"apiKey": "sk-canary"}, "chat": {"baseUrl": "canary"}}"#;
        let Err(error) = Document::parse(bad.to_owned()) else { panic!("it is taken") };
        let said = format!("{error:#}");
        let places: Vec<_> =
            said.lines().skip(1).map(|line| line.split(':').next().unwrap().trim()).collect();
        assert_eq!(places, ["chat.baseUrl", "chat.model", "sandbox", "openAI"]);
        assert!(!said.contains("canary"), "{said}");
    }

    #[test]
    fn what_is_stored_may_be_of_a_later_version() {
        let later = r#"{"sandbox": {"later": 1}, "another": {}}"#;
        assert!(Document::parse(later.to_owned()).is_err());
        assert_eq!(Document::parse_stored(later.to_owned()).unwrap().enabled(), ["sandbox"]);
    }
}
