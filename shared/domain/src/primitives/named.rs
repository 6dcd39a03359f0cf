//! Enums whose values have a name on the wire, and values that break a rule.

/// An enum whose values are words on the wire.
pub trait NamedValue: Copy + Sized + 'static {
    /// Every value, in the order in which an error lists them.
    const ALL: &'static [Self];

    /// The word on the wire.
    fn as_str(self) -> &'static str;

    /// The value that `text` names.
    fn from_name(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.as_str() == text)
    }
}

/// A rule that a value breaks, for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(pub String);
