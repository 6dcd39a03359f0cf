//! The bodies of `POST /admin/addons` and `PUT /admin/addons/{addonId}`.

use std::cell::Cell;

use addons::range::{VersionRange, published_version};
use domain::addons::{
    AddonId, AddonStatus, AddonType, Condition, ConditionValue, Config, Dependency, InjectionRule, RunAt,
};
use domain::{Error, FieldError};
use semver::Version;
use serde_json::Value;

use crate::api::addons::patterns::pattern_faults;
use crate::http::json_body::{Fields, named, parsed};

/// The maximum length of the content, in bytes.
pub const CONTENT_LIMIT: usize = 1024 * 1024;
/// The maximum length of a name, in characters.
pub const NAME_LIMIT: usize = 100;
/// The maximum length of a description, in characters.
pub const DESCRIPTION_LIMIT: usize = 500;
/// The maximum number of patterns in a list, and of dependencies.
pub const LIST_LIMIT: usize = 100;
/// The maximum number of rules, and of conditions of a rule.
pub const RULES_LIMIT: usize = 20;
/// The maximum length of a pattern, in characters.
pub const PATTERN_LIMIT: usize = 1000;
/// The maximum length of a version, in characters. It is a part of a key in the database, which is bounded too.
pub const VERSION_LIMIT: usize = 100;
/// The maximum length of all other short texts, in characters.
pub const TEXT_LIMIT: usize = 100;

/// A version that is to be published. What is `None` was not given.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    pub id: Option<AddonId>,
    pub name: Option<String>,
    pub description: Option<String>,
    pub kind: Option<AddonType>,
    pub content: String,
    pub version: Version,
    pub status: AddonStatus,
    pub author: Option<String>,
    pub domain_patterns: Option<Vec<String>>,
    pub injection_rules: Option<Vec<InjectionRule>>,
    pub dependencies: Option<Vec<Dependency>>,
    pub config: Option<Config>,
}

/// Whether the addon exists. A version of one that does need not repeat what has not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publishing {
    /// `POST`.
    Addon,
    /// `PUT`.
    Version,
}

/// Parses the body.
///
/// # Errors
///
/// [`Error::TooLarge`] if the content is; [`Error::InvalidVersion`] if only versions and ranges are invalid, and else
/// [`Error::Invalid`], with all field errors.
pub fn parse(body: &[u8], publishing: Publishing) -> Result<Publication, Error> {
    let mut fields = Fields::parse(body)?;
    let faulty_versions = Cell::new(0);
    let required = publishing == Publishing::Addon;
    let id = match publishing {
        Publishing::Addon => fields.optional("addonId", own_id),
        Publishing::Version => None,
    };
    let name = if required {
        fields.required("name", |value| short(value, 1, NAME_LIMIT))
    } else {
        fields.optional("name", |value| short(value, 1, NAME_LIMIT))
    };
    let description = fields.optional("description", |value| short(value, 0, DESCRIPTION_LIMIT));
    let kind =
        if required { fields.required("type", named) } else { fields.optional("type", named::<AddonType>) };
    let content = fields.required("content", text);
    let version = version_of(&mut fields, "version", &faulty_versions, short_version);
    let status = fields.optional("status", named::<AddonStatus>).unwrap_or(AddonStatus::Active);
    let author = fields.optional("author", |value| short(value, 1, TEXT_LIMIT));
    let domain_patterns = patterns(&mut fields, "domainPatterns", 0);
    let injection_rules = fields.objects("injectionRules", 0..=RULES_LIMIT, rule);
    let dependencies =
        all(fields.objects("dependencies", 0..=LIST_LIMIT, |fields| dependency(fields, &faulty_versions)));
    let config = fields.object("config", config);
    if content.as_ref().is_some_and(|content| content.len() > CONTENT_LIMIT) {
        return Err(Error::TooLarge { limit: CONTENT_LIMIT });
    }
    let numbered = injection_rules.iter().flatten().enumerate();
    let numbered = numbered.filter_map(|(index, rule)| Some((index, rule.as_ref()?)));
    for fault in pattern_faults(domain_patterns.as_deref(), numbered) {
        fields.fault(fault.path, fault.message);
    }
    let injection_rules = injection_rules.map(|rules| rules.into_iter().flatten().collect());
    match (fields.finish(), content, version) {
        (Ok(()), Some(content), Some(version)) => Ok(Publication {
            id,
            name,
            description,
            kind,
            content,
            version,
            status,
            author,
            domain_patterns,
            injection_rules,
            dependencies,
            config,
        }),
        (Err(Error::Invalid(faults)), ..) if faults.len() == faulty_versions.get() => {
            Err(Error::InvalidVersion(faults))
        }
        (Err(error), ..) => Err(error),
        (Ok(()), ..) => Err(Error::internal("a required field is missing, but no field error was added")),
    }
}

fn own_id(value: Value) -> Result<AddonId, String> {
    let id: AddonId = parsed(value)?;
    if id.as_str() == AddonId::RESERVED {
        Err(format!("must not be {id}, which is a path of its own"))
    } else {
        Ok(id)
    }
}

fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err("must be a text".into())
        }
    }
}

/// Reads a text of `min` to `max` characters.
fn short(value: Value, min: usize, max: usize) -> Result<String, String> {
    let fits = |text: &String| (min..=max).contains(&text.chars().count());
    text(value).ok().filter(fits).ok_or_else(|| format!("must be a text of {min} to {max} characters"))
}

/// Reads the version of an addon that is published.
pub(crate) fn short_version(text: &str) -> Result<Version, String> {
    if text.chars().count() > VERSION_LIMIT {
        return Err(format!("must have at most {VERSION_LIMIT} characters"));
    }
    published_version(text).map_err(|error| error.to_string())
}

