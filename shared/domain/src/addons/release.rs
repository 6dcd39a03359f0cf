//! A published version of an addon. It never changes.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use semver::Version;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::addons::addon_id::AddonId;
use crate::addons::words::{AddonType, ConditionType, Operator, RunAt};
use crate::primitives::timestamp::Timestamp;

/// The id of one attempt to publish. It names the content, so that content of an attempt that failed is never that of
/// another, and can be deleted.
pub type PublicationId = Uuid;

/// A published version of an addon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    pub addon_id: AddonId,
    pub version: Version,
    pub name: String,
    #[serde(default)]
    pub description: String,
    #[serde(rename = "type")]
    pub kind: AddonType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Where the addon may run; `None` for everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_patterns: Option<Vec<String>>,
    /// Where the addon runs by itself; `None` for all of `domain_patterns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub injection_rules: Option<Vec<InjectionRule>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependencies: Option<Vec<Dependency>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Config>,
    pub content: Content,
    /// The run of the request that published it: a request that is repeated has the same.
    pub run: Uuid,
    #[serde(default, skip_serializing_if = "ReleaseNames::is_empty")]
    pub names: ReleaseNames,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    pub created_at: Timestamp,
}

impl Release {
    /// The dependencies, if there are any.
    pub fn dependencies(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies.iter().flatten()
    }
}

/// The stored content of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    pub publication: PublicationId,
    /// As it was published, without what must not be in a script that is put together with others.
    pub source: Form,
    pub minified: Form,
    /// The SHA-256 of the source map of the minified form, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_map: Option<String>,
    /// The length of the minified form, wrapped and as a JSON string: what a page with this version costs.
    pub page_bytes: usize,
}

/// One form of a version's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Form {
    /// SHA-256, lower-case hexadecimal.
    pub hash: String,
    /// For the attribute `integrity` of HTML: `sha384-` and base64.
    pub integrity: String,
    pub bytes: usize,
    pub gzip_bytes: usize,
    pub brotli_bytes: usize,
    /// The signatures by the keys of the time when it was published; empty if there were none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub signature: String,
}

/// Names of a script's top level, to tell an author that a dependant uses what is not shared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseNames {
    /// Declared at the top level and not put on the global object.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hidden: BTreeSet<String>,
    /// Used, but declared nowhere in the script.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub free: BTreeSet<String>,
}

impl ReleaseNames {
    fn is_empty(&self) -> bool {
        self.hidden.is_empty() && self.free.is_empty()
    }
}

/// Where, when and under which conditions an addon runs by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InjectionRule {
    /// A name of the rule.
    pub id: String,
    /// Of addons that do not need each other, the one with the higher priority is loaded first.
    pub priority: i32,
    /// Domain patterns, within those of the addon.
    pub domains: Vec<String>,
    /// Match patterns, within the domains. Without them the addon runs on every page of the domains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_patterns: Option<Vec<String>>,
    /// Match patterns of pages on which it does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude_patterns: Option<Vec<String>>,
    /// When it runs.
    pub run_at: RunAt,
    /// Whether it runs in frames too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_frames: Option<bool>,
    /// Conditions that the extension evaluates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
}

/// A condition of a rule. It is stored and given back; this service does not evaluate it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Condition {
    /// What it looks at.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// How it compares.
    pub operator: Operator,
    /// What it compares with: a text, a number or a truth value.
    pub value: ConditionValue,
}

/// What a condition compares with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ConditionValue {
    /// A truth value.
    Flag(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// Another addon that a version needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// The addon.
    pub addon_id: AddonId,
    /// The range of its versions, in npm's grammar.
    #[schemars(extend("example" = "^1.2"))]
    pub version: String,
    /// Whether the addon also works without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// What an addon asks of the extension and the browser. It is stored and given back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// The oldest browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_browser_version: Option<String>,
    /// The newest browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_browser_version: Option<String>,
    /// Permissions that the extension must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_permissions: Option<Vec<String>>,
    /// Features that must be switched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experimental_features: Option<Vec<String>>,
}
