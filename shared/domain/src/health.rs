//! How the parts of a deployment are.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::timestamp::Timestamp;

/// A part that answers, but takes longer than this, is degraded.
pub const SLOW: Duration = Duration::from_millis(500);

/// For how long what a worker saw of a provider tells something of how that is now.
pub const FRESH: Duration = Duration::from_secs(15 * 60);
/// For how long it is shown at all: a provider that is not used any more is forgotten.
pub const SHOWN: Duration = Duration::from_secs(24 * 60 * 60);

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

/// What a worker last saw of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sighting {
    /// The provider's name.
    pub provider: String,
    /// How it was.
    pub state: State,
    /// When.
    pub seen_at: Timestamp,
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
