//! What is told of addons.

use std::collections::BTreeMap;

use domain::addons::{
    Addon, AddonId, AddonStatus, AddonType, Config, Dependency, Form, InjectionRule, Release, Standing,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::api::time::Rfc3339;

/// A version of an addon.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddonMetadata {
    /// The addon's id.
    pub id: AddonId,
    /// Its name, for people.
    name: String,
    /// What it does, for people.
    description: String,
    /// The version.
    version: String,
    /// What it is.
    #[serde(rename = "type")]
    kind: AddonType,
    /// How it may be used.
    status: AddonStatus,
    /// SHA-256 of what `minified=false` gives, in hexadecimal: the content as it was published, without a byte order mark and
    /// `sourceMappingURL` comments.
    content_hash: String,
    /// The length of what `minified=false` gives, in bytes.
    size: usize,
    /// When the version was published.
    #[schemars(with = "Rfc3339")]
    created_at: String,
    /// When its status last changed.
    #[schemars(with = "Rfc3339")]
    updated_at: String,
    /// Who wrote it.
    author: String,
    /// Where it may run; everywhere, if it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    domain_patterns: Option<Vec<String>>,
    /// Where and when it runs by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    injection_rules: Option<Vec<InjectionRule>>,
    /// What it needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    dependencies: Option<Vec<Dependency>>,
    /// What it asks of the extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Config>,
    /// How large it is.
    performance: Performance,
    /// For the attribute `integrity`, by form: `minified` and `source`.
    integrity: BTreeMap<&'static str, String>,
    /// Why its status is what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What to use instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecation_message: Option<String>,
    /// What its author should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// The sizes of a version, in bytes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Performance {
    /// As it was published.
    source_bytes: usize,
    /// As it is served.
    minified_bytes: usize,
    /// That with gzip.
    gzip_bytes: usize,
    /// That with Brotli.
    brotli_bytes: usize,
}

impl AddonMetadata {
    /// Describes a version.
    #[must_use]
    pub fn new(release: &Release, standing: &Standing) -> Self {
        let (source, minified): (&Form, &Form) = (&release.content.source, &release.content.minified);
        Self {
            id: release.addon_id.clone(),
            name: release.name.clone(),
            description: release.description.clone(),
            version: release.version.to_string(),
            kind: release.kind,
            status: standing.status,
            content_hash: source.hash.clone(),
            size: source.bytes,
            created_at: release.created_at.to_string(),
            updated_at: standing.updated_at.to_string(),
            author: release.author.clone().unwrap_or_default(),
            domain_patterns: release.domain_patterns.clone(),
            injection_rules: release.injection_rules.clone(),
            dependencies: release.dependencies.clone(),
            config: release.config.clone(),
            performance: Performance {
                source_bytes: source.bytes,
                minified_bytes: minified.bytes,
                gzip_bytes: minified.gzip_bytes,
                brotli_bytes: minified.brotli_bytes,
            },
            integrity: [("minified", minified.integrity.clone()), ("source", source.integrity.clone())]
                .into(),
            reason: standing.reason.clone(),
            deprecation_message: standing.deprecation_message.clone(),
            warnings: release.warnings.clone(),
        }
    }
}

/// Some of the addons, by id.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddonListResponse {
    /// Each with one version: the newest that the query allows, an active one if there is one.
    pub addons: Vec<AddonMetadata>,
    /// How many there are on all pages.
    pub total: usize,
    /// The number of this page, from 1.
    pub page: usize,
    /// How many a page has at most.
    pub page_size: usize,
    /// Whether there is another page.
    pub has_more: bool,
}

/// The versions of an addon.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AddonVersionsResponse {
    /// The newest first.
    versions: Vec<AddonVersion>,
}

/// A version in the list of an addon's versions.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct AddonVersion {
    /// The version.
    version: String,
    /// How it may be used.
    status: AddonStatus,
    /// SHA-256 of what `minified=false` gives, in hexadecimal: the content as it was published, without a byte order mark and
    /// `sourceMappingURL` comments.
    content_hash: String,
    /// The length of what `minified=false` gives, in bytes.
    size: usize,
    /// When it was published.
    #[schemars(with = "Rfc3339")]
    created_at: String,
}

impl AddonVersionsResponse {
    /// Lists the versions of `addon`.
    #[must_use]
    pub fn new(addon: &Addon) -> Self {
        let version = |(release, standing): (&Release, &Standing)| AddonVersion {
            version: release.version.to_string(),
            status: standing.status,
            content_hash: release.content.source.hash.clone(),
            size: release.content.source.bytes,
            created_at: release.created_at.to_string(),
        };
        Self { versions: addon.versions().map(version).collect() }
    }
}

/// The public keys that addons are signed with: a JWK set (RFC 7517).
#[derive(Debug, Serialize, JsonSchema)]
pub struct AddonKeys {
    /// The oldest first.
    pub keys: Vec<AddonKey>,
}

/// A public Ed25519 key (RFC 8037).
#[derive(Debug, Serialize, JsonSchema)]
pub struct AddonKey {
    /// The type of key.
    kty: &'static str,
    /// The curve.
    crv: &'static str,
    /// The key, in URL-safe base64.
    x: String,
    /// Its thumbprint (RFC 7638).
    kid: String,
    /// The algorithm.
    alg: &'static str,
    /// What it is for.
    #[serde(rename = "use")]
    usage: &'static str,
}

impl From<addons::signature::PublicKey> for AddonKey {
    fn from(key: addons::signature::PublicKey) -> Self {
        let kid = key.id();
        Self { kty: "OKP", crv: "Ed25519", x: key.x, kid, alg: "EdDSA", usage: "sig" }
    }
}
