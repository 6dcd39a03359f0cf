//! Compares the types in [`bodies`](super::bodies) with the parsers: every field that is read, every bound,
//! every enum value.

mod bodies;

use std::collections::BTreeSet;

use domain::jobs::WebhookUrlPolicy;
use serde_json::{Value, json};

use self::bodies::{Body, USER, bodies};
use super::bodies::addons::{ONE_LINE, VERSION_PATTERN};
use super::bodies::{LOCAL_WEBHOOK_URL_PATTERN, NOT_BLANK, WEBHOOK_URL_PATTERN};
use super::document;
use crate::http::json_body::READ;

/// One location in a body.
struct Place<'a> {
    document: &'a Value,
    body: &'a Body,
    /// As in a field error: `jobs[0].prompt`.
    path: String,
    /// A JSON pointer, for [`Value::pointer`].
    pointer: String,
}

impl Place<'_> {
    fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, pointer: format!("{}/{}", self.pointer, name.replace('/', "~1")), ..*self }
    }

    fn item(&self) -> Self {
        Self { path: format!("{}[0]", self.path), pointer: format!("{}/0", self.pointer), ..*self }
    }

    /// Returns the whole body with `value` at this location, or without the field for `None`; and without the fields whose
    /// values this one bounds.
    fn with(&self, value: Option<Value>) -> Value {
        let mut whole = self.body.example.clone();
        for (_, field) in self.body.bounds.iter().filter(|(path, _)| self.path.starts_with(path)) {
            let (outer, name) = field.rsplit_once('/').unwrap();
            whole.pointer_mut(outer).unwrap().as_object_mut().unwrap().remove(name);
        }
        let (outer, name) = self.pointer.rsplit_once('/').unwrap();
        match (whole.pointer_mut(outer).unwrap(), value) {
            (Value::Array(list), Some(value)) => list[0] = value,
            (Value::Object(fields), Some(value)) => _ = fields.insert(name.replace("~1", "/"), value),
            (Value::Object(fields), None) => _ = fields.remove(&name.replace("~1", "/")),
            (other, _) => panic!("{other}"),
        }
        whole
    }

    fn error_paths(&self, value: Option<Value>) -> Vec<String> {
        (self.body.parse)(self.with(value).to_string().as_bytes())
    }

    fn takes(&self, value: impl Into<Option<Value>>) {
        let value = value.into();
        assert_eq!(self.error_paths(value.clone()), [""; 0], "{} must accept {value:?}", self.path);
    }

    fn refuses(&self, value: impl Into<Option<Value>>) {
        let value = value.into();
        assert_eq!(
            self.error_paths(value.clone()),
            [self.path.as_str()],
            "{} must refuse {value:?}",
            self.path
        );
    }

    /// Compares everything in `schema` with the parser. Adds the paths of all its fields to `fields`.
    fn check(&self, schema: &Value, required: bool, fields: &mut BTreeSet<String>) {
        let resolved = resolve(self.document, schema);
        if required {
            self.refuses(Value::Null);
            self.refuses(None);
        } else if !self.path.ends_with(']') {
            assert!(
                schema["nullable"] == true && schema["type"].is_string(),
                "{}: null means absent, and `nullable` has an effect beside `type` only",
                self.path
            );
            self.takes(Value::Null);
            self.takes(None);
        }
        match resolved["type"].as_str() {
            Some("string") => self.check_text(resolved),
            Some("integer") => self.check_number(resolved, 1.0, &[json!(1.5), json!("1")]),
            Some("number") => self.check_number(resolved, 0.01, &[json!("1")]),
            Some("boolean") => {
                self.takes(json!(true));
                self.takes(json!(false));
                self.refuses(json!("true"));
            }
            Some("array") => self.check_list(resolved, fields),
            Some("object") => {
                self.refuses(json!([]));
                self.check_fields(resolved, fields);
            }
            None if resolved["anyOf"].is_array() => self.check_choice(resolved["anyOf"].as_array().unwrap()),
            other => panic!("{}: {other:?}", self.path),
        }
    }

    /// Checks a value that can have several types: it has all of `choices`, and no other type.
    fn check_choice(&self, choices: &[Value]) {
        let mut others = BTreeSet::from(["array", "boolean", "number", "object", "string"]);
        for choice in choices {
            let kind = choice["type"].as_str().unwrap();
            assert!(others.remove(kind), "{}: {kind} twice", self.path);
            match kind {
                "boolean" => [json!(true), json!(false)].map(|value| self.takes(value)),
                "number" => [json!(-1.5), json!(7)].map(|value| self.takes(value)),
                "string" => {
                    let text = |length: u64| json!("x".repeat(length as usize));
                    let max = choice["maxLength"].as_u64().unwrap();
                    self.refuses(text(max + 1));
                    [text(max), text(choice["minLength"].as_u64().unwrap_or(0))]
                        .map(|value| self.takes(value))
                }
                other => panic!("{}: {other}", self.path),
            };
        }
        for kind in others {
            self.refuses(match kind {
                "array" => json!([]),
                "boolean" => json!(true),
                "number" => json!(1),
                "object" => json!({}),
                _ => json!("x"),
            });
        }
    }

    fn check_fields(&self, schema: &Value, fields: &mut BTreeSet<String>) {
        let Some(properties) = schema["properties"].as_object() else { return self.takes(json!({})) };
        if schema["additionalProperties"] == false {
            return self.check_names(properties);
        }
        for (name, property) in properties {
            let place = self.field(name);
            fields.insert(place.path.clone());
            let required = schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
            place.check(property, required, fields);
        }
    }

    /// Checks an object used as a map: its keys are a subset of `properties`, and no value can be `null`.
    fn check_names(&self, properties: &serde_json::Map<String, Value>) {
        self.takes(json!({}));
        self.field("no such name").refuses(json!(1));
        for (name, property) in properties {
            self.field(name).check_number(property, 1.0, &[Value::Null, json!(1.5), json!("1")]);
        }
    }

    fn check_list(&self, schema: &Value, fields: &mut BTreeSet<String>) {
        let first = self.body.example.pointer(&self.pointer).map(|list| list[0].clone());
        let first = first.unwrap_or_else(|| panic!("the example needs an item in {}", self.path));
        let of = |length: u64| json!(vec![first.clone(); length as usize]);
        if let Some(min) = schema["minItems"].as_u64() {
            self.takes(of(min));
            self.refuses(of(min - 1));
        } else {
            self.takes(of(0));
        }
        if let Some(max) = schema["maxItems"].as_u64() {
            self.takes(of(max));
            self.refuses(of(max + 1));
        }
        self.refuses(json!({}));
        self.item().check(&schema["items"], false, fields);
    }

    fn check_number(&self, schema: &Value, step: f64, others: &[Value]) {
        let number = |number: f64| if step == 1.0 { json!(number as i64) } else { json!(number) };
        if let Some(min) = schema["minimum"].as_f64() {
            self.takes(number(min));
            self.refuses(number(min - step));
        }
        if let Some(max) = schema["maximum"].as_f64() {
            self.takes(number(max));
            self.refuses(number(max + step));
        }
        others.iter().for_each(|other| self.refuses(other.clone()));
    }

    fn check_text(&self, schema: &Value) {
        self.refuses(json!(7));
        if let Some(values) = schema["enum"].as_array() {
            // `null`, which a nullable enum has among its values, is checked with all other fields.
            values.iter().filter(|value| !value.is_null()).for_each(|value| self.takes(value.clone()));
            return self.refuses(json!("no such word"));
        }
        let (start, invalid) = match (schema["format"].as_str(), schema["pattern"].as_str()) {
            (Some("uuid"), None) => return self.check_spelling(USER, &["x", &USER.replace('-', "")]),
            (Some("date-time"), None) => return self.check_spelling("2026-01-01T00:00:00Z", &["yesterday"]),
            (Some("cursor"), None) => return self.check_spelling(&"A".repeat(43), &["?", "AAAA"]),
            (Some("iri"), Some(WEBHOOK_URL_PATTERN)) => ("https://example.com/", "http://example.com/"),
            (None, Some(NOT_BLANK)) => {
                self.takes(json!("\u{feff}"));
                self.refuses(json!(" \n\u{85}\u{2003}\u{3000}"));
                ("", " \n")
            }
            (None, Some("^[a-z0-9][a-z0-9._-]{0,63}$")) => {
                self.check_spelling(&"a".repeat(64), &[&"a".repeat(65)]);
                return self.check_spelling("a-1", &["", "A", "-a"]);
            }
            (None, Some(VERSION_PATTERN)) => {
                self.check_versions();
                ("1.2.3-x", "1.2")
            }
            (Some("npm-range"), None) => {
                self.check_spelling(">=1.2 <2 || 3", &["latest", ">1,<2"]);
                ("1.2.3-x", "newest")
            }
            (Some("domain-pattern"), None) => {
                self.check_spelling("example.com", &["", "*://"]);
                ("https://example.com/", "https://")
            }
            (Some("match-pattern"), None) => {
                self.check_spelling("https://*.example.com/*", &["", "example.com"]);
                ("https://example.com/", "https://example.com")
            }
            (None, Some(ONE_LINE)) => {
                self.takes(json!("é \u{2028}"));
                self.refuses(json!("\u{9f}"));
                ("", "a\nb")
            }
            (None, None) => ("", ""),
            other => panic!("{}: add an accepted and a refused value for {other:?}", self.path),
        };
        let of = |length: u64| {
            let length = length as usize;
            // What is shorter than the start is only ever refused.
            let start = if length < start.len() { "" } else { start };
            json!(format!("{start}{}", "x".repeat(length - start.len())))
        };
        if !invalid.is_empty() {
            self.refuses(json!(invalid));
        }
        if let Some(min) = schema["minLength"].as_u64() {
            self.takes(of(min.max(start.len() as u64)));
            self.refuses(of(min - 1));
        }
        if let Some(max) = schema["maxLength"].as_u64() {
            self.takes(of(max));
            self.refuses(of(max + 1));
        }
    }

    /// Compares the pattern of versions with the parser.
    fn check_versions(&self) {
        let pattern = regex::Regex::new(VERSION_PATTERN).unwrap();
        for (version, is_valid) in VERSIONS {
            assert_eq!(pattern.is_match(version), is_valid, "pattern: {version:?}");
            if is_valid {
                self.takes(json!(version));
            } else {
                self.refuses(json!(version));
            }
        }
    }

    fn check_spelling(&self, valid: &str, invalid: &[&str]) {
        self.takes(json!(valid));
        invalid.iter().for_each(|text| self.refuses(json!(text)));
    }
}

