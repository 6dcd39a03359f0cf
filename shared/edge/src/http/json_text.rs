//! JSON text that is stored and sent back as it came.
//!
//! `RawValue` checks only the syntax. It accepts what a JSON parser with 64-bit numbers, whole Unicode and a
//! bound on nesting cannot read, and one such value would make every page of a list unreadable for it.

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The maximum number of objects and lists within one another. `serde_json` reads 128 levels, other parsers
/// fewer; a response adds some of its own.
pub const MAX_DEPTH: usize = 32;

/// What names begin with that `serde_json` does not read as names: with its features `raw_value` and
/// `arbitrary_precision` it takes an object with such a name for a value of its own, and fails if it is none.
const RESERVED_NAMES: &str = "$serde_json::private::";

/// Where a text cannot be read, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The path within the value: empty, or as in `.title` or `[3].title`.
    pub path: String,
    pub message: String,
}

/// Returns the first part of `text`, which is syntactically valid JSON, that a parser cannot read; `None` if
/// it can be read and has at most [`MAX_DEPTH`] levels. Only the first: 4 KiB have room for a thousand.
#[must_use]
pub fn unreadable(text: &str) -> Option<Unreadable> {
    find(text, &mut String::new(), MAX_DEPTH)
}

/// Says why `text`, one string, number or name that is syntactically valid, cannot be read.
#[must_use]
pub fn complaint(text: &str) -> String {
    if text.starts_with('"') {
        "has an escape that is no character: a surrogate such as \\ud83d needs its other half".into()
    } else {
        "is out of range: a number must fit into 64 bits".into()
    }
}

fn find(text: &str, path: &mut String, depth: usize) -> Option<Unreadable> {
    let here = |path: &str, message| Some(Unreadable { path: path.to_owned(), message });
    let nested = text.starts_with(['{', '[']);
    if !nested {
        return match serde_json::from_str::<Value>(text) {
            Ok(_) => None,
            Err(_) => here(path, complaint(text)),
        };
    }
    if depth == 0 {
        return here(path, format!("is nested deeper than {MAX_DEPTH} levels"));
    }
    let length = path.len();
    if text.starts_with('[') {
        let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
        for (index, element) in elements.into_iter().enumerate() {
            path.push_str(&format!("[{index}]"));
            let found = find(element.get(), path, depth - 1);
            if found.is_some() {
                return found;
            }
            path.truncate(length);
        }
        return None;
    }
    // A name that occurs twice is read twice: a parser reads both, too.
    let Some(fields) = fields_of(text) else {
        return here(path, format!("a name in it {}", complaint("\"")));
    };
    for (name, value) in fields {
        path.push('.');
        path.push_str(&name);
        if name.starts_with(RESERVED_NAMES) {
            return here(
                path,
                format!("begins with {RESERVED_NAMES}, which some parsers do not read as a name"),
            );
        }
        let found = find(value.get(), path, depth - 1);
        if found.is_some() {
            return found;
        }
        path.truncate(length);
    }
    None
}

/// Returns the fields of the object `text` in their order; `None` if one of their names is not valid Unicode.
pub(crate) fn fields_of(text: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, &'de RawValue)>;
        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("an object")
        }
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Pairs).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(text: &str) -> Option<String> {
        unreadable(text).map(|found| found.path)
    }

    #[test]
    fn unreadable_part_is_found_with_its_path() {
        let cases = [
            (r#"{"title":"\ud83d"}"#, ".title"),
            (r#"{"title":"\ude00"}"#, ".title"),
            (r#"{"title":"\ud83d\ud83d"}"#, ".title"),
            (r#"{"title":"\ud83dx\ude00"}"#, ".title"),
            (r#"{"a":1e400}"#, ".a"),
            (r#"{"a":[0,{"b":-1e999}]}"#, ".a[1].b"),
            (r#"{"a":{"\ud83d":1}}"#, ".a"),
            (r#"{"\ud83d":1}"#, ""),
            (r#"{"a":"\ud83d","a":1}"#, ".a"),
            (r#"{"$serde_json::private::RawValue":"{"}"#, ".$serde_json::private::RawValue"),
            (r#"{"$serde_json::private::RawValue":"[1]"}"#, ".$serde_json::private::RawValue"),
            (r#"{"a":[{"b":1,"$serde_json::private::Number":1}]}"#, ".a[0].$serde_json::private::Number"),
            (r#"{"\u0024serde_json::private::RawValue":0}"#, ".$serde_json::private::RawValue"),
        ];
        for (text, expected) in cases {
            assert_eq!(path(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn readable_text_passes() {
        for text in [
            "{}",
            r#"{"$serde_json":"$serde_json::private::RawValue"}"#,
            r#"{"smile":"\ud83d\ude00","zero":"\u0000","big":12345678901234567890123,"e":1e308,"tiny":1e-400}"#,
            r#"{"":{"":[]},"n":null,"dot.ted":[true,false]}"#,
        ] {
            assert_eq!(path(text), None, "{text}");
        }
    }

    #[test]
    fn nesting_is_bounded() {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}"), (r#"[{"a":"#, "}]")] {
            let levels = if open.len() > 5 { 2 } else { 1 };
            let of =
                |depth: usize| format!("{}0{}", open.repeat(depth / levels), close.repeat(depth / levels));
            assert_eq!(path(&of(MAX_DEPTH)), None, "{open}");
            for depth in [MAX_DEPTH + levels, 130, 1500] {
                let found = unreadable(&of(depth)).unwrap();
                assert!(found.message.contains("32 levels"), "{found:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn passed_text_is_readable_within_a_response(text in r#"\{"[a\\"]{0,2}":("(\\ud83d|\\ude00|\\u0000|x){0,3}"|-?[0-9]{1,3}(e[0-9]{1,3})?|\[{0,40}\]{0,40})\}"#) {
            let Ok(value) = serde_json::from_str::<&RawValue>(&text) else { return Ok(()) };
            let readable = serde_json::from_str::<Value>(&text).is_ok();
            let passed = unreadable(value.get()).is_none();
            prop_assert!(!passed || readable);
            prop_assert!(passed || !readable || text.matches('[').count() >= MAX_DEPTH);
        }
    }
}
