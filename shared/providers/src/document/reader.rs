//! Reads a document by the settings' own definitions, to its end. Serde stops at the first fault and shows
//! the value that is wrong; here every fault is told, by its place, and no value is ever shown.

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::iter::Enumerate;
use std::{fmt, slice};

use serde::de::{
    self, Deserialize as _, DeserializeSeed, Deserializer, Expected, IntoDeserializer as _, MapAccess,
    SeqAccess, Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;

use super::tree::{Step, Tree, path};
use super::{Document, Fault, Reading, nearest};

/// Where the unknown names stand, and what is said of each.
type Unknown = RefCell<BTreeMap<Vec<Step>, String>>;

/// Text that can stand for whatever is missing or wrong, so that what comes after it is read too.
const STAND_IN: &str = "https://stand-in.invalid";

/// Reads the document to its end.
pub(super) fn read(mut tree: Tree) -> Reading {
    let unknown = Unknown::default();
    let mut wrong: BTreeMap<Vec<Step>, String> = BTreeMap::new();
    let mut removed = BTreeSet::new();
    // Each round finds one fault more, or takes away what no text can stand in for.
    while let Err(found) = document(&tree, &unknown) {
        let (at, problem) = found.told();
        if let Entry::Vacant(place) = wrong.entry(at.clone()) {
            place.insert(problem);
            tree.put(&at, Some(Tree::Text(STAND_IN.to_owned())));
        } else if removed.insert(at.clone()) {
            tree.put(&at, None);
        } else {
            break;
        }
    }
    for at in wrong.keys() {
        // What is left of a section with faults is not what was written.
        tree.put(&at[..at.len().min(1)], None);
    }
    let document = document(&tree, &unknown).unwrap_or_default();
    let faults = |found: BTreeMap<Vec<Step>, String>| {
        found.into_iter().map(|(at, problem)| Fault::at(path(&at), problem)).collect()
    };
    Reading { document, faults: faults(wrong), unknown: faults(unknown.into_inner()) }
}

fn document(tree: &Tree, unknown: &Unknown) -> Result<Document, Wrong> {
    Document::deserialize(Reader { tree, here: Vec::new(), unknown })
}

/// What is wrong, and where.
#[derive(Debug)]
struct Wrong {
    /// The way to the value, once it is known.
    at: Option<Vec<Step>>,
    /// The field of it that is meant, if not the value itself.
    field: Option<&'static str>,
    problem: String,
}

impl Wrong {
    fn new(problem: impl Into<String>) -> Self {
        Self { at: None, field: None, problem: problem.into() }
    }

    /// It is about the value `here`, unless it is known to be about one within.
    fn here(self, here: Vec<Step>) -> Self {
        let field = self.field.map(|name| Step::Field(name.to_owned()));
        let at = self.at.unwrap_or_else(|| here.into_iter().chain(field).collect());
        Self { at: Some(at), field: None, ..self }
    }

    fn told(self) -> (Vec<Step>, String) {
        let Self { at, problem, .. } = self.here(Vec::new());
        (at.unwrap_or_default(), problem)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl std::error::Error for Wrong {}

/// Serde's own words for these show the value.
impl de::Error for Wrong {
    /// What our own types say; they show nothing.
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

/// What serde calls a type, in words for people.
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
    /// The way to it.
    here: Vec<Step>,
    unknown: &'t Unknown,
}

impl<'t> Reader<'t> {
    /// Reads a value within this one, and says where it stands if it is wrong: whoever finds that out
    /// does not know it.
    fn inner<'de, T: DeserializeSeed<'de>>(
        &self,
        step: Step,
        tree: &'t Tree,
        seed: T,
    ) -> Result<T::Value, Wrong> {
        let here: Vec<_> = self.here.iter().cloned().chain([step]).collect();
        let reader = Reader { tree, here: here.clone(), unknown: self.unknown };
        seed.deserialize(reader).map_err(|wrong| wrong.here(here))
    }
}

/// The fields that are still to be read.
struct Fields<'r, 't> {
    of: &'r Reader<'t>,
    left: &'t [(String, Tree)],
}

impl<'de> MapAccess<'de> for Fields<'_, '_> {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Wrong> {
        let next = self.left.first();
        next.map(|(name, _)| seed.deserialize(name.as_str().into_deserializer())).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Wrong> {
        let Some(((name, tree), left)) = self.left.split_first() else {
            return Err(Wrong::new("no value is left"));
        };
        self.left = left;
        self.of.inner(Step::Field(name.clone()), tree, seed)
    }
}

/// The items that are still to be read.
struct Items<'r, 't> {
    of: &'r Reader<'t>,
    left: Enumerate<slice::Iter<'t, Tree>>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Wrong> {
        let next = self.left.next();
        next.map(|(index, tree)| self.of.inner(Step::Item(index), tree, seed)).transpose()
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
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

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        if matches!(self.tree, Tree::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let Tree::Fields(fields) = self.tree else { return Err(Wrong::new("must be an object")) };
        for (name, _) in fields.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
            let at = self.here.iter().cloned().chain([Step::Field(name.clone())]).collect();
            self.unknown.borrow_mut().insert(at, nearest::unknown(name, known));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        match self.tree {
            Tree::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::List(_) | Tree::Fields(_) => {
                Err(Wrong::new(must_be_one_of(known)))
            }
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}
