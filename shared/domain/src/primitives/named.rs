//! Enums whose values have a name on the wire, and the error of an invalid value.

use serde::{Deserialize as _, Deserializer};

/// An enum each of whose values has a name on the wire. Declared by `named_values!`.
///
/// # Examples
///
/// ```
/// use domain::access::Scope;
/// use domain::primitives::NamedValue as _;
///
/// assert_eq!(Scope::ImagesRead.as_str(), "images:read");
/// assert_eq!(Scope::from_name("images:read"), Some(Scope::ImagesRead));
/// assert_eq!(Scope::from_name("images"), None);
/// ```
pub trait NamedValue: Copy + Sized + 'static {
    /// Every value, in the order in which an error lists them.
    const ALL: &'static [Self];

    /// The name on the wire.
    fn as_str(self) -> &'static str;

    /// The value with this name.
    fn from_name(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == text)
    }

    /// All names, separated by commas, for error messages and help texts.
    fn names() -> String {
        Self::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", ")
    }
}

/// Declares an enum with the name of each value beside it: the one place for a new value. Serde, the
/// OpenAPI document, error messages and help texts all follow.
macro_rules! named_values {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident {
            $( $(#[$value_attribute:meta])* $value:ident = $text:literal, )+
        }
    ) => {
        $(#[$attribute])*
        pub enum $name {
            $( $(#[$value_attribute])* #[serde(rename = $text)] $value, )+
        }

        impl $crate::primitives::named::NamedValue for $name {
            const ALL: &'static [Self] = &[$( Self::$value, )+];

            fn as_str(self) -> &'static str {
                match self {
                    $( Self::$value => $text, )+
                }
            }
        }
    };
}

pub(crate) use named_values;

/// Deserializes a list of values from a row, and leaves out those that this release does not know: a newer one
/// may have written them.
pub(crate) fn known_values<'de, D: Deserializer<'de>, T: NamedValue>(row: D) -> Result<Vec<T>, D::Error> {
    let names = Vec::<String>::deserialize(row)?;
    Ok(names.iter().filter_map(|name| T::from_name(name)).collect())
}

/// The rule that a value breaks, as text for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub String);
