//! The providers document, as far as the command line looks into it. It is full of keys: whatever is said
//! of it shows nothing of it but the names of the providers.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use domain::secret::Secret;
use providers::Registry;
use serde_json::{Map, Value};

/// A document that the functions will understand.
pub(crate) struct Document(Secret);

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

    /// The document in `text`, checked by the very code that the functions read it with.
    pub(crate) fn parse(text: String) -> Result<Self> {
        let document = Secret::new(text);
        Registry::from_document(&document)?;
        Ok(Self(document))
    }

    /// The whole of it.
    pub(crate) fn text(&self) -> &str {
        self.0.expose()
    }

    /// The providers that stand in it.
    pub(crate) fn enabled(&self) -> Vec<String> {
        let all: Map<String, Value> = serde_json::from_str(self.0.expose()).unwrap_or_default();
        let settings = all.into_iter().filter(|(_, settings)| settings.is_object());
        settings.map(|(name, _)| name).collect()
    }
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
    fn a_document_that_is_none_is_refused_and_not_shown() {
        for bad in ["", "[]", "sk-canary", r#"{"sandbox": "sk-canary"}"#, r#"{"sandbox": {}"#] {
            let Err(error) = Document::parse(bad.to_owned()) else { panic!("{bad} is taken") };
            let said = format!("{error:#}");
            assert!(said.contains("line 1") && !said.contains("canary"), "{said}");
        }
    }
}
