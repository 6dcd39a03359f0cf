//! Warnings about content that may disturb a viewer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What may trouble a viewer of an image, or what made a provider refuse it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContentWarning {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: WarningKind,
    /// How bad it is.
    pub severity: Severity,
    /// How sure the provider is, from 0 to 1.
    pub confidence: f64,
}

/// Kinds of troubling content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WarningKind {
    /// Violence.
    Violence,
    /// Adult content.
    Adult,
    /// Medical content.
    Medical,
    /// Suggestive content.
    Racy,
    /// An altered picture of something real.
    Spoof,
}

/// How troubling it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A little.
    Low,
    /// Somewhat.
    Medium,
    /// Very.
    High,
}
