//! Reads a JSON object field by field and collects all field errors, so that one response reports them all.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use domain::primitives::{InvalidValue, NamedValue};
use domain::{Error, FieldError};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::http::json_text::{Unreadable, complaint, fields_of, unreadable};

#[cfg(test)]
thread_local! {
    /// The path of every field that was read. A test compares them with the OpenAPI document.
    pub(crate) static READ: std::cell::RefCell<std::collections::BTreeSet<String>> = const {
        std::cell::RefCell::new(std::collections::BTreeSet::new())
    };
}

/// The fields of one JSON object, and the field errors found so far.
pub struct Fields<'a> {
    /// The path of the object in the body: empty, or ending with a dot, as in `jobs[3].`.
    prefix: String,
    fields: BTreeMap<String, &'a RawValue>,
    field_errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// Parses `body` as a JSON object.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is anything else.
    pub fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let whole = |message: String| Error::Invalid(vec![FieldError::new("", message)]);
        let text = std::str::from_utf8(body).map_err(|_| whole("must be JSON in UTF-8".into()))?;
        let value: &RawValue = serde_json::from_str(text).map_err(|error| {
            whole(format!("must be JSON; it breaks off at line {} column {}", error.line(), error.column()))
        })?;
        let fields = object(value.get()).map_err(whole)?;
        Ok(Self { prefix: String::new(), fields, field_errors: Vec::new() })
    }

    /// Adds a field error at `path`, which is relative to this object.
    pub fn fault(&mut self, path: impl AsRef<str>, message: impl Into<String>) {
        self.field_errors.push(FieldError::new(format!("{}{}", self.prefix, path.as_ref()), message));
    }

    /// Returns the JSON text of field `name` exactly as it was sent; `None` if it is missing or `null`.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        #[cfg(test)]
        READ.with_borrow_mut(|read| read.insert(format!("{}{name}", self.prefix)));
        self.fields.get(name).map(|raw| raw.get()).filter(|text| *text != "null")
    }

    /// Like [`raw`](Self::raw), but adds a field error and returns `None` for a text that a parser cannot read.
    pub fn readable(&mut self, name: &str) -> Option<&'a str> {
        let text = self.raw(name)?;
        let Some(Unreadable { path, message }) = unreadable(text) else { return Some(text) };
        self.fault(format!("{name}{path}"), message);
        None
    }

    /// Returns field `name`, converted by `read`; `None` if it is missing, `null` or invalid.
    pub fn optional<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Option<T> {
        let value = self.readable(name)?;
        // Cannot fail: the text has just been checked.
        let value = serde_json::from_str(value).map_err(|_| "cannot be read".to_owned());
        match value.and_then(read) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(name, message);
                None
            }
        }
    }

    /// Like [`optional`](Self::optional), but adds a field error if the field is missing or `null`.
    pub fn required<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Option<T> {
        if self.raw(name).is_none() {
            self.fault(name, "is required");
            return None;
        }
        self.optional(name, read)
    }

    /// Returns the object in field `name`, converted by `read`; `None` if it is missing or `null`. Field
    /// errors inside it are added here, with their whole path.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'a>) -> T) -> Option<T> {
        let text = self.raw(name)?;
        self.inner(name, text, read)
    }

    /// Returns each object of the list in field `name`, converted by `read`; `None` if there is no list or
    /// its length is out of `bounds`.
    pub fn objects<T>(
        &mut self,
        name: &str,
        bounds: RangeInclusive<usize>,
        mut read: impl FnMut(&mut Fields<'a>) -> T,
    ) -> Option<Vec<Option<T>>> {
        let Ok(list) = serde_json::from_str::<Vec<&'a RawValue>>(self.raw(name)?) else {
            self.fault(name, "must be a list");
            return None;
        };
        if !bounds.contains(&list.len()) {
            let (min, max) = (bounds.start(), bounds.end());
            self.fault(name, format!("must be a list of {min} to {max}, not of {}", list.len()));
            return None;
        }
        let element = |(index, value): (usize, &'a RawValue)| {
            self.inner(&format!("{name}[{index}]"), value.get(), &mut read)
        };
        Some(list.into_iter().enumerate().map(element).collect())
    }

    fn inner<T>(&mut self, path: &str, text: &'a str, read: impl FnOnce(&mut Fields<'a>) -> T) -> Option<T> {
        let fields = match object(text) {
            Ok(fields) => fields,
            Err(message) => {
                self.fault(path, message);
                return None;
            }
        };
        let mut inner =
            Fields { prefix: format!("{}{path}.", self.prefix), fields, field_errors: Vec::new() };
        let value = read(&mut inner);
        self.field_errors.append(&mut inner.field_errors);
        Some(value)
    }

    /// Fails if any field error was found.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with all field errors.
    pub fn finish(self) -> Result<(), Error> {
        if self.field_errors.is_empty() { Ok(()) } else { Err(Error::Invalid(self.field_errors)) }
    }
}

/// Returns the fields of `text`, which is valid JSON.
fn object(text: &str) -> Result<BTreeMap<String, &RawValue>, String> {
    if !text.starts_with('{') {
        return Err("must be a JSON object".into());
    }
    let fields = fields_of(text).ok_or_else(|| format!("a name in it {}", complaint("\"")))?;
    Ok(fields.into_iter().collect())
}

