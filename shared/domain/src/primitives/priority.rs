//! How urgent a job is.

use crate::primitives::named::NamedValue;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// After the others.
    Low,
    /// As they come.
    #[default]
    Normal,
    /// Before the others.
    High,
}

impl NamedValue for Priority {
    const ALL: &'static [Self] = &[Self::Low, Self::Normal, Self::High];

    fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}
