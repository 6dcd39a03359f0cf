//! JSON that is not quite JSON, and objects of which only some fields can be read: a picture in it is whole, and
//! paid for, whatever is wrong beside it.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// What stands for a character that cannot be read.
const REPLACEMENT: &[u8] = b"\\ufffd";

/// An object's fields, whose values are read one by one: one that cannot be read spoils no other. A name may occur
/// several times.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Reads an object. What follows it is ignored.
    pub(crate) fn read(json: &'a [u8]) -> Option<Self> {
        first(json).ok()
    }

    /// The first value of this name that is not `null`.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.all(name).find(|value| value.get() != "null")
    }

    /// The value of this name; `null` if it cannot be read, or is not there.
    pub(crate) fn value(&self, name: &str) -> Value {
        self.raw(name).and_then(|value| read(value.get().as_bytes())).unwrap_or_default()
    }

    /// The first text of this name that is not blank.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.all(name).filter_map(text).find(|text| !text.trim().is_empty())
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &'a RawValue> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| *value)
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        from.deserialize_map(Object)
    }
}

/// The text, if the value is one. Megabytes without an escape are not copied.
pub(crate) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

    let strict = serde_json::from_str(value.get()).ok().map(|Text(text)| text);
    strict.or_else(|| read::<String>(value.get().as_bytes()).map(Cow::Owned))
}

/// Reads JSON, after [`mended`] if there is no other way. Of a field that occurs several times the last counts, and
/// what follows the value is ignored.
pub(crate) fn read<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    if let Ok(read) = first(json) {
        return Some(read);
    }
    let mended = mended(json);
    let value: Value = first(mended.as_deref().unwrap_or(json)).ok()?;
    serde_json::from_value(value).ok()
}

fn first<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    T::deserialize(&mut serde_json::Deserializer::from_slice(json))
}

/// The JSON in UTF-8, with `null` in place of the numbers that JSON does not have, and a replacement character for
/// each half of a surrogate pair. `None` if there is nothing to mend.
pub(crate) fn mended(json: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(json);
    let bytes = text.as_bytes();
    let mut mended = Vec::with_capacity(bytes.len());
    let (mut at, mut in_text) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        let (taken, written) = match byte {
            b'"' => {
                in_text = !in_text;
                (1, &b"\""[..])
            }
            b'\\' if in_text => escape(rest),
            b'N' | b'I' | b'-' if !in_text => number(rest),
            _ => (1, rest.get(..1).unwrap_or_default()),
        };
        mended.extend_from_slice(written);
        at += taken;
    }
    (mended != json).then_some(mended)
}

/// The length of the escape at the beginning, and what it is written as.
fn escape(rest: &[u8]) -> (usize, &[u8]) {
    let length = |length: usize| (length.min(rest.len()), rest.get(..length).unwrap_or(rest));
    match (surrogate(rest), rest.get(6..).and_then(surrogate)) {
        (Some(0xd800..=0xdbff), Some(0xdc00..)) => length(12),
        (Some(_), _) => (6, REPLACEMENT),
        (None, _) => length(2),
    }
}

/// The half of a surrogate pair that is escaped at the beginning.
fn surrogate(rest: &[u8]) -> Option<u16> {
    let digits = rest.strip_prefix(b"\\u")?.get(..4)?;
    let code = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..=0xdfff).contains(&code).then_some(code)
}

/// The same for a number, which JSON may not have.
fn number(rest: &[u8]) -> (usize, &[u8]) {
    let unknown: [&[u8]; 4] = [b"NaN", b"Infinity", b"-Infinity", b"-NaN"];
    match unknown.into_iter().find(|word| rest.starts_with(word)) {
        Some(word) => (word.len(), b"null"),
        None => (1, rest.get(..1).unwrap_or_default()),
    }
}

/// Whether the JSON is there to its end.
pub(crate) fn is_whole(json: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(json).is_ok()
}

#[cfg(test)]
mod tests;