/// Resolves a `$ref`, directly in `schema` or in its `allOf`.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let outer = schema["allOf"].as_array().map_or(schema, |all| &all[0]);
    outer["$ref"].as_str().map_or(outer, |place| document.pointer(&place[1..]).unwrap())
}

#[test]
fn parsers_and_document_agree() {
    let document = document();
    for body in &bodies() {
        let name = body.name;
        let place = Place { document: &document, body, path: String::new(), pointer: String::new() };
        READ.take();
        let mut unknown = body.example.clone();
        unknown["unknown"] = json!(1);
        assert_eq!(
            (body.parse)(unknown.to_string().as_bytes()),
            [""; 0],
            "{name} must ignore unknown fields"
        );
        let read = READ.take();
        let mut fields = BTreeSet::new();
        place.check_fields(&document["components"]["schemas"][name], &mut fields);
        assert_eq!(fields, read, "{name}: fields of the document, fields that the parser reads");
    }
}

#[test]
fn every_body_is_compared() {
    let document = document();
    let compared: BTreeSet<_> = bodies().into_iter().map(|body| (body.method, body.path)).collect();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let has_body = !operation["requestBody"].is_null();
            assert_eq!(compared.contains(&(method.as_str(), path.as_str())), has_body, "{method} {path}");
        }
    }
}

