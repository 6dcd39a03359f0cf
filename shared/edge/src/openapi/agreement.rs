//! Compares the types in [`bodies`](super::bodies) with the parsers: every field that is read, every bound,
//! every enum value.

use std::collections::BTreeSet;

use domain::Error;
use domain::access::ClientId;
use domain::jobs::WebhookUrlPolicy;
use serde_json::{Value, json};

use super::bodies::{LOCAL_WEBHOOK_URL_PATTERN, NOT_BLANK, WEBHOOK_URL_PATTERN};
use super::document;
use crate::http::json_body::READ;

const USER: &str = "0190b8a0-0000-7000-8000-000000000001";

/// Parses a body and returns the paths of its field errors; none if it is valid.
type Parse = fn(&[u8]) -> Vec<String>;

fn paths<T>(outcome: Result<T, Error>) -> Vec<String> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(field_errors)) => field_errors.into_iter().map(|error| error.path).collect(),
        Err(other) => panic!("{other:?}"),
    }
}

/// Each body: its schema, the path of an operation with it, its parser, and an example with all nested
/// objects.
fn bodies() -> Vec<(&'static str, &'static str, Parse, Value)> {
    vec![
        (
            "GenerateRequest",
            "/images/generate",
            |body| paths(crate::api::images::generate::parse(body, WebhookUrlPolicy::HttpsOnly)),
            json!({"userId": USER, "prompt": "p", "webhookEvents": ["job.failed"]}),
        ),
        (
            "BatchRequest",
            "/images/batch",
            |body| paths(crate::api::images::batch::parse(body, WebhookUrlPolicy::HttpsOnly)),
            json!({"userId": USER, "jobs": [{"prompt": "p"}], "webhookEvents": ["job.failed"]}),
        ),
        (
            "TokenRequest",
            "/auth/token",
            |body| paths(crate::api::access::token::parse(body)),
            json!({"userId": USER, "scopes": ["chat"]}),
        ),
        (
            "KeyRequest",
            "/admin/keys",
            |body| paths(crate::api::access::keys::parse_create(body, &ClientId::OPERATOR.parse().unwrap())),
            json!({"name": "n", "scopes": ["chat"], "limits": {}}),
        ),
        (
            "RotateRequest",
            "/admin/keys/{keyId}/rotate",
            |body| paths(crate::api::access::keys::parse_rotate(body)),
            json!({}),
        ),
        (
            "RedeliverRequest",
            "/webhooks/redeliver",
            |body| paths(crate::api::webhooks::attempts::parse_range(body)),
            json!({"since": "2025-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}),
        ),
        (
            "EnableRequest",
            "/webhooks/enable",
            |body| paths(crate::api::webhooks::attempts::parse_enable(body, WebhookUrlPolicy::HttpsOnly)),
            json!({"url": "https://example.com/"}),
        ),
        (
            "RotateSecretRequest",
            "/admin/webhook-secret/rotate",
            |body| paths(crate::api::webhooks::secret::parse_rotate(body)),
            json!({}),
        ),
        (
            "ChatRequest",
            "/chat/new",
            |body| paths(crate::api::chat::parse(body, WebhookUrlPolicy::HttpsOnly)),
            json!({
                "userId": USER, "prompt": "p", "imageGeneration": {"webhookEvents": ["job.failed"]},
                "chatContext": {"previousMessages": [{"role": "user", "content": "c"}]},
            }),
        ),
    ]
}

/// One location in a body.
struct Place<'a> {
    document: &'a Value,
    parse: Parse,
    whole: &'a Value,
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

    /// Returns the whole body with `value` at this location, or without the field for `None`.
    fn with(&self, value: Option<Value>) -> Value {
        let mut whole = self.whole.clone();
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
        (self.parse)(self.with(value).to_string().as_bytes())
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
            other => panic!("{}: {other:?}", self.path),
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
        let first = self.whole.pointer(&self.pointer).map(|list| list[0].clone());
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
                return self.check_spelling("a-1", &["", "A", "-a"]);
            }
            (None, None) => ("", ""),
            other => panic!("{}: add an accepted and a refused value for {other:?}", self.path),
        };
        let of = |length: u64| json!(format!("{start}{}", "x".repeat(length as usize - start.len())));
        if !invalid.is_empty() {
            self.refuses(json!(invalid));
        }
        if let Some(min) = schema["minLength"].as_u64() {
            self.takes(of(min));
            self.refuses(of(min - 1));
        }
        if let Some(max) = schema["maxLength"].as_u64() {
            self.takes(of(max));
            self.refuses(of(max + 1));
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
    for (name, _, parse, whole) in bodies() {
        let (path, pointer) = (String::new(), String::new());
        let place = Place { document: &document, parse, whole: &whole, path, pointer };
        READ.take();
        let mut unknown = whole.clone();
        unknown["unknown"] = json!(1);
        assert_eq!(parse(unknown.to_string().as_bytes()), [""; 0], "{name} must ignore unknown fields");
        let read = READ.take();
        let mut fields = BTreeSet::new();
        place.check_fields(&document["components"]["schemas"][name], &mut fields);
        assert_eq!(fields, read, "{name}: fields of the document, fields that the parser reads");
    }
}

#[test]
fn parsers_accept_every_example() {
    let document = document();
    for (name, path, parse, _) in bodies() {
        let content = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"];
        assert_eq!(content["schema"]["$ref"], format!("#/components/schemas/{name}"));
        for (title, example) in content["examples"].as_object().unwrap() {
            assert_eq!(parse(example["value"].to_string().as_bytes()), [""; 0], "{path}: {title}");
        }
    }
}

/// URLs, and whether a deployment and a local cloud take them.
const URLS: [(&str, bool, bool); 24] = [
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
