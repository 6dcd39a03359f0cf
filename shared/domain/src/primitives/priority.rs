//! The priority of a job.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::primitives::named::named_values;

named_values! {
    /// Whose turn it is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
    pub enum Priority {
        /// After the others.
        Low = "low",
        /// As they come.
        #[default]
        Normal = "normal",
        /// Before the others.
        High = "high",
    }
}
