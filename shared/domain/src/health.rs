//! How the parts of a deployment are.

use crate::store::StoreError;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A part that answers, but takes longer than this, is degraded.
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

/// How the whole is when its parts are so. Without the database no job exists; without the rest a
/// job waits.
#[must_use]
pub fn overall(database: State, rest: &[State]) -> Overall {
    match database {
        State::Down => Overall::Unhealthy,
        State::Up if rest.iter().all(|state| *state == State::Up) => Overall::Healthy,
        State::Up | State::Degraded => Overall::Degraded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_database_nothing_works_and_without_the_rest_jobs_wait() {
        use State::{Degraded, Down, Up};
        assert_eq!(overall(Up, &[Up, Up]), Overall::Healthy);
        assert_eq!(overall(Up, &[Up, Down]), Overall::Degraded);
        assert_eq!(overall(Degraded, &[Up]), Overall::Degraded);
        assert_eq!(overall(Down, &[Up]), Overall::Unhealthy);
    }
}

/// Something that can be asked whether it answers.
#[async_trait]
pub trait Probe: Send + Sync {
    /// Asks.
    async fn probe(&self) -> Result<(), StoreError>;
}
