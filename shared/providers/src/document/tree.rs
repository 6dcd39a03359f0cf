//! A JSON document as it was written, duplicate names included.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use super::suggestion;

/// A value. It has no `Debug`, because it holds keys.
pub(super) enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Fields(Vec<(String, Self)>),
}

/// One part of the path to a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    Field(String),
    Item(usize),
}

/// A path as it is shown: `openai.models.dalle3`, `order[1]`.
pub(super) fn path(segments: &[Segment]) -> String {
    let mut text = String::new();
    for segment in segments {
        match segment {
            Segment::Field(name) => {
                let dot = if text.is_empty() { "" } else { "." };
                text += &format!("{dot}{}", suggestion::shown(name));
            }
            Segment::Item(index) => text += &format!("[{index}]"),
        }
    }
    text
}

impl Tree {
    /// Replaces every value at `path`, or removes it if `value` is `None`.
    pub(super) fn put(&mut self, path: &[Segment], value: Option<Self>) {
        match (path, self) {
            ([Segment::Field(name)], Self::Fields(fields)) => {
                fields.retain(|(other, _)| other != name);
                fields.extend(value.map(|value| (name.clone(), value)));
            }
            ([Segment::Item(index)], Self::List(items)) => {
                if let (Some(item), Some(value)) = (items.get_mut(*index), value) {
                    *item = value;
                }
            }
            ([Segment::Field(name), rest @ ..], Self::Fields(fields)) => {
                if let Some((_, inner)) = fields.iter_mut().find(|(other, _)| other == name) {
                    inner.put(rest, value);
                }
            }
            ([Segment::Item(index), rest @ ..], Self::List(items)) => {
                if let Some(inner) = items.get_mut(*index) {
                    inner.put(rest, value);
                }
            }
            (
                _,
                Self::Null
                | Self::Bool(_)
                | Self::Number(_)
                | Self::Text(_)
                | Self::List(_)
                | Self::Fields(_),
            ) => {}
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        // JSON has finite numbers only.
        Ok(Number::from_f64(value).map_or(Tree::Null, Tree::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Tree, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = entries.next_entry()? {
            fields.push(field);
        }
        Ok(Tree::Fields(fields))
    }
}
