//! Reads a document through the `Deserialize` of the settings, to its end, and reports every error with its
//! path and without any value. Serde alone stops at the first error and shows the wrong value.
//!
//! `serde_path_to_error` and `serde_ignored` cannot replace this: they add paths, but leave `serde_json`'s
//! messages, which quote values, stop at the first error, and know neither duplicates nor the right names.

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Enumerate;
use std::{fmt, slice};

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, Expected, IntoDeserializer as _, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::field_error::FieldError;
use super::suggestion;
use super::tree::{Segment, Tree, path};

/// The result of reading a document: its valid sections, and what is wrong.
#[derive(Default)]
pub(crate) struct Reading<T> {
    /// The document without the sections that have errors.
    pub(crate) document: T,
    pub(crate) errors: Vec<FieldError>,
    /// Names that this version does not know. A mistake of the document's writer, but not always an error
    /// for a reader, which may be older than the writer.
    pub(crate) unknown: Vec<FieldError>,
}

impl<T: DeserializeOwned + Default> Reading<T> {
    pub(super) fn of(text: &str) -> Self {
        match serde_json::from_str(text) {
            Ok(tree) => read(tree),
            Err(error) => Self { errors: vec![FieldError::of_all(format!("{error}"))], ..Self::default() },
        }
    }
}

/// The paths of unknown names, and the message about each.
type Unknown = RefCell<BTreeMap<Vec<Segment>, String>>;

/// Text that replaces a missing or wrong value, so that what follows it is read too.
const PLACEHOLDER: &str = "https://stand-in.invalid";

fn read<T: DeserializeOwned + Default>(mut tree: Tree) -> Reading<T> {
    let unknown = Unknown::default();
    let mut wrong: BTreeMap<Vec<Segment>, String> = BTreeMap::new();
    let mut removed = BTreeSet::new();
    // Each round finds one more error, or removes a value that the placeholder cannot replace.
    while let Err(error) = deserialize::<T>(&tree, &unknown) {
        let (at, problem) = error.into_parts();
        if let Entry::Vacant(place) = wrong.entry(at.clone()) {
            place.insert(problem);
            tree.put(&at, Some(Tree::Text(PLACEHOLDER.to_owned())));
        } else if removed.insert(at.clone()) {
            // An item cannot be removed: its list would be another one.
            let items = at.iter().rev().take_while(|segment| matches!(segment, Segment::Item(_))).count();
            tree.put(&at[..at.len() - items], None);
        } else {
            break;
        }
    }
    for at in wrong.keys() {
        // The rest of a section with errors is not what was written.
        tree.put(&at[..at.len().min(1)], None);
    }
    let document = deserialize(&tree, &unknown).unwrap_or_default();
    let errors = |found: BTreeMap<Vec<Segment>, String>| {
        found.into_iter().map(|(at, problem)| FieldError::at(path(&at), problem)).collect()
    };
    Reading { document, errors: errors(wrong), unknown: errors(unknown.into_inner()) }
}

fn deserialize<T: DeserializeOwned>(tree: &Tree, unknown: &Unknown) -> Result<T, ReadError> {
    T::deserialize(Reader { tree, here: Vec::new(), unknown })
}

/// What is wrong, and where.
#[derive(Debug)]
struct ReadError {
    /// The path of the value, once it is known.
    at: Option<Vec<Segment>>,
    /// The field of the value that the error is about, if not the value itself.
    field: Option<&'static str>,
    problem: String,
}

impl ReadError {
    fn new(problem: impl Into<String>) -> Self {
        Self { at: None, field: None, problem: problem.into() }
    }

    /// Sets the path to `here`, unless a deeper one is set.
    fn located(self, here: Vec<Segment>) -> Self {
        let field = self.field.map(|name| Segment::Field(name.to_owned()));
        let at = self.at.unwrap_or_else(|| here.into_iter().chain(field).collect());
        Self { at: Some(at), field: None, ..self }
    }

    fn into_parts(self) -> (Vec<Segment>, String) {
        let Self { at, problem, .. } = self.located(Vec::new());
        (at.unwrap_or_default(), problem)
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for ReadError {}

/// Serde's default messages show the value.
impl de::Error for ReadError {
    /// The messages of our own types show no value.
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self::new(problem.to_string())
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(must_be(expected))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(must_be(expected))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(must_be_one_of(expected))
    }

    fn missing_field(name: &'static str) -> Self {
        Self { field: Some(name), ..Self::new("is missing") }
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self { field: Some(name), ..Self::new("stands there twice") }
    }
}

/// Serde's name of a type, in words for operators.
fn must_be(expected: &dyn Expected) -> String {
    let expected = expected.to_string();
    let words = match expected.as_str() {
        "a string" => "text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "f64" => "a number",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" => "a whole number, 0 or more",
        "a nonzero u32" => "a whole number from 1 to 4294967295",
        other => other,
    };
    format!("must be {words}")
}

fn must_be_one_of(words: &[&str]) -> String {
    format!("must be one of {}", words.join(", "))
}

/// Reads one value of the document.
struct Reader<'t> {
    tree: &'t Tree,
    /// The path of the value.
    here: Vec<Segment>,
    unknown: &'t Unknown,
}

impl<'t> Reader<'t> {
    /// Reads a value within this one, and adds its path to an error: the code that finds the error does not
    /// know the path.
    fn inner<'de, T: DeserializeSeed<'de>>(
        &self,
        segment: Segment,
        tree: &'t Tree,
        seed: T,
    ) -> Result<T::Value, ReadError> {
        let here: Vec<_> = self.here.iter().cloned().chain([segment]).collect();
        let reader = Reader { tree, here: here.clone(), unknown: self.unknown };
        seed.deserialize(reader).map_err(|error| error.located(here))
    }
}

/// The fields that are still to be read.
struct Fields<'r, 't> {
    of: &'r Reader<'t>,
    left: &'t [(String, Tree)],
}

impl<'de> MapAccess<'de> for Fields<'_, '_> {
    type Error = ReadError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, ReadError> {
        let next = self.left.first();
        next.map(|(name, _)| seed.deserialize(name.as_str().into_deserializer())).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, ReadError> {
        let Some(((name, tree), left)) = self.left.split_first() else {
            return Err(ReadError::new("no value is left"));
        };
        self.left = left;
        self.of.inner(Segment::Field(name.clone()), tree, seed)
    }
}

/// The items that are still to be read.
struct Items<'r, 't> {
    of: &'r Reader<'t>,
    left: Enumerate<slice::Iter<'t, Tree>>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = ReadError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, ReadError> {
        let next = self.left.next();
        next.map(|(index, tree)| self.of.inner(Segment::Item(index), tree, seed)).transpose()
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.tree {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(value), _) => visitor.visit_u64(value),
                (None, Some(value)) => visitor.visit_i64(value),
                (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
            },
            Tree::Text(text) => visitor.visit_str(text),
            Tree::List(items) => visitor.visit_seq(Items { of: &self, left: items.iter().enumerate() }),
            Tree::Fields(fields) => visitor.visit_map(Fields { of: &self, left: fields }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if matches!(self.tree, Tree::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let Tree::Fields(fields) = self.tree else { return Err(ReadError::new("must be an object")) };
        for (name, _) in fields.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let at = self.here.iter().cloned().chain([Segment::Field(name.clone())]).collect();
            self.unknown.borrow_mut().insert(at, suggestion::unknown(name, known));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.tree {
            Tree::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::List(_) | Tree::Fields(_) => {
                Err(ReadError::new(must_be_one_of(known)))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}
