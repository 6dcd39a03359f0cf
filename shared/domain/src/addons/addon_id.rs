//! The ids of addons.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The id of an addon: its name in URLs, and in the dependencies of other addons.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, extend("pattern" = "^[a-z0-9][a-z0-9._-]{0,63}$"))]
pub struct AddonId(String);

/// The text is no id of an addon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 64 characters of a-z, 0-9, '.', '_' and '-', beginning with a letter or a digit")]
pub struct NotAnAddonId;

impl AddonId {
    /// The name of a path beside those of addons, which no addon can have.
    pub const RESERVED: &'static str = "keys";

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a new id, for an addon that was given none.
    #[must_use]
    pub fn from_uuid(id: uuid::Uuid) -> Self {
        Self(id.to_string())
    }
}

impl FromStr for AddonId {
    type Err = NotAnAddonId;

    fn from_str(text: &str) -> Result<Self, NotAnAddonId> {
        let letter_or_digit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = text.len() <= 64
            && text.bytes().next().is_some_and(letter_or_digit)
            && text.bytes().all(|byte| letter_or_digit(byte) || b"._-".contains(&byte));
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAnAddonId) }
    }
}

impl TryFrom<String> for AddonId {
    type Error = NotAnAddonId;

    fn try_from(text: String) -> Result<Self, NotAnAddonId> {
        text.parse()
    }
}

impl From<AddonId> for String {
    fn from(id: AddonId) -> Self {
        id.0
    }
}

/// So that a map of addons can be asked with a text.
impl std::borrow::Borrow<str> for AddonId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AddonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_lower_case_and_begins_with_a_letter_or_digit() {
        let longest = "a".repeat(64);
        for good in ["a", "0", "my-addon", "a.b_c-d", "0190b8a0-0000-7000-8000-000000000001", &longest] {
            assert_eq!(good.parse::<AddonId>().unwrap().as_str(), good);
        }
        let longer = "a".repeat(65);
        for bad in ["", "-a", ".a", "_a", "A", "a b", "ä", "a/b", "a#", &longer] {
            assert_eq!(bad.parse::<AddonId>(), Err(NotAnAddonId), "{bad}");
        }
    }
}
