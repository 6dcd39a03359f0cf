//! What a page gets, as JSON.

use domain::Error;
use domain::addons::{AddonId, AddonType, Dependency};
use domain::primitives::BundleId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::time::Rfc3339;
use crate::http::json_body::Fields;

/// What a bundle is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BundleOptions {
    pub include_styles: bool,
    pub include_dependencies: bool,
}

impl Default for BundleOptions {
    fn default() -> Self {
        Self { include_styles: true, include_dependencies: true }
    }
}

/// Parses the body of `POST /addons/{addonId}/bundle`. An empty body means an empty object.
///
/// # Errors
///
/// [`Error::Invalid`] with all field errors.
pub fn parse_options(body: &[u8]) -> Result<BundleOptions, Error> {
    let mut fields = Fields::parse(if body.is_empty() { b"{}" } else { body })?;
    let mut flag = |name| {
        fields
            .optional(name, |value| value.as_bool().ok_or_else(|| "must be true or false".to_owned()))
            .unwrap_or(true)
    };
    let (include_styles, include_dependencies) = (flag("includeStyles"), flag("includeDependencies"));
    fields.finish()?;
    Ok(BundleOptions { include_styles, include_dependencies })
}

/// The addons of a domain, with their contents.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "AddonBundleResponse")]
pub struct Bundle {
    /// Names this bundle: another content has another id.
    pub bundle_id: BundleId,
    /// The domain.
    pub domain: String,
    /// In the order in which they load.
    pub addons: Vec<BundleAddon>,
    /// The length of all contents, in bytes.
    pub total_size: usize,
    /// SHA-256 of all contents, one after the other, in hexadecimal.
    pub content_hash: String,
    /// When the catalog that it is made from began.
    #[schemars(with = "Rfc3339")]
    pub generated_at: String,
    /// Until when it need not be asked for again.
    #[schemars(with = "Rfc3339")]
    pub expires_at: String,
}

/// An addon of a bundle.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BundleAddon {
    /// The addon.
    pub addon_id: AddonId,
    /// Its version.
    pub version: String,
    /// What it is.
    #[serde(rename = "type")]
    pub kind: AddonType,
    /// The minified content; a script is wrapped into a function of its own.
    pub content: String,
    /// Its place in the order, from 0.
    pub order: usize,
    /// The addons of the bundle that it needs.
    pub dependencies: Vec<Dependency>,
}

/// The user scripts and style sheets of a domain.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UserScriptsResponse")]
pub struct UserScripts {
    /// What `chrome.userScripts.register` takes, and nothing more. Chromium runs them in the order of their ids.
    pub scripts: Vec<UserScript>,
    /// What an extension inserts at each navigation.
    pub styles: Vec<UserStyle>,
    /// Signatures of the list, in base64, separated by `, `; missing if the deployment has no key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

/// A user script.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserScript {
    /// Its place in the order, and the addon's id.
    pub id: String,
    /// The pages on which it runs.
    pub matches: Vec<String>,
    /// Those of them on which it does not.
    pub exclude_matches: Vec<String>,
    /// The code: one entry.
    pub js: Vec<UserCode>,
    /// When it runs.
    pub run_at: &'static str,
    /// Whether it runs in frames too.
    pub all_frames: bool,
    /// The world in which it runs.
    pub world: &'static str,
}

/// The code of a user script.
#[derive(Debug, Serialize, JsonSchema)]
pub struct UserCode {
    /// The minified content, wrapped into a function of its own.
    pub code: String,
}

/// A style sheet.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserStyle {
    /// Its place in the order, and the addon's id.
    pub id: String,
    /// The pages on which it is inserted.
    pub matches: Vec<String>,
    /// Those of them on which it is not.
    pub exclude_matches: Vec<String>,
    /// The content.
    pub css: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_included_unless_it_is_not_wanted() {
        for all in ["", "{}", r#"{"includeStyles":null}"#] {
            assert_eq!(parse_options(all.as_bytes()).unwrap(), BundleOptions::default(), "{all}");
        }
        let some = parse_options(br#"{"includeStyles":false,"includeDependencies":true}"#).unwrap();
        assert_eq!(some, BundleOptions { include_styles: false, include_dependencies: true });
        let Err(Error::Invalid(faults)) = parse_options(br#"{"includeStyles":1,"includeDependencies":"no"}"#)
        else {
            panic!("no faults")
        };
        let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["includeStyles", "includeDependencies"]);
    }
}
