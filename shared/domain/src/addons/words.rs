//! The words that describe addons.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::named::named_values;

named_values! {
    /// What an addon is, and so where it runs.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    pub enum AddonType {
        /// A script that runs beside the page, in a world of the extension's scripts.
        ContentScript = "content_script",
        /// A script of the extension itself. It is served, and never injected into a page.
        BackgroundScript = "background_script",
        /// A script that runs in the page's own world.
        InjectedScript = "injected_script",
        /// CSS.
        StyleSheet = "style_sheet",
    }
}

impl AddonType {
    /// Whether its content is JavaScript.
    #[must_use]
    pub const fn is_script(self) -> bool {
        match self {
            Self::ContentScript | Self::BackgroundScript | Self::InjectedScript => true,
            Self::StyleSheet => false,
        }
    }

    /// Whether an extension puts it into pages.
    #[must_use]
    pub const fn is_injected(self) -> bool {
        match self {
            Self::ContentScript | Self::InjectedScript | Self::StyleSheet => true,
            Self::BackgroundScript => false,
        }
    }
}

named_values! {
    /// How a version of an addon may be used.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    pub enum AddonStatus {
        /// For all.
        Active = "active",
        /// Not at all: its content is not served.
        Inactive = "inactive",
        /// For those that need it. It is served with a warning, and injected only where an active addon needs it.
        Deprecated = "deprecated",
        /// For those that ask for exactly this version.
        Beta = "beta",
    }
}

impl AddonStatus {
    /// Whether a range may choose such a version, and a dependency be satisfied by it.
    #[must_use]
    pub const fn is_chosen(self) -> bool {
        match self {
            Self::Active | Self::Deprecated => true,
            Self::Inactive | Self::Beta => false,
        }
    }
}

named_values! {
    /// When a script runs, as Chromium names it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    pub enum RunAt {
        /// Before anything of the page.
        DocumentStart = "document_start",
        /// When the document is complete, before its images.
        DocumentEnd = "document_end",
        /// After that, when the browser finds time.
        DocumentIdle = "document_idle",
    }
}

named_values! {
    /// What a condition looks at. The extension evaluates it, not this service.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    pub enum ConditionType {
        /// The browser's user agent.
        UserAgent = "user_agent",
        /// The size of the window.
        Viewport = "viewport",
        /// A switch of the extension.
        FeatureFlag = "feature_flag",
        /// Whatever the extension understands.
        Custom = "custom",
    }
}

named_values! {
    /// How a condition compares.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
    pub enum Operator {
        /// The same text or number.
        Equals = "equals",
        /// A part of it.
        Contains = "contains",
        /// A regular expression.
        Matches = "matches",
        /// A larger number.
        GreaterThan = "greater_than",
        /// A smaller number.
        LessThan = "less_than",
    }
}