/// Reads a version or a range. A fault in it has a code of its own.
fn version_of<T, E: ToString>(
    fields: &mut Fields<'_>,
    name: &str,
    faulty: &Cell<usize>,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    fields.required(name, |value| {
        let Value::String(text) = value else { return Err("must be a text".into()) };
        read(&text).map_err(|error| {
            faulty.set(faulty.get() + 1);
            error.to_string()
        })
    })
}

/// Reads a list of texts, each of which has its own fault.
fn texts(
    fields: &mut Fields<'_>,
    name: &str,
    least: usize,
    most: usize,
    limit: usize,
) -> Option<Vec<String>> {
    let list = fields.optional(name, |value| match value {
        Value::Array(list) if (least..=most).contains(&list.len()) => Ok(list),
        Value::Array(_) => Err(format!("must have {least} to {most} elements")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Err("must be a list".to_owned())
        }
    })?;
    let mut texts = Vec::with_capacity(list.len());
    for (index, value) in list.into_iter().enumerate() {
        match short(value, 1, limit) {
            Ok(text) => texts.push(text),
            Err(message) => {
                fields.fault(format!("{name}[{index}]"), message);
                // Those after it keep their places.
                texts.push(String::new());
            }
        }
    }
    Some(texts)
}

fn patterns(fields: &mut Fields<'_>, name: &str, least: usize) -> Option<Vec<String>> {
    texts(fields, name, least, LIST_LIMIT, PATTERN_LIMIT)
}

/// Returns the elements; those with faults are missing, but then the body is refused.
fn all<T>(list: Option<Vec<Option<Option<T>>>>) -> Option<Vec<T>> {
    list.map(|list| list.into_iter().flatten().flatten().collect())
}

/// Reads a rule. What has a fault is filled up, so that its patterns are checked all the same; the body is refused.
fn rule(fields: &mut Fields<'_>) -> InjectionRule {
    let id = fields.required("id", |value| short(value, 1, TEXT_LIMIT));
    let priority = fields.required("priority", priority);
    if fields.raw("domains").is_none() {
        fields.fault("domains", "is required");
    }
    let domains = patterns(fields, "domains", 1);
    let url_patterns = patterns(fields, "urlPatterns", 1);
    let exclude_patterns = patterns(fields, "excludePatterns", 0);
    let run_at = fields.required("runAt", named::<RunAt>);
    let all_frames = fields.optional("allFrames", flag);
    let conditions = all(fields.objects("conditions", 0..=RULES_LIMIT, condition));
    InjectionRule {
        id: id.unwrap_or_default(),
        priority: priority.unwrap_or_default(),
        domains: domains.unwrap_or_default(),
        url_patterns,
        exclude_patterns,
        run_at: run_at.unwrap_or(RunAt::DocumentIdle),
        all_frames,
        conditions,
    }
}

fn priority(value: Value) -> Result<i32, String> {
    let whole = value.as_f64().filter(|number| number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX));
    whole
        .map(|number| number as i32)
        .ok_or_else(|| format!("must be a whole number from -{0} to {0}", i32::MAX))
}

fn flag(value: Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| "must be true or false".into())
}

fn condition(fields: &mut Fields<'_>) -> Option<Condition> {
    let kind = fields.required("type", named);
    let operator = fields.required("operator", named);
    let value = fields.required("value", |value| match value {
        Value::Bool(flag) => Ok(ConditionValue::Flag(flag)),
        Value::Number(number) => Ok(ConditionValue::Number(number.as_f64().unwrap_or_default())),
        Value::String(text) if text.chars().count() <= PATTERN_LIMIT => Ok(ConditionValue::Text(text)),
        Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => {
            Err(format!("must be a number, true, false or a text of at most {PATTERN_LIMIT} characters"))
        }
    });
    Some(Condition { kind: kind?, operator: operator?, value: value? })
}

fn dependency(fields: &mut Fields<'_>, faulty: &Cell<usize>) -> Option<Dependency> {
    let addon_id = fields.required("addonId", parsed);
    let range = version_of(fields, "version", faulty, |text| {
        let length = text.chars().count();
        if length > TEXT_LIMIT {
            return Err(format!("must have at most {TEXT_LIMIT} characters"));
        }
        text.parse::<VersionRange>().map_err(|error| error.to_string())
    });
    let optional = fields.optional("optional", flag).unwrap_or_default();
    Some(Dependency { addon_id: addon_id?, version: range?.as_str().to_owned(), optional })
}

fn config(fields: &mut Fields<'_>) -> Config {
    let version = |fields: &mut Fields<'_>, name| fields.optional(name, |value| short(value, 1, TEXT_LIMIT));
    Config {
        min_browser_version: version(fields, "minBrowserVersion"),
        max_browser_version: version(fields, "maxBrowserVersion"),
        required_permissions: texts(fields, "requiredPermissions", 0, LIST_LIMIT, TEXT_LIMIT),
        experimental_features: texts(fields, "experimentalFeatures", 0, LIST_LIMIT, TEXT_LIMIT),
    }
}

/// Returns type and content of a body that has faults, if both are there and the content is not too large.
#[must_use]
pub fn content_of(body: &[u8]) -> Option<(AddonType, String)> {
    #[derive(serde::Deserialize)]
    struct Part {
        #[serde(rename = "type")]
        kind: AddonType,
        content: String,
    }
    let part: Part = serde_json::from_slice(body).ok()?;
    (part.content.len() <= CONTENT_LIMIT).then_some((part.kind, part.content))
}

/// Returns the faults of the content as those of its field.
#[must_use]
pub fn content_fault(line: u32, column: u32, message: &str) -> FieldError {
    FieldError::new("content", format!("line {line} column {column}: {message}"))
}

#[cfg(test)]
mod tests;
