//! Which version of its settings a provider has, so that all workers can tell whether they have changed.

use std::collections::BTreeMap;

use domain::primitives::Secret;
use domain::providers::SettingsVersion;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::catalog::PROVIDERS;

/// The versions by the provider's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SettingsVersions(BTreeMap<&'static str, SettingsVersion>);

impl SettingsVersions {
    /// Those of the sections of `document`; none if it cannot be read.
    ///
    /// A version is the beginning of a hash. It is short on purpose: it is stored in a table, where a longer
    /// one would help to guess a weak password. One change in 65,536 is not noticed, and then only waits as
    /// long as before.
    pub(crate) fn of(document: &Secret) -> Self {
        let document: Value = serde_json::from_str(document.expose()).unwrap_or_default();
        let version = |section: &Value| {
            let digest = Sha256::digest(section.to_string());
            SettingsVersion::from_be_bytes([digest[0], digest[1]])
        };
        let sections = PROVIDERS.iter().filter_map(|entry| Some((entry, document.get(entry.section)?)));
        Self(sections.map(|(entry, section)| (entry.name, version(section))).collect())
    }

    pub(crate) fn get(&self, provider: &str) -> Option<SettingsVersion> {
        self.0.get(provider).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_changes_with_its_own_section_alone() {
        let versions = |document: &str| SettingsVersions::of(&Secret::new(document));
        let before = versions(r#"{"openai":{"apiKey":"a"},"stability":{"apiKey":"a"}}"#);
        let after = versions(r#"{"stability": {"apiKey": "a"}, "openai": {"apiKey": "b"}, "chat": {}}"#);
        assert_ne!(before.get("openai"), after.get("openai"));
        assert_eq!((before.get("stability"), after.get("sandbox")), (after.get("stability"), None));
        assert_eq!(versions("{"), SettingsVersions::default());
    }
}