/// The maximum number of elements of a list, or names of an object, whose values come from a small set. Each
/// can cause a field error, and a response has no room for a hundred thousand of them.
pub const LIST_LIMIT: usize = 32;

/// Reads a list of at most [`LIST_LIMIT`] elements.
///
/// # Errors
///
/// A message that says what is expected.
pub fn short_list(value: Value) -> Result<Vec<Value>, String> {
    match value {
        Value::Array(list) if list.len() <= LIST_LIMIT => Ok(list),
        Value::Array(_) => Err(format!("must have at most {LIST_LIMIT} elements")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            Err("must be a list".into())
        }
    }
}

/// Reads a string.
///
/// # Errors
///
/// A message that says what is expected, for any other type.
pub fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err("must be a string".into())
        }
    }
}

/// Reads a string and parses it.
///
/// # Errors
///
/// The message of the parser, or of [`text`].
pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(value: Value) -> Result<T, String> {
    text(value)?.parse().map_err(|error: T::Err| error.to_string())
}

/// Reads a number.
///
/// # Errors
///
/// A message that says what is expected, for any other type.
pub fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| "must be a number".into())
}

/// Reads a whole number that fits into `T`. JSON has one type of number, so `1.0` is the same as `1`.
///
/// # Errors
///
/// A message that says what is expected.
pub fn whole<T: TryFrom<u64>>(value: &Value) -> Result<T, String> {
    // From 2^53 on an `f64` may differ from the number that was sent.
    let exact = 0.0..=9_007_199_254_740_991.0;
    let whole = value.as_f64().filter(|number| number.fract() == 0.0 && exact.contains(number));
    whole.and_then(|number| T::try_from(number as u64).ok()).ok_or_else(|| "must be a whole number".into())
}

/// Reads one of the named values of `T`.
///
/// # Errors
///
/// A message that lists the names, for anything else.
pub fn named<T: NamedValue>(value: Value) -> Result<T, String> {
    let named = text(value).ok().and_then(|text| T::from_name(&text));
    named.ok_or_else(|| format!("must be one of {}", T::names()))
}

/// Returns the violated rule, as the message of a field error.
#[must_use]
pub fn message(invalid: InvalidValue) -> String {
    invalid.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_field_error_has_whole_path() {
        let body = br#"{"a":{"b":{"c":1}},"list":[{"c":"x"},{"c":2},3],"none":null,"no":[],"word":"x"}"#;
        let mut fields = Fields::parse(body).unwrap();
        let c = |fields: &mut Fields<'_>| fields.required("c", text);
        assert_eq!(fields.object("a", |a| a.object("b", c)), Some(Some(None)));
        let list = fields.objects("list", 1..=3, c).unwrap();
        assert_eq!(list, [Some(Some("x".to_owned())), Some(None), None]);
        assert_eq!(fields.object("none", c), None);
        assert_eq!(fields.objects("no", 1..=3, c), None);
        assert_eq!(fields.objects("word", 1..=3, c), None);
        assert_eq!(fields.object("word", c), None);
        let Err(Error::Invalid(field_errors)) = fields.finish() else { panic!("no field errors") };
        let paths: Vec<_> = field_errors.into_iter().map(|error| error.path).collect();
        assert_eq!(paths, ["a.b.c", "list[1].c", "list[2]", "no", "word", "word"]);
    }

    #[test]
    fn half_a_character_is_reported_as_such() {
        let body =
            br#"{"prompt":"\ud83d","n":1e400,"list":["a","\ude00"],"o":{"\ud83d":1},"unknown":"\ud83d"}"#;
        let mut fields = Fields::parse(body).unwrap();
        fields.required("prompt", text);
        fields.optional("n", |value| number(&value));
        fields.optional("list", short_list);
        fields.object("o", |_| ());
        let Err(Error::Invalid(field_errors)) = fields.finish() else { panic!("no field errors") };
        let expected =
            [("prompt", "other half"), ("n", "out of range"), ("list[1]", "other half"), ("o", "other half")];
        assert_eq!(field_errors.len(), expected.len());
        for (error, (path, message)) in field_errors.iter().zip(expected) {
            assert!(error.path == path && error.message.contains(message), "{error:?}");
        }
        let whole = Fields::parse(br#"{"\ud83d":1}"#).err().unwrap();
        assert!(matches!(whole, Error::Invalid(errors) if errors[0].message.contains("other half")));
    }

    #[test]
    fn nested_values_are_bounded_everywhere() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let body = format!(r#"{{"text":{deep},"object":{deep},"unknown":{deep}}}"#);
        let mut fields = Fields::parse(body.as_bytes()).unwrap();
        fields.optional("text", text);
        fields.object("object", |_| ());
        let Err(Error::Invalid(field_errors)) = fields.finish() else { panic!("no field errors") };
        assert!(field_errors[0].message.contains("levels"), "{field_errors:?}");
        assert_eq!(field_errors[1].message, "must be a JSON object");
    }
}
