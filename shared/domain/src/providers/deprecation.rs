//! When the makers of models switch them off.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::primitives::timestamp::Timestamp;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a maker is asked.
pub const DEPRECATION_CHECK_INTERVAL: Duration = DAY;

/// How long before a model's end the operator is warned.
pub const DEPRECATION_WARNING_PERIOD: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// For how long an answer is shown: a provider that is not used any more is forgotten.
pub const DEPRECATION_MAX_AGE: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// What the maker of a provider's models last said about their end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelDeprecations {
    /// The provider's name.
    pub provider: String,
    /// When the maker was asked.
    pub asked_at: Timestamp,
    /// The models that the operator has chosen, each with the beginning of the day on which it is
    /// switched off, if the maker has named one.
    pub models: BTreeMap<String, Option<Timestamp>>,
}

impl ModelDeprecations {
    /// What is known of the `chosen` models once the maker has `said` what models it has, each with its
    /// end if that is settled. Of a model that it does not speak of this time (`None`: of none at all) it
    /// holds what was said `before`: a maker that has switched a model off lists it no more.
    #[must_use]
    pub fn new(
        provider: &str,
        chosen: &BTreeSet<String>,
        said: Option<&BTreeMap<String, Option<Timestamp>>>,
        before: Option<&Self>,
        now: Timestamp,
    ) -> Self {
        let known = |model: &String| match said.and_then(|said| said.get(model)) {
            Some(end) => *end,
            None => before.and_then(|before| *before.models.get(model)?),
        };
        let models = chosen.iter().map(|model| (model.clone(), known(model))).collect();
        Self { provider: provider.to_owned(), asked_at: now, models }
    }

    /// Whether the maker is to be asked again: it was asked long ago, or about other models.
    #[must_use]
    pub fn outdated(&self, chosen: &BTreeSet<String>, now: Timestamp) -> bool {
        now.since(self.asked_at) >= DEPRECATION_CHECK_INTERVAL || !self.models.keys().eq(chosen)
    }

    /// The models whose end is near, or past, and when it comes.
    pub fn near(&self, now: Timestamp) -> impl Iterator<Item = (&str, Timestamp)> {
        let dated = self.models.iter().filter_map(|(model, end)| Some((model.as_str(), (*end)?)));
        dated.filter(move |(_, end)| end.since(now) <= DEPRECATION_WARNING_PERIOD)
    }

    /// The same for people.
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

    fn said() -> BTreeMap<String, Option<Timestamp>> {
        BTreeMap::from([
            ("a".to_owned(), Some(at("2026-12-01T00:00:00Z"))),
            ("b".to_owned(), Some(at("2027-01-14T00:00:00Z"))),
            ("not ours".to_owned(), Some(at("2026-01-01T00:00:00Z"))),
        ])
    }

    #[test]
    fn a_warning_comes_thirty_days_before_the_end_and_stays() {
        let now = at("2026-11-01T00:00:00Z");
        let deprecations =
            ModelDeprecations::new("openai", &chosen(&["a", "b", "c"]), Some(&said()), None, now);
        assert_eq!(deprecations.warning(now - Duration::from_millis(1)), None);
        let warning = "a is switched off on 2026-12-01";
        assert_eq!(deprecations.warning(now).unwrap(), warning);
        assert_eq!(deprecations.warning(at("2026-12-14T00:00:00Z")).unwrap(), warning);
        let both = deprecations.warning(at("2026-12-15T00:00:00Z")).unwrap();
        assert_eq!(both, format!("{warning}; b is switched off on 2027-01-14"));
    }

    #[test]
    fn a_maker_that_says_nothing_takes_nothing_back() {
        let now = at("2026-11-20T00:00:00Z");
        let first = ModelDeprecations::new("openai", &chosen(&["a"]), Some(&said()), None, now);
        let silent = ModelDeprecations::new("openai", &chosen(&["a", "b"]), None, Some(&first), now + DAY);
        assert!(silent.warning(now).is_some());
        assert_eq!(silent.models.get("b"), Some(&None));
    }

    #[test]
    fn a_model_that_is_listed_no_more_is_warned_of_all_the_more_and_one_without_an_end_is_not() {
        let now = at("2026-11-20T00:00:00Z");
        let first = ModelDeprecations::new("openai", &chosen(&["a"]), Some(&said()), None, now);
        let after = at("2026-12-02T00:00:00Z");
        let unlisted =
            ModelDeprecations::new("openai", &chosen(&["a"]), Some(&BTreeMap::new()), Some(&first), after);
        assert_eq!(unlisted.warning(after).unwrap(), "a is switched off on 2026-12-01");
        let stays = BTreeMap::from([("a".to_owned(), None)]);
        let stays = ModelDeprecations::new("openai", &chosen(&["a"]), Some(&stays), Some(&unlisted), after);
        assert_eq!(stays.warning(after), None);
    }

    #[test]
    fn a_maker_is_asked_once_a_day_and_about_every_new_model() {
        let now = at("2026-11-20T00:00:00Z");
        let deprecations = ModelDeprecations::new("openai", &chosen(&["a"]), None, None, now);
        assert!(!deprecations.outdated(&chosen(&["a"]), now + DAY - Duration::from_millis(1)));
        assert!(deprecations.outdated(&chosen(&["a"]), now + DAY));
        assert!(
            deprecations.outdated(&chosen(&["a", "b"]), now) && deprecations.outdated(&chosen(&["b"]), now)
        );
    }
}
