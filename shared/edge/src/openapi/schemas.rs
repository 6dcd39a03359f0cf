//! Collects the schemas of all bodies under the names of their types.

use std::collections::BTreeSet;

use schemars::generate::{Contract, SchemaGenerator, SchemaSettings};
use schemars::transform::{Transform, transform_subschemas};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

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

    /// Returns a reference to the schema of the request body `T`.
    pub(super) fn request<T: JsonSchema>(&mut self) -> Value {
        self.requests.subschema_for::<T>().to_value()
    }

    /// Returns a reference to the schema of the response body `T`.
    pub(super) fn answer<T: JsonSchema>(&mut self) -> Value {
        self.answers.subschema_for::<T>().to_value()
    }

    /// Returns all collected schemas.
    ///
    /// # Panics
    ///
    /// If a name has different schemas in requests and responses.
    pub(super) fn finish(mut self) -> Map<String, Value> {
        let mut all = self.requests.take_definitions(true);
        inline_nullable(&mut all);
        for (name, schema) in self.answers.take_definitions(true) {
            if let Some(other) = all.insert(name.clone(), schema.clone()) {
                assert_eq!(other, schema, "{name} has different schemas in requests and responses");
            }
        }
        all
    }
}

/// Writes out each nullable reference, `{nullable, allOf: [{$ref}]}`: in OpenAPI 3.0.3 `nullable` has no effect
/// without `type`, and `null` would have to match the referenced schema too. Schemas that nothing refers to
/// any more are removed.
fn inline_nullable(all: &mut Map<String, Value>) {
    let originals = all.clone();
    let mut inlined = BTreeSet::new();
    all.values_mut().for_each(|schema| inline_within(schema, &originals, &mut inlined));
    for name in inlined {
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        if !all.values().any(|schema| contains(schema, &reference)) {
            all.remove(&name);
        }
    }
}

fn inline_within(schema: &mut Value, originals: &Map<String, Value>, inlined: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            fields.values_mut().for_each(|inner| inline_within(inner, originals, inlined));
        }
        Value::Array(list) => list.iter_mut().for_each(|inner| inline_within(inner, originals, inlined)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    let Some(fields) = schema.as_object_mut() else { return };
    let reference = fields.get("allOf").and_then(|all| all[0]["$ref"].as_str());
    let name = reference.and_then(|place| place.strip_prefix("#/components/schemas/")).map(str::to_owned);
    let Some((name, Some(Value::Object(original)))) = name.map(|name| (name.clone(), originals.get(&name)))
    else {
        return;
    };
    if fields.get("nullable") != Some(&json!(true)) {
        return;
    }
    inlined.insert(name);
    fields.remove("allOf");
    let about =
        |fields: &Map<String, Value>| fields.get("description").and_then(Value::as_str).map(str::to_owned);
    let descriptions: Vec<_> = [about(fields), about(original)].into_iter().flatten().collect();
    for (key, value) in original {
        fields.entry(key.clone()).or_insert_with(|| value.clone());
    }
    fields.insert("description".into(), descriptions.join("\n\n").into());
    if let Some(values) = fields.get_mut("enum").and_then(Value::as_array_mut) {
        values.push(Value::Null);
    }
    // What was written out may hold such references itself.
    fields.values_mut().for_each(|inner| inline_within(inner, originals, &mut BTreeSet::new()));
}

fn contains(schema: &Value, part: &Value) -> bool {
    schema == part
        || match schema {
            Value::Object(fields) => fields.values().any(|inner| contains(inner, part)),
            Value::Array(list) => list.iter().any(|inner| contains(inner, part)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
}

/// Merges the `oneOf` of single values that schemars generates for an enum with doc comments into one `enum`,
/// which viewers and client generators understand. The meaning of each value goes into the description.
#[derive(Clone)]
struct Words;

impl Transform for Words {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(choices) = schema.get("oneOf").and_then(Value::as_array) else { return };
        let (mut values, mut lines) = (Vec::new(), String::new());
        for choice in choices {
            let Some([value]) = choice["enum"].as_array().map(Vec::as_slice) else { return };
            let Some(text) = value.as_str() else { return };
            if let Some(meaning) = choice["description"].as_str() {
                lines.push_str(&format!("\n- `{text}`: {meaning}"));
            }
            values.push(value.clone());
        }
        schema.remove("oneOf");
        schema.insert("type".into(), json!("string"));
        schema.insert("enum".into(), Value::Array(values));
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let description = format!("{about}\n{lines}");
        schema.insert("description".into(), json!(description.trim()));
    }
}

/// Rewrites constructs of schemars into those of OpenAPI 3.0 that client generators understand.
#[derive(Clone)]
struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        // OpenAPI has no formats for unsigned integers.
        if schema.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
            schema.remove("format");
        }
        // An optional reference: `anyOf` of a schema and null becomes a nullable `allOf`.
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

/// Responses omit missing values, so none of their optional fields is nullable.
#[derive(Clone)]
struct AbsentIsNotNull;

impl Transform for AbsentIsNotNull {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        schema.remove("nullable");
    }
}
