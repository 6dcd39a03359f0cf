//! The bodies of requests about addons.
//!
//! Responses have rules, dependencies and settings too, but without bounds: what is published already has passed them.
//! So these types have names of their own.

use std::borrow::Cow;

use domain::addons::{AddonId, AddonStatus, AddonType, ConditionType, Operator, RunAt};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::api::addons::publication::{
    CONTENT_LIMIT, DESCRIPTION_LIMIT, LIST_LIMIT, NAME_LIMIT, PATTERN_LIMIT, RULES_LIMIT, TEXT_LIMIT,
    VERSION_LIMIT,
};
use crate::api::addons::status::REASON_LIMIT;

/// Matches a full version (semver.org) without build metadata. The parser refuses numbers above 2^53 - 1, too.
pub(in crate::openapi) const VERSION_PATTERN: &str = concat!(
    r"^(0|[1-9][0-9]{0,15})\.(0|[1-9][0-9]{0,15})\.(0|[1-9][0-9]{0,15})",
    r"(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?$",
);

/// Matches a text without control characters, which a header cannot have.
pub(in crate::openapi) const ONE_LINE: &str = r"^[^\x00-\x1F\x7F-\x9F]*$";

/// An addon to be published.
#[derive(JsonSchema)]
#[schemars(rename = "AddonRequest", rename_all = "camelCase")]
pub struct AddonBody {
    /// Its id, which cannot be `keys`. Left out, it gets a UUID.
    pub addon_id: Option<AddonId>,
    /// Its name, for people.
    #[schemars(length(min = 1, max = NAME_LIMIT))]
    pub name: String,
    /// What it is. All versions of an addon are the same.
    #[schemars(rename = "type")]
    pub kind: AddonType,
    /// The rest.
    #[schemars(flatten)]
    pub release: ReleaseBody,
}

/// Another version of an addon. What is left out stays as it is in the newest version, except for the status.
#[derive(JsonSchema)]
#[schemars(rename = "AddonVersionRequest")]
pub struct AddonVersionBody {
    /// The addon's name, for people.
    #[schemars(length(min = 1, max = NAME_LIMIT))]
    pub name: Option<String>,
    /// What it is. It cannot change.
    #[schemars(rename = "type")]
    pub kind: Option<AddonType>,
    /// The rest.
    #[schemars(flatten)]
    pub release: ReleaseBody,
}

/// What every publication has. In other types only.
#[derive(JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct ReleaseBody {
    /// What it does, for people.
    #[schemars(length(max = DESCRIPTION_LIMIT))]
    pub description: Option<String>,
    /// The script, which is no module, or the style sheet: at most 1 MiB in UTF-8.
    #[schemars(length(max = CONTENT_LIMIT))]
    pub content: String,
    /// A full version that the addon has never had, without build metadata.
    #[schemars(length(max = VERSION_LIMIT), regex(pattern = VERSION_PATTERN))]
    pub version: String,
    /// How the version may be used.
    #[schemars(extend("default" = "active"))]
    pub status: Option<AddonStatus>,
    /// Who wrote it.
    #[schemars(length(min = 1, max = TEXT_LIMIT))]
    pub author: Option<String>,
    /// Where it may run: Chrome match patterns, hosts (`example.com`) and hosts with all their subdomains
    /// (`*.example.com`). Left out, it may run everywhere.
    #[schemars(length(max = LIST_LIMIT))]
    pub domain_patterns: Option<Vec<DomainPattern>>,
    /// Where and when it runs by itself. Left out, on all pages of `domainPatterns`; an addon with neither only runs
    /// where another one needs it.
    #[schemars(length(max = RULES_LIMIT))]
    pub injection_rules: Option<Vec<RuleBody>>,
    /// The addons that it needs.
    #[schemars(length(max = LIST_LIMIT))]
    pub dependencies: Option<Vec<DependencyBody>>,
    /// What it asks of the extension and the browser.
    pub config: Option<ConfigBody>,
}

/// Where, when and under which conditions an addon is to run by itself.
#[derive(JsonSchema)]
#[schemars(rename = "InjectionRuleRequest", rename_all = "camelCase")]
pub struct RuleBody {
    /// A name of the rule.
    #[schemars(length(min = 1, max = TEXT_LIMIT))]
    pub id: String,
    /// Of addons that do not need each other, the one with the higher priority is loaded first.
    #[schemars(range(min = -i32::MAX, max = i32::MAX))]
    pub priority: i32,
    /// Domain patterns, within those of the addon.
    #[schemars(length(min = 1, max = LIST_LIMIT))]
    pub domains: Vec<DomainPattern>,
    /// Chrome match patterns, within the rule's domains. Left out, it runs on every page of the domains.
    #[schemars(length(min = 1, max = LIST_LIMIT))]
    pub url_patterns: Option<Vec<UrlPattern>>,
    /// Chrome match patterns of pages on which it does not run.
    #[schemars(length(max = LIST_LIMIT))]
    pub exclude_patterns: Option<Vec<UrlPattern>>,
    /// When it runs.
    pub run_at: RunAt,
    /// Whether it runs in frames too.
    #[schemars(extend("default" = false))]
    pub all_frames: Option<bool>,
    /// Conditions that the extension evaluates.
    #[schemars(length(max = RULES_LIMIT))]
    pub conditions: Option<Vec<ConditionBody>>,
}

