//! Deprecations: when vendors shut down their models.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::primitives::timestamp::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a vendor is asked.
pub const DEPRECATION_CHECK_INTERVAL: Duration = DAY;

/// How long before the shutdown of a model the operator is warned.
pub const DEPRECATION_WARNING_PERIOD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long an answer of a vendor is shown, so that a provider that is no longer in use disappears.
pub const DEPRECATION_MAX_AGE: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// The vendor's last answer about the shutdown of a provider's models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelDeprecations {
    pub provider: String,
    /// When the vendor was asked.
    pub asked_at: Timestamp,
    /// The models that the operator has configured. The value is the start of the day of the shutdown, if
    /// the vendor has announced one.
    pub models: BTreeMap<String, Option<Timestamp>>,
}

impl ModelDeprecations {
    /// Combines the vendor's current answer with the previous one.
    ///
    /// `chosen` are the configured models. `answer` contains the models that the vendor lists, each with
    /// its shutdown date if there is one; `None` if there was no answer. A model that is missing in the
    /// answer keeps its date from `before`, because a vendor no longer lists a model after its shutdown.
    #[must_use]
    pub fn new(
        provider: &str,
        chosen: &BTreeSet<String>,
        answer: Option<&BTreeMap<String, Option<Timestamp>>>,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Self {
        let known = |model: &String| match answer.and_then(|answer| answer.get(model)) {
            Some(end) => *end,
            None => before.and_then(|before| *before.models.get(model)?),
        };
        let models = chosen.iter().map(|model| (model.clone(), known(model))).collect();
        Self { provider: provider.to_owned(), asked_at: now, models }
    }

    /// Returns whether the vendor must be asked again: the answer is older than
    /// [`DEPRECATION_CHECK_INTERVAL`], or the configured models have changed.
    #[must_use]
    pub fn outdated(&self, chosen: &BTreeSet<String>, now: Timestamp) -> bool {
        now.since(self.asked_at) >= DEPRECATION_CHECK_INTERVAL || !self.models.keys().eq(chosen)
    }

    /// Returns the models whose shutdown is near or past, with the time of the shutdown.
    pub fn near(&self, now: Timestamp) -> impl Iterator<Item = (&str, Timestamp)> {
        let dated = self.models.iter().filter_map(|(model, end)| Some((model.as_str(), (*end)?)));
        dated.filter(move |(_, end)| end.since(now) <= DEPRECATION_WARNING_PERIOD)
    }

    /// Returns the models of [`Self::near`] as text for people.
    #[must_use]
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let ends: Vec<_> =
            self.near(now).map(|(model, end)| format!("{model} is switched off on {}", end.date())).collect();
        (!ends.is_empty()).then(|| ends.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn chosen(models: &[&str]) -> BTreeSet<String> {
        models.iter().map(|model| (*model).to_owned()).collect()
    }

    fn answer() -> BTreeMap<String, Option<Timestamp>> {
        BTreeMap::from([
            ("a".to_owned(), Some(at("2026-12-01T00:00:00Z"))),
            ("b".to_owned(), Some(at("2027-01-14T00:00:00Z"))),
            ("not ours".to_owned(), Some(at("2026-01-01T00:00:00Z"))),
        ])
    }

    #[test]
    fn warning_starts_30_days_before_shutdown_and_stays() {
        let now = at("2026-11-01T00:00:00Z");
        let deprecations =
            ModelDeprecations::new("openai", &chosen(&["a", "b", "c"]), Some(&answer()), None, now);
        assert_eq!(deprecations.warning(now - Duration::from_millis(1)), None);
        let warning = "a is switched off on 2026-12-01";
        assert_eq!(deprecations.warning(now).unwrap(), warning);
        assert_eq!(deprecations.warning(at("2026-12-14T00:00:00Z")).unwrap(), warning);
        let both = deprecations.warning(at("2026-12-15T00:00:00Z")).unwrap();
        assert_eq!(both, format!("{warning}; b is switched off on 2027-01-14"));
    }

    #[test]
    fn missing_answer_keeps_known_shutdown_dates() {
        let now = at("2026-11-20T00:00:00Z");
        let first = ModelDeprecations::new("openai", &chosen(&["a"]), Some(&answer()), None, now);
        let silent = ModelDeprecations::new("openai", &chosen(&["a", "b"]), None, Some(&first), now + DAY);
        assert!(silent.warning(now).is_some());
        assert_eq!(silent.models.get("b"), Some(&None));
    }

    #[test]
    fn unlisted_model_keeps_date_and_undated_model_loses_it() {
        let now = at("2026-11-20T00:00:00Z");
        let first = ModelDeprecations::new("openai", &chosen(&["a"]), Some(&answer()), None, now);
        let after = at("2026-12-02T00:00:00Z");
        let unlisted =
            ModelDeprecations::new("openai", &chosen(&["a"]), Some(&BTreeMap::new()), Some(&first), after);
        assert_eq!(unlisted.warning(after).unwrap(), "a is switched off on 2026-12-01");
        let stays = BTreeMap::from([("a".to_owned(), None)]);
        let stays = ModelDeprecations::new("openai", &chosen(&["a"]), Some(&stays), Some(&unlisted), after);
        assert_eq!(stays.warning(after), None);
    }

    #[test]
    fn answer_is_outdated_after_a_day_or_new_models() {
        let now = at("2026-11-20T00:00:00Z");
        let deprecations = ModelDeprecations::new("openai", &chosen(&["a"]), None, None, now);
        assert!(!deprecations.outdated(&chosen(&["a"]), now + DAY - Duration::from_millis(1)));
        assert!(deprecations.outdated(&chosen(&["a"]), now + DAY));
        assert!(
            deprecations.outdated(&chosen(&["a", "b"]), now) && deprecations.outdated(&chosen(&["b"]), now)
        );
    }
}
