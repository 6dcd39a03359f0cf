//! Which models have turned out to be gone, so that the operator's next is asked straight away.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Timestamp;

/// For how long a model is not asked again: an operator may put it there after all.
const LEFT_ALONE: Duration = Duration::from_secs(60 * 60);

/// The models that are gone, as far as this process has seen.
#[derive(Debug, Default)]
pub(super) struct Gone(Mutex<HashMap<String, Timestamp>>);

impl Gone {
    fn models(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service has said at `now` that it does not have this model.
    pub(super) fn note(&self, model: &str, now: Timestamp) {
        self.models().insert(model.to_owned(), now);
    }

    /// Whether the model is gone, for all we know.
    pub(super) fn holds(&self, model: &str, now: Timestamp) -> bool {
        self.models().get(model).is_some_and(|since| now.since(*since) < LEFT_ALONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_gone_for_an_hour() {
        let (gone, now) = (Gone::default(), Timestamp::from_millis(1_795_380_911_000));
        gone.note("old", now);
        assert!(gone.holds("old", now + LEFT_ALONE - Duration::from_millis(1)));
        assert!(!gone.holds("old", now + LEFT_ALONE) && !gone.holds("new", now));
        gone.note("old", now + LEFT_ALONE);
        assert!(gone.holds("old", now + LEFT_ALONE));
    }
}
