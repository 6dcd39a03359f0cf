//! The rules of a release, in the form in which pages are compared with them.

use addons::injection;
use addons::pattern::{MatchPattern, PatternError};
use domain::addons::{InjectionRule, Release, RunAt};

/// Where, when and with which priority a release runs by itself.
#[derive(Debug, Clone)]
pub struct ReleaseRule {
    pub matches: Vec<MatchPattern>,
    pub excludes: Vec<MatchPattern>,
    pub priority: i32,
    pub run_at: RunAt,
    pub all_frames: bool,
}

impl ReleaseRule {
    /// Whether it runs on some page of the host.
    #[must_use]
    pub fn matches_host(&self, host: &str) -> bool {
        self.matches.iter().any(|pattern| pattern.matches_host(host))
    }

    /// Returns what of the rule concerns the pages of `domain`; `None` if nothing does.
    ///
    /// A pattern of every host is narrowed to the domain: an extension has a list for each of its domains, and would
    /// run the addon once for each list otherwise.
    #[must_use]
    pub fn within(&self, domain: &str) -> Option<injection::Rule> {
        let here = self.matches.iter().filter(|pattern| pattern.matches_host(domain));
        let matches: Vec<_> =
            here.filter_map(|pattern| Some(pattern.within(domain).ok()?.to_string())).collect();
        (!matches.is_empty()).then(|| injection::Rule {
            matches,
            excludes: self.excludes.iter().map(MatchPattern::to_string).collect(),
            run_at: match self.run_at {
                RunAt::DocumentStart => injection::RunAt::DocumentStart,
                RunAt::DocumentEnd => injection::RunAt::DocumentEnd,
                RunAt::DocumentIdle => injection::RunAt::DocumentIdle,
            },
            all_frames: self.all_frames,
        })
    }
}

/// Returns the rules of a release that was published. A release without rules of its own has one for all its domains;
/// one without domains has none.
#[must_use]
pub fn rules(release: &Release) -> Vec<ReleaseRule> {
    let rule = |rule: &InjectionRule| ReleaseRule {
        matches: match &rule.url_patterns {
            Some(patterns) => read(patterns, str::parse),
            None => read(&rule.domains, MatchPattern::parse_domain),
        },
        excludes: read(rule.exclude_patterns.as_deref().unwrap_or_default(), str::parse),
        priority: rule.priority,
        run_at: rule.run_at,
        all_frames: rule.all_frames == Some(true),
    };
    match (&release.injection_rules, &release.domain_patterns) {
        (Some(rules), _) => rules.iter().map(rule).collect(),
        (None, Some(domains)) => vec![ReleaseRule {
            matches: read(domains, MatchPattern::parse_domain),
            excludes: Vec::new(),
            priority: 0,
            run_at: RunAt::DocumentIdle,
            all_frames: false,
        }],
        (None, None) => Vec::new(),
    }
}

/// Patterns were checked when the release was published; one that a newer version of the rules refuses is left out.
fn read(texts: &[String], parse: impl Fn(&str) -> Result<MatchPattern, PatternError>) -> Vec<MatchPattern> {
    texts.iter().filter_map(|text| parse(text).ok()).collect()
}

/// Whether the release may run on pages of the host, by itself or not.
#[must_use]
pub fn may_run_on(release: &Release, host: &str) -> bool {
    let Some(patterns) = &release.domain_patterns else { return true };
    read(patterns, MatchPattern::parse_domain).iter().any(|pattern| pattern.matches_host(host))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addons::testing::{release, rule};

    #[test]
    fn rules_follow_from_domains_unless_they_are_given() {
        let library = release("a", "1.0.0");
        assert!(rules(&library).is_empty() && may_run_on(&library, "any.example"));
        let simple = Release { domain_patterns: Some(vec!["*.example.com".into()]), ..library.clone() };
        let [only] = &rules(&simple)[..] else { panic!("one rule") };
        assert!(only.matches_host("www.example.com") && !only.matches_host("example.org"));
        assert_eq!((only.priority, only.run_at, only.all_frames), (0, RunAt::DocumentIdle, false));
        assert!(may_run_on(&simple, "example.com") && !may_run_on(&simple, "evil-example.com"));
        let none = Release { injection_rules: Some(Vec::new()), ..simple.clone() };
        assert!(rules(&none).is_empty(), "it may run there, but not by itself");
        let narrow = InjectionRule {
            url_patterns: Some(vec!["https://example.com/a/*".into()]),
            exclude_patterns: Some(vec!["https://example.com/a/b".into()]),
            all_frames: Some(true),
            ..rule(&["example.com"], 7)
        };
        let narrow = Release { injection_rules: Some(vec![narrow]), ..simple };
        let within = rules(&narrow)[0].within("example.com").unwrap();
        assert_eq!(within.matches, ["https://example.com/a/*"]);
        assert_eq!(
            (&within.excludes[..], within.all_frames),
            (&["https://example.com/a/b".to_owned()][..], true)
        );
        assert_eq!(rules(&narrow)[0].within("www.example.com"), None);
    }

    #[test]
    fn list_of_a_domain_speaks_of_this_domain_alone() {
        let everywhere = Release {
            domain_patterns: Some(vec!["a.example".into(), "*://*/x*".into()]),
            ..release("a", "1.0.0")
        };
        let [rule] = &rules(&everywhere)[..] else { panic!("one rule") };
        assert_eq!(rule.within("b.example").unwrap().matches, ["*://*.b.example/x*"]);
        assert_eq!(rule.within("a.example").unwrap().matches, ["*://a.example/*", "*://*.a.example/x*"]);
    }
}
