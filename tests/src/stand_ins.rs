//! The stand-ins of all providers, side by side, and the providers document that names them.

use serde_json::{Value, json};

/// One stand-in of each provider, for the cloud that the tests of providers share.
pub struct StandIns {}

impl StandIns {
    /// Starts all of them.
    pub async fn start() -> Self {
        Self {}
    }

    /// The document by which a cloud uses them. Every key in it has `canary` in its text: no log line may.
    #[must_use]
    pub fn document(&self) -> Value {
        json!({"sandbox": {}})
    }
}
