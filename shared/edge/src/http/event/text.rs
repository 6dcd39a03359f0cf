//! JSON texts that need not be valid Unicode.

use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The bytes of a JSON string. Half a character (an unpaired surrogate) becomes three bytes that are no UTF-8.
pub(super) struct Text(pub(super) Vec<u8>);

impl Text {
    pub(super) fn lossy(self) -> String {
        String::from_utf8(self.0)
            .unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Text;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(bytes.to_vec()))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.as_bytes().to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Returns the string in `json`, or the JSON text itself of any other value; `None` for `null`.
pub(super) fn text(json: &str) -> Option<Text> {
    if json == "null" {
        return None;
    }
    if json.starts_with('"') {
        return serde_json::from_str(json).ok();
    }
    Some(Text(json.as_bytes().to_vec()))
}

/// The fields of an object, in their order.
pub(super) type Pairs<'a> = Vec<(Text, &'a RawValue)>;

/// Returns the fields of the object in `json`; none if it is anything else.
pub(super) fn pairs(json: &str) -> Pairs<'_> {
    struct Object;
    impl<'de> Visitor<'de> for Object {
        type Value = Pairs<'de>;
        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs<'de>, M::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    serde_json::Deserializer::from_str(json).deserialize_map(Object).unwrap_or_default()
}
