//! The schemas of all bodies, each under its type's name.

use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

/// Collects the schemas of the types that operations name.
pub(super) struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        let settings = |contract| {
            let mut settings = SchemaSettings::openapi3().with_transform(Words).with_transform(Tidy);
            settings.contract = contract;
            settings
        };
        let answers = settings(Contract::Serialize).with_transform(AbsentIsNotNull);
        Self { requests: settings(Contract::Deserialize).into_generator(), answers: answers.into_generator() }
    }

    /// The schema of a request's body of type `T`.
    pub(super) fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }

    /// The schema of an answer's body of type `T`.
    pub(super) fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// All of them.
    ///
    /// # Panics
    ///
    /// If one name stands for one thing in requests and for another in answers.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        for (name, schema) in self.answers.take_definitions(true) {
            if let Some(other) = all.insert(name.clone(), schema.clone()) {
                assert_eq!(other, schema, "{name} is one thing in requests and another in answers");
            }
        }
        all
    }
}

/// Makes one list of words of what schemars writes as a choice between single words, so that viewers
/// and generators of clients see an enum. What each word means goes into the description.
#[derive(Clone)]
struct Words;

impl Transform for Words {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(choices) = schema.get("oneOf").and_then(Value::as_array) else { return };
        let (mut words, mut lines) = (Vec::new(), String::new());
        for choice in choices {
            let Some([word]) = choice["enum"].as_array().map(Vec::as_slice) else { return };
            let Some(text) = word.as_str() else { return };
            if let Some(meaning) = choice["description"].as_str() {
                lines.push_str(&format!("\n- `{text}`: {meaning}"));
            }
            words.push(word.clone());
        }
        schema.remove("oneOf");
        schema.insert("type".into(), json!("string"));
        schema.insert("enum".into(), Value::Array(words));
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let description = format!("{about}\n{lines}");
        schema.insert("description".into(), json!(description.trim()));
    }
}

/// Says in the words of OpenAPI 3.0 that generators of clients know what schemars says in others.
#[derive(Clone)]
struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        // Sizes of numbers that only Rust has.
        if schema.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
            schema.remove("format");
        }
        // Either something described elsewhere, or null.
        let Some([described, null]) = schema.get("anyOf").and_then(Value::as_array).map(Vec::as_slice) else {
            return;
        };
        if null["enum"] == json!([null]) {
            let described = json!([described]);
            schema.remove("anyOf");
            schema.insert("allOf".into(), described);
            schema.insert("nullable".into(), json!(true));
        }
    }
}

/// An answer leaves out what it has not: no optional field of it is ever `null`.
#[derive(Clone)]
struct AbsentIsNotNull;

impl Transform for AbsentIsNotNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        schema.remove("nullable");
    }
}
