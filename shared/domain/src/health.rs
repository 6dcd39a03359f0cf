//! The health of a deployment and of its parts.

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::StoreError;

/// A part that takes longer than this to answer is degraded.
pub const SLOW: Duration = Duration::from_millis(500);

/// How one part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "ServiceStatus")]
pub enum State {
    /// It answers.
    Up,
    /// It does not.
    Down,
    /// It answers, but slowly or not always.
    Degraded,
}

/// How the whole is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "HealthStatus")]
pub enum Overall {
    /// All of it is well.
    Healthy,
    /// What is accepted is kept, but not everything goes as it should.
    Degraded,
    /// Nothing can be accepted.
    Unhealthy,
}

/// Combines the states of the parts. Without the database no job can be accepted, so the deployment is
/// unhealthy. Without another part jobs only wait, so it is degraded.
#[must_use]
pub fn overall(database: State, rest: &[State]) -> Overall {
    match database {
        State::Down => Overall::Unhealthy,
        State::Up if rest.iter().all(|state| *state == State::Up) => Overall::Healthy,
        State::Up | State::Degraded => Overall::Degraded,
    }
}

/// A health check of one part.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Succeeds if the part answers. Gives [`StoreError::Unavailable`] if it does not.
    async fn probe(&self) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overall_is_unhealthy_only_without_database() {
        use State::{Degraded, Down, Up};
        assert_eq!(overall(Up, &[Up, Up]), Overall::Healthy);
        assert_eq!(overall(Up, &[Up, Down]), Overall::Degraded);
        assert_eq!(overall(Degraded, &[Up]), Overall::Degraded);
        assert_eq!(overall(Down, &[Up]), Overall::Unhealthy);
    }
}
