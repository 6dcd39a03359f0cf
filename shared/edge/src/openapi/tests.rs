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

/// Headers that every page can read, whatever CORS exposes.
const SAFELISTED: [&str; 2] = ["Cache-Control", "Last-Modified"];
/// Headers for caches, which a page has no use for.
const OF_CACHES: [&str; 1] = ["Vary"];

/// A page can send and read only the headers that CORS names.
#[test]
fn cors_names_every_header_of_the_document() {
    let has = |list: &str, name: &str| list.split(',').any(|one| one.trim().eq_ignore_ascii_case(name));
    let document = document();
    let components = &document["components"];
    for name in components["headers"].as_object().unwrap().keys().map(String::as_str) {
        let needs_nothing = SAFELISTED.contains(&name) || OF_CACHES.contains(&name);
        assert_ne!(has(EXPOSED, name), needs_nothing, "{name} in EXPOSED");
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
            let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let body = body.as_str().map(|place| document.pointer(&place[1..]).unwrap());
            let parameters: BTreeSet<_> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|parameter| {
                    let place = parameter["$ref"].as_str().unwrap();
                    document.pointer(&place[1..]).unwrap()["name"].as_str().unwrap()
                })
                .collect();
            for example in examples(operation, "400") {
                let faults = example["details"].as_array().unwrap();
                assert!(!faults.is_empty(), "{method} {path}");
                for fault in faults {
                    let fault = fault["path"].as_str().unwrap();
                    let field = fault.split(['.', '[']).next().unwrap();
                    let known = body.is_some_and(|body| !body["properties"][field].is_null())
                        || parameters.contains(field);
                    assert!(known, "{method} {path}: {fault}");
                }
            }
            let refused = !operation["responses"]["400"].is_null();
            assert_eq!(refused, !examples(operation, "400").is_empty(), "{method} {path}");
            for example in examples(operation, "403") {
                if let Some((_, scope)) = example["message"].as_str().unwrap().split_once("lacks the scope ")
                {
                    let needed = format!("Needs the scope `{scope}`");
                    assert!(operation["description"].as_str().unwrap().contains(&needed), "{method} {path}");
                }
            }
        }
    }
}

/// Returns the errors in the examples of a response that is written out in the operation.
fn examples<'a>(operation: &'a Value, status: &str) -> Vec<&'a Value> {
    let content = &operation["responses"][status]["content"]["application/json"];
    let named = content["examples"].as_object().into_iter().flat_map(serde_json::Map::values);
    let all = named.map(|example| &example["value"]).chain([&content["example"]]);
    all.map(|example| &example["error"]).filter(|error| !error.is_null()).collect()
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

/// Each parameter of the addons, with values that its parser takes and refuses by its schema.
#[test]
fn parameters_of_addons_and_parsers_agree() {
    use crate::api::addons::query::{parse_domain, parse_flag, parse_list, parse_version};
    let document = document();
    let listed = |name: &str, value: &str| parse_list(|own| (own == name).then_some(value)).is_ok();
    for (component, parameter) in document["components"]["parameters"].as_object().unwrap() {
        let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
        let accepts = |value: &str| match component.as_str() {
            "addonStatus" | "addonType" | "domain" | "page" | "pageSize" => listed(name, value),
            "addonVersion" => parse_version(Some(value)).is_ok(),
            "minified" | "includeStyles" | "includeDependencies" => {
                parse_flag(name, Some(value), true).is_ok()
            }
            "targetDomain" | "addonDomain" | "X-Target-Domain" => parse_domain(name, value).is_ok(),
            _ => panic!("{component}"),
        };
        if let "addonStatus" | "addonType" = component.as_str() {
            for value in schema["enum"].as_array().unwrap() {
                assert!(accepts(value.as_str().unwrap()), "{component}: {value}");
            }
            assert!(!accepts("") && !accepts("no such word"), "{component}");
        } else if let "page" | "pageSize" = component.as_str() {
            let (min, max) = (schema["minimum"].as_u64().unwrap(), schema["maximum"].as_u64().unwrap());
            assert!(accepts(&min.to_string()) && accepts(&max.to_string()), "{component}");
            assert!(!accepts(&(min - 1).to_string()) && !accepts(&(max + 1).to_string()), "{component}");
            let query = parse_list(|_| None).unwrap();
            let default = if component == "page" { query.page } else { query.page_size };
            assert_eq!(schema["default"], default);
        } else if schema["type"] == "boolean" {
            assert!(accepts("true") && accepts("false") && !accepts("1") && !accepts(""), "{component}");
            let default = schema["default"].as_bool().unwrap();
            assert_eq!(parse_flag(name, None, default).unwrap(), default);
        } else if schema["format"] == "host" {
            assert_eq!(schema["minLength"], 1);
            assert!(
                accepts("example.com") && !accepts("") && !accepts("https://example.com/"),
                "{component}"
            );
        } else if schema["format"] == "npm-range" {
            let of = |length: u64| format!("1.2.3-{}", "x".repeat(length as usize - 6));
            let max = schema["maxLength"].as_u64().unwrap();
            assert!(accepts(&of(max)) && !accepts(&of(max + 1)), "{component}");
            assert!(accepts("latest") && accepts("") && !accepts("newest"), "{component}");
        }
    }
}
