//! Compares the OpenAPI document with the code.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::document;
use crate::http::cors::{EXPOSED, REQUEST_HEADERS};
use crate::http::routes::ROUTES;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

/// Returns the document as the text to check in.
fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap();
    text.push('\n');
    text
}

#[test]
fn checked_in_document_matches_code() {
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(FILE, text()).unwrap();
    }
    let checked_in = std::fs::read_to_string(Path::new(FILE)).unwrap_or_default();
    assert!(
        checked_in == text(),
        "docs/openapi.json does not match the code; regenerate it and review the difference:\n\
         UPDATE_OPENAPI=1 cargo test --workspace --lib openapi && git diff docs/openapi.json"
    );
}

#[test]
fn routes_and_operations_match() {
    let document = document();
    let mut operations = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        operations
            .extend(methods.as_object().unwrap().keys().map(|method| (method.to_uppercase(), path.clone())));
    }
    let routes = ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned()));
    assert_eq!(operations, routes.collect());
}

#[test]
fn strict_parser_accepts_document() {
    let document: openapiv3::OpenAPI = serde_json::from_str(&text()).unwrap();
    let ids: BTreeSet<_> =
        document.operations().map(|(.., operation)| operation.operation_id.clone()).collect();
    assert_eq!(ids.len(), ROUTES.len(), "operation ids are unique");
    for (path, method, operation) in document.operations() {
        assert!(operation.summary.is_some() && operation.description.is_some(), "{method} {path}");
        assert_eq!(operation.tags.len(), 1, "{method} {path}");
        assert!(operation.extensions.is_empty(), "{method} {path}: {:?}", operation.extensions);
    }
}

/// Adds every `$ref` in `value` to `found`.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn references_and_components_match() {
    let document = document();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    let mut defined = BTreeSet::new();
    for (kind, components) in document["components"].as_object().unwrap() {
        if kind != "securitySchemes" {
            defined.extend(
                components.as_object().unwrap().keys().map(|name| format!("#/components/{kind}/{name}")),
            );
        }
    }
    assert_eq!(used, defined);
}

#[test]
fn every_body_has_an_example() {
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let answers =
                operation["responses"].as_object().unwrap().values().map(|answer| &answer["content"]);
            let bodies = answers.chain([&operation["requestBody"]["content"]]);
            for kind in bodies.filter_map(Value::as_object).flat_map(serde_json::Map::values) {
                assert!(!(kind["example"].is_null() && kind["examples"].is_null()), "{method} {path}");
            }
        }
    }
}

/// A page can send and read only the headers that CORS names.
#[test]
fn cors_names_every_header_of_the_document() {
    let has = |list: &str, name: &str| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(name));
    let document = document();
    let components = &document["components"];
    for name in components["headers"].as_object().unwrap().keys() {
        assert!(has(EXPOSED, name), "{name} is not in EXPOSED");
    }
    let parameters = components["parameters"].as_object().unwrap().values();
    for parameter in parameters.filter(|parameter| parameter["in"] == "header") {
        let name = parameter["name"].as_str().unwrap();
        let is_of_webhooks = super::webhooks::HEADERS.contains(&name);
        assert!(is_of_webhooks || has(REQUEST_HEADERS, name), "{name} is not in REQUEST_HEADERS");
    }
}
