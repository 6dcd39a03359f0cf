//! The models that a service has turned out not to have, so that the operator's next one is asked at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Timestamp;

/// How long a model is not asked again. The operator may still add it to the service.
const TTL: Duration = Duration::from_secs(60 * 60);

/// Of this process only.
#[derive(Debug, Default)]
pub(super) struct UnavailableModels(Mutex<HashMap<String, Timestamp>>);

impl UnavailableModels {
    fn models(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that the service said at `now` that it does not have this model.
    pub(super) fn record(&self, model: &str, now: Timestamp) {
        self.models().insert(model.to_owned(), now);
    }

    pub(super) fn contains(&self, model: &str, now: Timestamp) -> bool {
        self.models().get(model).is_some_and(|since| now.since(*since) < TTL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_is_unavailable_for_an_hour() {
        let (models, now) = (UnavailableModels::default(), Timestamp::from_millis(1_795_380_911_000));
        models.record("old", now);
        assert!(models.contains("old", now + TTL - Duration::from_millis(1)));
        assert!(!models.contains("old", now + TTL) && !models.contains("new", now));
        models.record("old", now + TTL);
        assert!(models.contains("old", now + TTL));
    }
}
