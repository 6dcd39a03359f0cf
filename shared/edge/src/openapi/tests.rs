//! What the document says, held against what the code does.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::document;
use crate::http::routes::ROUTES;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

/// The document as it is checked in.
fn text() -> String {
    let mut text = serde_json::to_string_pretty(&document()).unwrap();
    text.push('\n');
    text
}

#[test]
fn the_document_that_is_checked_in_is_the_one_that_the_code_makes() {
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(FILE, text()).unwrap();
    }
    let there = std::fs::read_to_string(Path::new(FILE)).unwrap_or_default();
    assert!(
        there == text(),
        "docs/openapi.json is not what the code makes; write it anew and look at the difference:\n\
         UPDATE_OPENAPI=1 cargo test --workspace --lib openapi && git diff docs/openapi.json"
    );
}

#[test]
fn every_route_is_an_operation_and_every_operation_a_route() {
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
fn a_strict_reader_understands_the_document() {
    let document: openapiv3::OpenAPI = serde_json::from_str(&text()).unwrap();
    let ids: BTreeSet<_> =
        document.operations().map(|(.., operation)| operation.operation_id.clone()).collect();
    assert_eq!(ids.len(), ROUTES.len(), "each operation has an id of its own");
    for (path, method, operation) in document.operations() {
        assert!(operation.summary.is_some() && operation.description.is_some(), "{method} {path}");
        assert_eq!(operation.tags.len(), 1, "{method} {path}");
        assert!(operation.extensions.is_empty(), "{method} {path}: {:?}", operation.extensions);
    }
}

/// Every `$ref` in a document.
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
fn every_component_is_used_and_every_use_has_its_component() {
    let document = document();
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    let mut there = BTreeSet::new();
    for (kind, components) in document["components"].as_object().unwrap() {
        if kind != "securitySchemes" {
            there.extend(
                components.as_object().unwrap().keys().map(|name| format!("#/components/{kind}/{name}")),
            );
        }
    }
    assert_eq!(used, there);
}

#[test]
fn every_body_has_an_example() {
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let answers = operation["responses"].as_object().unwrap().values().map(|one| &one["content"]);
            let bodies = answers.chain([&operation["requestBody"]["content"]]);
            for kind in bodies.filter_map(Value::as_object).flat_map(serde_json::Map::values) {
                assert!(!(kind["example"].is_null() && kind["examples"].is_null()), "{method} {path}");
            }
        }
    }
}
