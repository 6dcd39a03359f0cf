//! The fields of a publication, from the manifest and the options.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use crate::cli;
use crate::output;

/// The fields that the API knows, except the content.
const KNOWN: [&str; 11] = [
    "addonId",
    "name",
    "description",
    "type",
    "version",
    "status",
    "author",
    "domainPatterns",
    "injectionRules",
    "dependencies",
    "config",
];

/// What is published, except the content.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fields {
    /// The id, if one is given.
    pub(super) id: Option<String>,
    pub(super) version: String,
    /// The given fields, without the id.
    pub(super) given: Map<String, Value>,
}

impl Fields {
    /// Reads the manifest, and applies the options to it.
    pub(super) fn of(args: &cli::AddonsPublish) -> Result<Self> {
        let manifest = match &args.manifest {
            Some(file) => {
                let text = std::fs::read_to_string(file);
                let text = text.with_context(|| format!("cannot read {}", file.display()))?;
                manifest(&text).with_context(|| file.display().to_string())?
            }
            None => Map::new(),
        };
        Self::with_manifest(args, manifest)
    }

    pub(super) fn with_manifest(args: &cli::AddonsPublish, mut fields: Map<String, Value>) -> Result<Self> {
        let texts = [
            ("addonId", &args.id),
            ("name", &args.name),
            ("description", &args.description),
            ("type", &args.kind),
            ("version", &args.version),
            ("status", &args.status),
            ("author", &args.author),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                fields.insert(name.to_owned(), json!(value));
            }
        }
        if !args.dependencies.is_empty() {
            let dependencies: Vec<_> = args.dependencies.iter().map(dependency).collect();
            fields.insert("dependencies".to_owned(), json!(dependencies));
        }
        if !args.domains.is_empty() {
            fields.insert("domainPatterns".to_owned(), json!(args.domains));
        }
        apply_rule_options(args, &mut fields)?;
        let version = fields.get("version").and_then(Value::as_str);
        let version = version.context("no version: use --version, or `version` in the manifest")?.to_owned();
        let id = match fields.remove("addonId") {
            Some(id) => Some(
                cli::addon_id(id.as_str().unwrap_or_default())
                    .map_err(anyhow::Error::msg)
                    .context("addonId of the manifest")?,
            ),
            None => None,
        };
        Ok(Self { id, version, given: fields })
    }

    /// The body of a further version of an addon. The server takes what is missing from the newest version.
    pub(super) fn version_body(&self, content: &str) -> Value {
        let mut body = self.given.clone();
        body.insert("content".to_owned(), json!(content));
        Value::Object(body)
    }

    /// The body of the first version of the addon `id`, with what a new addon must have.
    pub(super) fn addon_body(&self, id: &str, content: &str, file: &Path) -> Value {
        let Value::Object(mut body) = self.version_body(content) else { return Value::Null };
        let is_css = file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("css"));
        let kind = if is_css { "style_sheet" } else { "content_script" };
        let name = if file == Path::new("-") { None } else { file.file_stem() };
        let name = name.map_or_else(|| id.to_owned(), |name| name.to_string_lossy().into_owned());
        body.insert("addonId".to_owned(), json!(id));
        for (field, default) in [("name", name.as_str()), ("description", ""), ("type", kind)] {
            body.entry(field).or_insert_with(|| json!(default));
        }
        Value::Object(body)
    }

    /// The given fields whose value in `published` is another one. What the server has added is no difference, and
    /// neither is the status, which may have been changed since.
    pub(super) fn differences(&self, published: &Value) -> Vec<&str> {
        let compared =
            self.given.iter().filter(|(name, _)| *name != "status" && KNOWN.contains(&name.as_str()));
        compared
            .filter(|(name, value)| !holds(&published[*name], value))
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// Parses a manifest. A field that is `null` is not given.
fn manifest(text: &str) -> Result<Map<String, Value>> {
    let mut fields: Map<String, Value> = serde_json::from_str(text).context("must be a JSON object")?;
    fields.retain(|_, value| !value.is_null());
    if fields.remove("content").is_some() {
        bail!("`content` does not belong here: it is read from FILE");
    }
    for field in fields.keys().filter(|field| !KNOWN.contains(&field.as_str())) {
        output::note(format_args!("the manifest's field {field:?} is not known and ignored"));
    }
    fields.retain(|field, _| KNOWN.contains(&field.as_str()));
    Ok(fields)
}

fn dependency(dependency: &cli::Dependency) -> Value {
    let mut value = json!({"addonId": dependency.addon, "version": dependency.range});
    if dependency.optional {
        value["optional"] = json!(true);
    }
    value
}

/// Makes an injection rule of the options, or changes the only one of the manifest.
fn apply_rule_options(args: &cli::AddonsPublish, fields: &mut Map<String, Value>) -> Result<()> {
    let mut options = Map::new();
    if let Some(run_at) = &args.run_at {
        options.insert("runAt".to_owned(), json!(run_at));
    }
    if args.all_frames {
        options.insert("allFrames".to_owned(), json!(true));
    }
    if let Some(priority) = args.priority {
        options.insert("priority".to_owned(), json!(priority));
    }
    for (name, patterns) in [("urlPatterns", &args.url_patterns), ("excludePatterns", &args.exclude)] {
        if !patterns.is_empty() {
            options.insert(name.to_owned(), json!(patterns));
        }
    }
    let rules = fields.get("injectionRules").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut rule = match rules {
        [] if options.is_empty() => return Ok(()),
        [] => Map::from_iter([
            ("id".to_owned(), json!("default")),
            ("priority".to_owned(), json!(0)),
            ("runAt".to_owned(), json!("document_idle")),
        ]),
        [Value::Object(rule)] => rule.clone(),
        _ if options.is_empty() => return Ok(()),
        _ => bail!(
            "the manifest has several injection rules: change them there, without --run-at, --all-frames, \
             --priority, --url-pattern and --exclude"
        ),
    };
    rule.extend(options);
    if !args.domains.is_empty() {
        rule.insert("domains".to_owned(), json!(args.domains));
    } else if !rule.contains_key("domains") {
        let domains = fields.get("domainPatterns");
        let domains =
            domains.context("where to run is missing: use --domain, or `domainPatterns` in the manifest")?;
        rule.insert("domains".to_owned(), domains.clone());
    }
    fields.insert("injectionRules".to_owned(), json!([rule]));
    Ok(())
}

/// Whether `published` has everything of `given`; it may have more fields. Lists of text are sets.
fn holds(published: &Value, given: &Value) -> bool {
    match (published, given) {
        (_, Value::Null) => true,
        (Value::Object(published), Value::Object(given)) => {
            given.iter().all(|(name, given)| holds(published.get(name).unwrap_or(&Value::Null), given))
        }
        (Value::Array(published), Value::Array(given)) if given.iter().all(Value::is_string) => {
            given.iter().all(|text| published.contains(text))
                && published.iter().all(|text| given.contains(text))
        }
        (Value::Array(published), Value::Array(given)) => {
            published.len() == given.len()
                && published.iter().zip(given).all(|(published, given)| holds(published, given))
        }
        // A default that the server does not repeat.
        (Value::Null, Value::Bool(false)) => true,
        (Value::Null, Value::String(given)) => given.is_empty(),
        (Value::Null, Value::Array(given)) => given.is_empty(),
        (published, given) => published == given,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn args(options: &[&str]) -> cli::AddonsPublish {
        let line = ["semantest", "addons", "publish", "src/tidy.css"].iter().chain(options);
        let cli::Command::Addons(cli::Addons::Publish(args)) = cli::Cli::parse_from(line).command else {
            panic!("not publish")
        };
        *args
    }

    fn fields(options: &[&str], text: &str) -> Result<Fields> {
        Fields::with_manifest(&args(options), manifest(text)?)
    }

    #[test]
    fn further_version_has_given_fields_alone() {
        let fields = fields(&["--id", "tidy", "--version", "1.0.0"], "{}").unwrap();
        assert_eq!(fields.id.as_deref(), Some("tidy"));
        assert_eq!(fields.version_body("a{}"), json!({"version": "1.0.0", "content": "a{}"}));
    }

    #[test]
    fn new_addon_has_the_type_and_name_of_its_file() {
        let fields = fields(&["--version", "1.0.0"], "{}").unwrap();
        let body = fields.addon_body("a-1", "", Path::new("src/Tidy up.CSS"));
        let expected = json!({"addonId": "a-1", "version": "1.0.0", "content": "", "name": "Tidy up",
            "description": "", "type": "style_sheet"});
        assert_eq!(body, expected);
        let body = fields.addon_body("a-1", "", Path::new("-"));
        assert_eq!((&body["name"], &body["type"]), (&json!("a-1"), &json!("content_script")));
    }

    #[test]
    fn every_option_has_its_field() {
        let options = ["--id", "tidy", "--version", "1.2.3", "--name", "n", "--type", "injected_script"];
        let more = ["--description", "d", "--author", "me", "--status", "beta", "--domain", "a.example"];
        let rule = ["--run-at", "document_start", "--all-frames", "--priority", "7"];
        let pages = ["--url-pattern", "*://a.example/x/*", "--exclude", "*://a.example/x/y"];
        let needs = ["--dependency", "base@^1", "--dependency", "extra@2.x?"];
        let all = [&options[..], &more, &rule, &pages, &needs].concat();
        let body = fields(&all, "{}").unwrap().addon_body("tidy", "a()", Path::new("x.js"));
        let expected = json!({
            "addonId": "tidy", "version": "1.2.3", "name": "n", "type": "injected_script", "description": "d",
            "author": "me", "status": "beta", "content": "a()", "domainPatterns": ["a.example"],
            "injectionRules": [{"id": "default", "priority": 7, "domains": ["a.example"], "allFrames": true,
                "runAt": "document_start", "urlPatterns": ["*://a.example/x/*"],
                "excludePatterns": ["*://a.example/x/y"]}],
            "dependencies": [{"addonId": "base", "version": "^1"},
                {"addonId": "extra", "version": "2.x", "optional": true}],
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn options_win_over_the_manifest() {
        let text = r#"{"addonId": "other", "version": "1.0.0", "name": "n", "author": null, "unknown": 1,
            "domainPatterns": ["a.example"], "config": {"requiredPermissions": ["storage"]},
            "injectionRules": [{"id": "r", "priority": 3, "domains": ["a.example"], "runAt": "document_end"}]}"#;
        let whole = fields(&[], text).unwrap();
        assert_eq!((whole.id.as_deref(), whole.version.as_str()), (Some("other"), "1.0.0"));
        assert!(!whole.given.contains_key("author") && !whole.given.contains_key("unknown"));
        let options = ["--id", "tidy", "--version", "2.0.0", "--domain", "b.example", "--priority", "0"];
        let changed = fields(&options, text).unwrap();
        assert_eq!((changed.id.as_deref(), changed.version.as_str()), (Some("tidy"), "2.0.0"));
        assert_eq!(changed.given["name"], "n");
        let rule = json!([{"id": "r", "priority": 0, "domains": ["b.example"], "runAt": "document_end"}]);
        assert_eq!(changed.given["injectionRules"], rule);
    }

    #[test]
    fn rule_without_domains_has_those_of_the_addon() {
        let text = r#"{"version": "1.0.0", "domainPatterns": ["a.example"]}"#;
        let rules = &fields(&["--all-frames"], text).unwrap().given["injectionRules"];
        let rule = json!([{"id": "default", "priority": 0, "domains": ["a.example"], "allFrames": true,
            "runAt": "document_idle"}]);
        assert_eq!(rules, &rule);
        assert!(!fields(&[], text).unwrap().given.contains_key("injectionRules"));
    }

    #[test]
    fn what_cannot_be_published_is_said() {
        let message = |options: &[&str], text| format!("{:#}", fields(options, text).unwrap_err());
        assert!(message(&[], "{}").contains("--version"));
        assert!(message(&[], "[]").contains("must be a JSON object"));
        assert!(message(&[], r#"{"version": "1.0.0", "content": ""}"#).contains("`content`"));
        assert!(message(&[], r#"{"version": "1.0.0", "addonId": "A"}"#).contains("addonId of the manifest"));
        assert!(message(&["--version", "1.0.0", "--all-frames"], "{}").contains("--domain"));
        let two = r#"{"version": "1.0.0", "injectionRules": [{}, {}]}"#;
        assert!(message(&["--priority", "1"], two).contains("several injection rules"));
        assert!(fields(&["--domain", "a.example"], two).is_ok());
    }

    #[test]
    fn differences_leave_out_what_the_server_adds() {
        let text = r#"{"version": "1.0.0", "status": "beta", "name": "n", "domainPatterns": ["b.example", "a.example"],
            "description": "", "dependencies": [{"addonId": "base", "version": "^1", "optional": false}]}"#;
        let fields = fields(&[], text).unwrap();
        let mut published = json!({"version": "1.0.0", "status": "active", "name": "n", "description": null,
            "domainPatterns": ["a.example", "b.example"], "size": 7, "injectionRules": [{"id": "default"}],
            "dependencies": [{"addonId": "base", "version": "^1", "resolved": "1.2.3"}]});
        assert!(fields.differences(&published).is_empty(), "{:?}", fields.differences(&published));
        published["name"] = json!("other");
        published["domainPatterns"] = json!(["a.example", "b.example", "c.example"]);
        published["dependencies"][0]["version"] = json!("^2");
        assert_eq!(fields.differences(&published), ["dependencies", "domainPatterns", "name"]);
    }
}
