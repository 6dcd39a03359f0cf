//! The rules of a release, in the form in which pages are compared with them.

use addons::area::{Area, Region};
use addons::injection;
use addons::pattern::{MatchPattern, PatternError};
use domain::addons::{InjectionRule, Release, RunAt};
use domain::primitives::NamedValue as _;

/// Where, when and with which priority a release runs by itself.
#[derive(Debug, Clone)]
pub struct ReleaseRule {
    pub region: Region,
    pub priority: i32,
    pub run_at: RunAt,
    pub all_frames: bool,
}

impl ReleaseRule {
    /// Whether it runs on some page of the host.
    #[must_use]
    pub fn matches_host(&self, host: &str) -> bool {
        self.region.matches.iter().any(|pattern| pattern.matches_host(host))
    }

    /// Returns what of the rule concerns the pages of `domain`; `None` if nothing does.
    ///
    /// A pattern of every host is narrowed to the domain: an extension has a list for each of its domains, and would
    /// run the addon once for each list otherwise.
    #[must_use]
    pub fn within(&self, domain: &str) -> Option<injection::Rule> {
        let here = self.region.matches.iter().filter(|pattern| pattern.matches_host(domain));
        let matches: Vec<_> = here.filter_map(|pattern| pattern.within(domain).ok()).collect();
        (!matches.is_empty()).then(|| injection::Rule {
            region: Region { matches, excludes: self.region.excludes.clone() },
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
        region: Region {
            matches: match &rule.url_patterns {
                Some(patterns) => read(patterns, str::parse),
                None => read(&rule.domains, MatchPattern::parse_domain),
            },
            excludes: read(rule.exclude_patterns.as_deref().unwrap_or_default(), str::parse),
        },
        priority: rule.priority,
        run_at: rule.run_at,
        all_frames: rule.all_frames == Some(true),
    };
    match (&release.injection_rules, &release.domain_patterns) {
        (Some(rules), _) => rules.iter().map(rule).collect(),
        (None, Some(domains)) => vec![ReleaseRule {
            region: Region { matches: read(domains, MatchPattern::parse_domain), excludes: Vec::new() },
            priority: 0,
            run_at: RunAt::DocumentIdle,
            all_frames: false,
        }],
        (None, None) => Vec::new(),
    }
}

/// Tells in what the rules of a release do not hold as they are written: Chromium gets one script for all of them, which
/// runs once on a page.
#[must_use]
pub fn rule_warnings(release: &Release) -> Vec<String> {
    let rules = rules(release);
    let mut warnings: Vec<_> = Area::new(rules.iter().map(|rule| &rule.region).collect())
        .lost()
        .into_iter()
        .map(|pattern| format!("{pattern} is not excluded, because another rule runs on some of its pages"))
        .collect();
    if let Some(first) = rules.first()
        && rules.iter().any(|rule| (rule.run_at, rule.all_frames) != (first.run_at, first.all_frames))
    {
        let earliest = rules.iter().map(|rule| rule.run_at).min().unwrap_or(first.run_at);
        let frames = if rules.iter().any(|rule| rule.all_frames) { " and in all frames" } else { "" };
        warnings.push(format!(
            "all rules are one script, which runs at {}{frames} wherever one of them lets it run",
            earliest.as_str()
        ));
    }
    warnings
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

    fn texts(patterns: &[MatchPattern]) -> Vec<String> {
        patterns.iter().map(MatchPattern::to_string).collect()
    }

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
        assert_eq!(texts(&within.region.matches), ["https://example.com/a/*"]);
        assert_eq!(
            (texts(&within.region.excludes), within.all_frames),
            (vec!["https://example.com/a/b".to_owned()], true)
        );
        assert_eq!(rules(&narrow)[0].within("www.example.com"), None);
    }

    #[test]
    fn author_is_told_what_rules_of_one_script_cannot_say() {
        let on_path = |path: &str| InjectionRule {
            url_patterns: Some(vec![format!("*://a.example/{path}")]),
            ..rule(&["a.example"], 0)
        };
        let with = |rules| Release { injection_rules: Some(rules), ..release("a", "1.0.0") };
        let excluding = |path: &str| InjectionRule {
            exclude_patterns: Some(vec![format!("*://a.example/{path}")]),
            ..on_path("*")
        };
        assert!(rule_warnings(&with(vec![on_path("a/*"), on_path("b/*")])).is_empty());
        assert!(rule_warnings(&with(vec![excluding("pay/*"), on_path("shop/*")])).is_empty());
        assert_eq!(
            rule_warnings(&with(vec![excluding("pay/*"), on_path("pay/now")])),
            ["*://a.example/pay/* is not excluded, because another rule runs on some of its pages"]
        );
        let early = InjectionRule { run_at: RunAt::DocumentStart, all_frames: Some(true), ..on_path("a/*") };
        assert_eq!(
            rule_warnings(&with(vec![early, on_path("b/*")])),
            [
                "all rules are one script, which runs at document_start and in all frames wherever one of them lets it run"
            ]
        );
    }

    #[test]
    fn list_of_a_domain_speaks_of_this_domain_alone() {
        let everywhere = Release {
            domain_patterns: Some(vec!["a.example".into(), "*://*/x*".into()]),
            ..release("a", "1.0.0")
        };
        let [rule] = &rules(&everywhere)[..] else { panic!("one rule") };
        let matches = |domain| texts(&rule.within(domain).unwrap().region.matches);
        assert_eq!(matches("b.example"), ["*://*.b.example/x*"]);
        assert_eq!(matches("a.example"), ["*://a.example/*", "*://*.a.example/x*"]);
    }
}
