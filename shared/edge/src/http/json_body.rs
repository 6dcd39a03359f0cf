//! Reads a JSON object field by field and collects every fault, so that a caller is told all of them at once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use domain::primitives::{InvalidValue, NamedValue};
use domain::{Error, FieldError};
use serde_json::Value;
use serde_json::value::RawValue;

#[cfg(test)]
thread_local! {
    /// The path of every field that was asked for, to hold against the document.
    pub(crate) static READ: std::cell::RefCell<std::collections::BTreeSet<String>> = const {
        std::cell::RefCell::new(std::collections::BTreeSet::new())
    };
}

/// The fields of one JSON object, and what was found wrong with it so far.
pub struct Fields<'a> {
    /// Where the object is in the body: empty, or with a dot at its end, as in `jobs[3].`.
    prefix: String,
    fields: BTreeMap<String, &'a RawValue>,
    faults: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// The fields of the object that `body` holds.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it holds anything else.
    pub fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let whole = |message: String| Error::Invalid(vec![FieldError::new("", message)]);
        let text = std::str::from_utf8(body).map_err(|_| whole("must be JSON in UTF-8".into()))?;
        let value: &RawValue = serde_json::from_str(text).map_err(|error| {
            whole(format!("must be JSON; it breaks off at line {} column {}", error.line(), error.column()))
        })?;
        let fields = serde_json::from_str(value.get()).map_err(|_| whole("must be a JSON object".into()))?;
        Ok(Self { prefix: String::new(), fields, faults: Vec::new() })
    }

    /// Notes a fault at `path`, as it is called within this object.
    pub fn fault(&mut self, path: impl AsRef<str>, message: impl Into<String>) {
        self.faults.push(FieldError::new(format!("{}{}", self.prefix, path.as_ref()), message));
    }

    /// The JSON text of field `name` exactly as it was sent; `None` if it is missing or `null`.
    #[must_use]
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        #[cfg(test)]
        READ.with_borrow_mut(|read| read.insert(format!("{}{name}", self.prefix)));
        self.fields.get(name).map(|raw| raw.get()).filter(|text| *text != "null")
    }

    /// Field `name` as `read` understands it; `None` if it is missing, `null` or at fault.
    pub fn optional<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Option<T> {
        let value = match serde_json::from_str(self.raw(name)?) {
            Ok(value) => value,
            // Only for what no JSON number of ours can hold, such as 1e999.
            Err(_) => {
                self.fault(name, "is out of range");
                return None;
            }
        };
        match read(value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(name, message);
                None
            }
        }
    }

    /// As [`optional`](Self::optional), but it is a fault if there is nothing.
    pub fn required<T>(&mut self, name: &str, read: impl FnOnce(Value) -> Result<T, String>) -> Option<T> {
        if self.raw(name).is_none() {
            self.fault(name, "is required");
            return None;
        }
        self.optional(name, read)
    }

    /// What `read` makes of the object in field `name`; `None` if there is none. What it finds wrong
    /// is noted here, with the whole path.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'a>) -> T) -> Option<T> {
        let text = self.raw(name)?;
        self.inner(name, text, read)
    }

    /// What `read` makes of each object in the list in field `name`; `None` if there is no list, or
    /// one whose length is out of `bounds`.
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
            let (least, most) = (bounds.start(), bounds.end());
            self.fault(name, format!("must be a list of {least} to {most}, not of {}", list.len()));
            return None;
        }
        let one = |(index, value): (usize, &'a RawValue)| {
            self.inner(&format!("{name}[{index}]"), value.get(), &mut read)
        };
        Some(list.into_iter().enumerate().map(one).collect())
    }

    fn inner<T>(&mut self, path: &str, text: &'a str, read: impl FnOnce(&mut Fields<'a>) -> T) -> Option<T> {
        let Ok(fields) = serde_json::from_str(text) else {
            self.fault(path, "must be a JSON object");
            return None;
        };
        let mut inner = Fields { prefix: format!("{}{path}.", self.prefix), fields, faults: Vec::new() };
        let value = read(&mut inner);
        self.faults.append(&mut inner.faults);
        Some(value)
    }

    /// `Ok` if nothing was wrong.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with every fault.
    pub fn finish(self) -> Result<(), Error> {
        if self.faults.is_empty() { Ok(()) } else { Err(Error::Invalid(self.faults)) }
    }
}

/// The most elements of a list, or names of an object, that are read where there are a few words to
/// choose from. Each may be a fault of its own, and an answer has no room for a hundred thousand.
pub const LIST_LIMIT: usize = 32;

/// Reads a list of at most [`LIST_LIMIT`] elements.
///
/// # Errors
///
/// What is expected instead.
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
/// What is expected instead, for any other type.
pub fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err("must be a string".into())
        }
    }
}

/// Reads a string and then what is written in it.
///
/// # Errors
///
/// What is expected instead.
pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(value: Value) -> Result<T, String> {
    text(value)?.parse().map_err(|error: T::Err| error.to_string())
}

/// Reads a number.
///
/// # Errors
///
/// What is expected instead.
pub fn number(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| "must be a number".into())
}

/// Reads a whole number that is none too large for `T`. JSON has one type of number, so `1.0` is as
/// whole as `1`.
///
/// # Errors
///
/// What is expected instead.
pub fn whole<T: TryFrom<u64>>(value: &Value) -> Result<T, String> {
    // Beyond 2^53 a number is not what was sent.
    let exact = 0.0..=9_007_199_254_740_991.0;
    let whole = value.as_f64().filter(|number| number.fract() == 0.0 && exact.contains(number));
    whole.and_then(|number| T::try_from(number as u64).ok()).ok_or_else(|| "must be a whole number".into())
}

/// Reads one of the words of `T`.
///
/// # Errors
///
/// The list of the words, for anything else.
pub fn named<T: NamedValue>(value: Value) -> Result<T, String> {
    let words = || T::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>().join(", ");
    text(value).ok().and_then(|text| T::from_name(&text)).ok_or_else(|| format!("must be one of {}", words()))
}

/// The rule that was broken, as a fault's message.
#[must_use]
pub fn message(broken: InvalidValue) -> String {
    broken.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_inside_is_named_by_its_whole_path() {
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
        let Err(Error::Invalid(faults)) = fields.finish() else { panic!("no faults") };
        let paths: Vec<_> = faults.into_iter().map(|fault| fault.path).collect();
        assert_eq!(paths, ["a.b.c", "list[1].c", "list[2]", "no", "word", "word"]);
    }
}