/// A condition of a rule. It is stored and given back; this service does not evaluate it.
#[derive(JsonSchema)]
#[schemars(rename = "ConditionRequest")]
pub struct ConditionBody {
    /// What it looks at.
    #[schemars(rename = "type")]
    pub kind: ConditionType,
    /// How it compares.
    pub operator: Operator,
    /// What it compares with: a text, a number or a truth value.
    pub value: ConditionValueBody,
}

/// Another addon that the version needs.
#[derive(JsonSchema)]
#[schemars(rename = "DependencyRequest", rename_all = "camelCase")]
pub struct DependencyBody {
    /// The addon, which must exist.
    pub addon_id: AddonId,
    /// The range of its versions, in npm's grammar. One of them must be in it.
    #[schemars(length(max = TEXT_LIMIT), extend("format" = "npm-range", "example" = "^1.2"))]
    pub version: String,
    /// Whether the addon also works without it.
    #[schemars(extend("default" = false))]
    pub optional: Option<bool>,
}

/// What an addon asks of the extension and the browser. It is stored and given back.
#[derive(JsonSchema)]
#[schemars(rename = "ConfigRequest", rename_all = "camelCase")]
pub struct ConfigBody {
    /// The oldest browser.
    #[schemars(length(min = 1, max = TEXT_LIMIT))]
    pub min_browser_version: Option<String>,
    /// The newest browser.
    #[schemars(length(min = 1, max = TEXT_LIMIT))]
    pub max_browser_version: Option<String>,
    /// Permissions that the extension must have.
    #[schemars(length(max = LIST_LIMIT), inner(length(min = 1, max = TEXT_LIMIT)))]
    pub required_permissions: Option<Vec<String>>,
    /// Features that must be switched on.
    #[schemars(length(max = LIST_LIMIT), inner(length(min = 1, max = TEXT_LIMIT)))]
    pub experimental_features: Option<Vec<String>>,
}

/// How the versions of an addon may be used from now on.
#[derive(JsonSchema)]
#[schemars(rename = "AddonStatusRequest", rename_all = "camelCase")]
pub struct AddonStatusBody {
    /// How.
    pub status: AddonStatus,
    /// The version; left out, all versions of the addon.
    #[schemars(length(max = VERSION_LIMIT), regex(pattern = VERSION_PATTERN))]
    pub version: Option<String>,
    /// Why, for people.
    #[schemars(length(min = 1, max = REASON_LIMIT))]
    pub reason: Option<String>,
    /// What to use instead, for people: one line, which `X-Deprecation-Warning` has.
    #[schemars(length(min = 1, max = REASON_LIMIT), regex(pattern = ONE_LINE))]
    pub deprecation_message: Option<String>,
}

/// What a bundle is to hold.
#[derive(JsonSchema)]
#[schemars(rename = "BundleRequest", rename_all = "camelCase")]
pub struct BundleBody {
    /// Whether style sheets are in it.
    #[schemars(extend("default" = true))]
    pub include_styles: Option<bool>,
    /// Whether addons are in it that are only needed by others.
    #[schemars(extend("default" = true))]
    pub include_dependencies: Option<bool>,
}

/// Implements the schema of a pattern. It is inlined.
macro_rules! pattern_schema {
    ($(#[$about:meta])* $name:ident, $format:literal) => {
        $(#[$about])*
        pub struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "format": $format, "minLength": 1, "maxLength": PATTERN_LIMIT})
            }
        }
    };
}

pattern_schema!(
    /// A Chrome match pattern, a host, or a host with its subdomains.
    DomainPattern,
    "domain-pattern"
);
pattern_schema!(
    /// A Chrome match pattern.
    UrlPattern,
    "match-pattern"
);

/// A text, a number or a truth value. The schema is inlined.
pub struct ConditionValueBody;

impl JsonSchema for ConditionValueBody {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "ConditionValueRequest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [
            {"type": "boolean"}, {"type": "number"}, {"type": "string", "maxLength": PATTERN_LIMIT},
        ]})
    }
}
