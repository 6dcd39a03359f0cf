//! How addons are printed.

use std::path::Path;

use serde_json::Value;

use super::content::{located, printable};
use crate::output;

fn text<'a>(metadata: &'a Value, field: &str) -> &'a str {
    metadata[field].as_str().unwrap_or("-")
}

/// `id  version  type  status  size  domains  name`
pub(super) fn list_line(metadata: &Value) -> String {
    let field = |name: &str| text(metadata, name);
    format!(
        "{}  {}  {}  {}  {} bytes  {}  {}",
        field("id"),
        field("version"),
        field("type"),
        field("status"),
        metadata["size"],
        domains(metadata),
        printable(field("name"))
    )
}

fn domains(metadata: &Value) -> String {
    let domains = metadata["domainPatterns"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let domains: Vec<_> = domains.map(printable).collect();
    if domains.is_empty() { "-".to_owned() } else { domains.join(",") }
}

/// `id  version  hash  sizes`
pub(super) fn published_line(metadata: &Value) -> String {
    let (id, version, hash) =
        (text(metadata, "id"), text(metadata, "version"), text(metadata, "contentHash"));
    format!("{id}  {version}  {hash}  {}", sizes(metadata))
}

/// `source 120 bytes, minified 60, gzip 50, brotli 40`
fn sizes(metadata: &Value) -> String {
    let performance = &metadata["performance"];
    let source = performance["sourceBytes"].as_u64().or_else(|| metadata["size"].as_u64());
    let mut sizes = vec![source.map_or("-".to_owned(), |source| format!("source {source} bytes"))];
    for (name, field) in [("minified", "minifiedBytes"), ("gzip", "gzipBytes"), ("brotli", "brotliBytes")] {
        sizes.extend(performance[field].as_u64().map(|bytes| format!("{name} {bytes}")));
    }
    sizes.join(", ")
}

/// Everything that people ask about a version, a line each.
pub(super) fn details(metadata: &Value) -> Vec<String> {
    let mut lines = vec![list_line(metadata)];
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            lines.push(format!("  {name:<13} {value}"));
        }
    };
    let field = |name: &str| printable(metadata[name].as_str().unwrap_or_default());
    add("description", field("description"));
    add("author", field("author"));
    add("sha256", field("contentHash"));
    add("sizes", sizes(metadata));
    add("created", field("createdAt"));
    add("updated", field("updatedAt"));
    add("deprecation", field("deprecationMessage"));
    for dependency in metadata["dependencies"].as_array().into_iter().flatten() {
        let optional = if dependency["optional"] == true { " (optional)" } else { "" };
        let (addon, range) = (text(dependency, "addonId"), text(dependency, "version"));
        add("needs", printable(&format!("{addon}@{range}{optional}")));
    }
    for rule in metadata["injectionRules"].as_array().into_iter().flatten() {
        add("runs", printable(&rule.to_string()));
    }
    lines
}

/// `version  status  hash  creation`
pub(super) fn version_line(version: &Value) -> String {
    let field = |name: &str| text(version, name);
    let (hash, created) = (field("contentHash"), field("createdAt"));
    format!("{}  {}  {hash}  created {created}", field("version"), field("status"))
}

/// The warnings of a version, those of the content with their place in the file.
pub(super) fn warnings(metadata: &Value, file: &Path) -> Vec<String> {
    let warnings = metadata["warnings"].as_array().into_iter().flatten();
    warnings
        .map(|warning| {
            let message = warning.as_str().or_else(|| warning["message"].as_str());
            let message = message.map_or_else(|| warning.to_string(), str::to_owned);
            // Compilers write `FILE:3:7: warning: message`.
            let place = message.find(": ").filter(|_| located(file, &message).is_some());
            let message = match place {
                Some(at) => format!("{}: warning{}", &message[..at], &message[at..]),
                None => format!("warning: {message}"),
            };
            located(file, &message).unwrap_or_else(|| printable(&message))
        })
        .collect()
}

/// Prints a version that is published, and its warnings.
pub(super) fn print_published(metadata: &Value, file: &Path, as_json: bool) {
    if as_json {
        output::line(metadata);
    } else {
        output::line(published_line(metadata));
    }
    for warning in warnings(metadata, file) {
        output::note(warning);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn published_version_is_one_line_with_its_sizes() {
        let mut metadata = json!({"id": "a", "version": "1.2.3", "contentHash": "ab12", "size": 120});
        assert_eq!(published_line(&metadata), "a  1.2.3  ab12  source 120 bytes");
        metadata["performance"] =
            json!({"sourceBytes": 120, "minifiedBytes": 60, "gzipBytes": 50, "brotliBytes": 40});
        let expected = "a  1.2.3  ab12  source 120 bytes, minified 60, gzip 50, brotli 40";
        assert_eq!(published_line(&metadata), expected);
    }

    #[test]
    fn list_line_shows_domains_and_escapes_control_characters() {
        let mut metadata = json!({"id": "a", "version": "1.2.3", "type": "style_sheet", "status": "beta",
            "size": 7, "domainPatterns": ["a.example", "*.b.example"], "name": "an é \u{1b}[2J"});
        let expected = "a  1.2.3  style_sheet  beta  7 bytes  a.example,*.b.example  an é \\u{1b}[2J";
        assert_eq!(list_line(&metadata), expected);
        metadata["domainPatterns"] = json!(null);
        assert!(list_line(&metadata).contains("  7 bytes  -  "));
    }

    #[test]
    fn details_have_what_is_known_alone() {
        let metadata = json!({"id": "a", "version": "1.2.3", "size": 7, "contentHash": "ab", "author": null,
            "dependencies": [{"addonId": "b", "version": "^1", "optional": true}]});
        let lines = details(&metadata);
        assert!(lines.contains(&"  needs         b@^1 (optional)".to_owned()), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("author")), "{lines:?}");
    }

    #[test]
    fn warnings_of_the_content_have_their_place() {
        let metadata = json!({"warnings": ["line 2 column 1: x is not shared: use globalThis", "all: is well",
            {"message": "line 4 column 9: another"}, {"other": 1}]});
        let expected = [
            "a.js:2:1: warning: x is not shared: use globalThis",
            "warning: all: is well",
            "a.js:4:9: warning: another",
            "warning: {\"other\":1}",
        ];
        assert_eq!(warnings(&metadata, Path::new("a.js")), expected);
        assert!(warnings(&json!({}), Path::new("a.js")).is_empty());
    }
}
