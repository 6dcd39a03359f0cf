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

#[test]
fn error_examples_fit_their_operation() {
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let example = |status: &str| {
                operation["responses"][status]["content"]["application/json"]["example"]["error"].clone()
            };
            let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let body = body.as_str().map(|place| document.pointer(&place[1..]).unwrap());
            for fault in example("400")["details"].as_array().into_iter().flatten() {
                let fault = fault["path"].as_str().unwrap();
                let field = fault.split(['.', '[']).next().unwrap();
                let reference = format!("#/components/parameters/{field}");
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let known = body.is_some_and(|body| !body["properties"][field].is_null())
                    || parameters.into_iter().any(|parameter| parameter["$ref"] == reference);
                assert!(known, "{method} {path}: {fault}");
            }
            let refused = !operation["responses"]["400"].is_null();
            assert_eq!(refused, example("400")["details"].is_array(), "{method} {path}");
            if let Some(message) = example("403")["message"].as_str()
                && let Some((_, scope)) = message.split_once("lacks the scope ")
            {
                let needed = format!("Needs the scope `{scope}`");
                assert!(operation["description"].as_str().unwrap().contains(&needed), "{method} {path}");
            }
        }
    }
}

/// Calls `visit` with every schema-like object in `value`.
fn each_object<'a>(value: &'a Value, visit: &mut dyn FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            visit(fields);
            fields.values().for_each(|value| each_object(value, visit));
        }
        Value::Array(list) => list.iter().for_each(|value| each_object(value, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn nullable_stands_beside_a_type_and_patterns_are_portable() {
    let document = document();
    let (mut nullable, mut patterns) = (0, BTreeSet::new());
    each_object(&document, &mut |fields| {
        if fields.get("nullable") == Some(&Value::Bool(true)) {
            nullable += 1;
            assert!(fields.get("type").is_some_and(Value::is_string), "{fields:?}");
            let values = fields.get("enum").and_then(Value::as_array);
            assert!(values.is_none_or(|values| values.contains(&Value::Null)), "{fields:?}");
        }
        patterns.extend(fields.get("pattern").and_then(Value::as_str));
    });
    assert!(nullable > 17 && patterns.len() > 3);
    for pattern in patterns {
        // This crate has the dialect of RE2. `\u` is JavaScript's alone, `\s` differs between dialects.
        assert!(regex::Regex::new(pattern).is_ok(), "{pattern}");
        assert!(
            ["\\u", "\\s", "\\S", "\\d", "\\w", "(?"].iter().all(|part| !pattern.contains(part)),
            "{pattern}"
        );
    }
}

#[test]
fn each_operation_has_one_schema_of_errors() {
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let mut schemas = BTreeSet::new();
            for (status, response) in operation["responses"].as_object().unwrap() {
                let response = match response["$ref"].as_str() {
                    Some(place) => document.pointer(&place[1..]).unwrap(),
                    None => response,
                };
                let schema = &response["content"]["application/json"]["schema"];
                if status.as_str() >= "400" {
                    schemas.insert(schema.to_string());
                }
            }
            assert_eq!(schemas.len(), 1, "{method} {path}: {schemas:?}");
        }
    }
}

#[test]
fn no_parameter_may_be_empty_that_is_refused_empty() {
    let cursor = &document()["components"]["parameters"]["cursor"]["schema"];
    assert_eq!(cursor["minLength"], 1);
    assert!(crate::api::images::list::parse(|name| (name == "cursor").then_some("")).is_err());
    assert!(crate::api::chat::page_of(None, Some("")).is_err());
}