#[test]
fn parsers_accept_every_example() {
    let document = document();
    for Body { name, method, path, parse, .. } in bodies() {
        let content = &document["paths"][path][method]["requestBody"]["content"]["application/json"];
        assert_eq!(content["schema"]["$ref"], format!("#/components/schemas/{name}"));
        for (title, example) in content["examples"].as_object().unwrap() {
            assert_eq!(parse(example["value"].to_string().as_bytes()), [""; 0], "{path}: {title}");
        }
    }
}

/// Texts, and whether they are versions that can be published.
const VERSIONS: [(&str, bool); 19] = [
    ("0.0.0", true),
    ("1.2.3", true),
    ("10.20.9007199254740991", true),
    ("1.2.3-0", true),
    ("1.2.3-beta.1", true),
    ("1.2.3--.-", true),
    ("1.2.3-0a.00b", true),
    ("1.2.3-99999999999999999999", true),
    ("", false),
    ("1.2", false),
    ("1.2.3.4", false),
    ("v1.2.3", false),
    ("01.2.3", false),
    ("1.2.3-01", false),
    ("1.2.3-", false),
    ("1.2.3-a..b", false),
    ("1.2.3-ä", false),
    ("1.2.3+build", false),
    (" 1.2.3", false),
];

/// URLs, and whether a deployment and a local cloud take them.
const URLS: [(&str, bool, bool); 33] = [
    ("https://example.com", true, true),
    ("HTTPS://Example.COM/Hook?a=1#b", true, true),
    ("hTTps://example.com:8443/", true, true),
    ("https://example.com?a=@", true, true),
    ("https://example.com/@/\\", true, true),
    ("https://münchen.example/ü", true, true),
    ("http://127.0.0.1:9000/hook", false, true),
    ("HTTP://LocalHost/x?y", false, true),
    ("http://127.255.0.1", false, true),
    ("http://[::1]:1/", false, true),
    ("http://example.com", false, false),
    ("http://127.0.0.1.example.com/", false, false),
    ("http://localhost.example.com/", false, false),
    ("https://user@example.com/", false, false),
    ("https://user:word@example.com/", false, false),
    ("http://user@127.0.0.1/", false, false),
    (" https://example.com/", false, false),
    ("https://example.com/ ", false, false),
    ("https://exa\tmple.com/", false, false),
    ("https://example.com/a\nb", false, false),
    ("https:example.com", false, false),
    ("https:/example.com", false, false),
    ("https:\\\\example.com", false, false),
    ("https:///example.com", false, false),
    ("https://example.com:0/", false, false),
    ("https://example.com:000", false, false),
    ("http://127.0.0.1:0/", false, false),
    ("https://[2606:4700::1111]:0/", false, false),
    ("https://[2606:4700::1111]:10/", true, true),
    ("https://[2606:4700::1111]/", true, true),
    ("https://example.com:/", true, true),
    ("http://localhost:08/", false, true),
    ("https://example.com:443:1/", false, false),
];

#[test]
fn webhook_url_patterns_and_parser_agree() {
    use domain::jobs::WebhookUrl;
    let patterns =
        [WEBHOOK_URL_PATTERN, LOCAL_WEBHOOK_URL_PATTERN].map(|text| regex::Regex::new(text).unwrap());
    for (url, https_only, local) in URLS {
        let policies = [WebhookUrlPolicy::HttpsOnly, WebhookUrlPolicy::AllowLoopbackHttp];
        assert_eq!(
            policies.map(|policy| WebhookUrl::parse(url, policy).is_ok()),
            [https_only, local],
            "{url:?}"
        );
        assert_eq!(
            [0, 1].map(|index| patterns[index].is_match(url)),
            [https_only, local],
            "pattern: {url:?}"
        );
    }
}
