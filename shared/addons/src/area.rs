//! The pages on which a script runs: what one of several regions matches and does not exclude.
//!
//! Chromium takes one list of patterns and one of exclusions for each script, which cannot say that for all regions.
//! An exclusion is kept unless it would shut the script out from what another region wants.

use std::collections::BTreeSet;

use crate::pattern::MatchPattern;

/// The pages that `matches` match and `excludes` do not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Region {
    pub matches: Vec<MatchPattern>,
    pub excludes: Vec<MatchPattern>,
}

impl Region {
    /// Whether the script may be kept from the pages of `excluded` without being missed in this region.
    fn can_spare(&self, excluded: &MatchPattern) -> bool {
        self.excludes.iter().any(|own| own.covers(excluded))
            || !self.matches.iter().any(|own| own.overlaps(excluded))
    }
}

/// Several regions together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Area<'a>(Vec<&'a Region>);

impl<'a> Area<'a> {
    #[must_use]
    pub fn new(regions: Vec<&'a Region>) -> Self {
        Self(regions)
    }

    pub fn extend(&mut self, other: &Self) {
        let new: Vec<_> = other.0.iter().copied().filter(|region| !self.0.contains(region)).collect();
        self.0.extend(new);
    }

    /// The patterns of all regions, sorted, each once.
    #[must_use]
    pub fn matches(&self) -> BTreeSet<String> {
        self.0.iter().flat_map(|region| &region.matches).map(MatchPattern::to_string).collect()
    }

    /// The exclusions that can be kept, sorted, each once.
    #[must_use]
    pub fn excludes(&self) -> BTreeSet<String> {
        self.each_exclusion().filter(|(_, kept)| *kept).map(|(pattern, _)| pattern.to_string()).collect()
    }

    /// The exclusions that cannot be kept: another region wants some of their pages.
    #[must_use]
    pub fn lost(&self) -> BTreeSet<String> {
        self.each_exclusion().filter(|(_, kept)| !kept).map(|(pattern, _)| pattern.to_string()).collect()
    }

    fn each_exclusion(&self) -> impl Iterator<Item = (&'a MatchPattern, bool)> {
        self.0
            .iter()
            .flat_map(|region| &region.excludes)
            .map(|excluded| (excluded, self.0.iter().all(|region| region.can_spare(excluded))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(matches: &[&str], excludes: &[&str]) -> Region {
        let read = |all: &[&str]| all.iter().map(|one| one.parse().unwrap()).collect();
        Region { matches: read(matches), excludes: read(excludes) }
    }

    #[test]
    fn exclusion_is_kept_unless_another_region_wants_its_pages() {
        let base = region(&["*://a.example/*"], &["*://a.example/pay/*", "*://a.example/old/*"]);
        for (other, kept, lost) in [
            (
                region(&["*://a.example/shop/*"], &[]),
                vec!["*://a.example/old/*", "*://a.example/pay/*"],
                vec![],
            ),
            (
                region(&["*://a.example/pay/now"], &[]),
                vec!["*://a.example/old/*"],
                vec!["*://a.example/pay/*"],
            ),
            (
                region(&["*://a.example/*"], &["*://a.example/old*"]),
                vec!["*://a.example/old/*"],
                vec!["*://a.example/old*", "*://a.example/pay/*"],
            ),
            (
                region(&["*://b.example/*"], &["*://b.example/x"]),
                vec!["*://a.example/old/*", "*://a.example/pay/*", "*://b.example/x"],
                vec![],
            ),
        ] {
            let mut area = Area::new(vec![&base]);
            area.extend(&Area::new(vec![&other, &base]));
            assert_eq!(area.excludes().iter().map(String::as_str).collect::<Vec<_>>(), kept, "{other:?}");
            assert_eq!(area.lost().iter().map(String::as_str).collect::<Vec<_>>(), lost, "{other:?}");
        }
    }
}
