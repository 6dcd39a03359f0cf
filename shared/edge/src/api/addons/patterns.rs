//! The patterns of a publication, checked by Chromium's rules.

use addons::pattern::{MatchPattern, PatternError};
use domain::FieldError;
use domain::addons::InjectionRule;

/// Returns the faults of the patterns of a release: what Chromium refuses, with its reason, and what lies outside of
/// the domains in which it should lie. The rules have their places in the list.
#[must_use]
pub fn pattern_faults<'a>(
    domains: Option<&[String]>,
    rules: impl Iterator<Item = (usize, &'a InjectionRule)>,
) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let own =
        domains.map(|domains| parse_all("domainPatterns", domains, MatchPattern::parse_domain, &mut faults));
    for (index, rule) in rules {
        let path = format!("injectionRules[{index}]");
        let within =
            parse_all(&format!("{path}.domains"), &rule.domains, MatchPattern::parse_domain, &mut faults);
        if let Some(own) = &own {
            outside(&format!("{path}.domains"), &within, own, "domainPatterns", &mut faults);
        }
        if let Some(patterns) = &rule.url_patterns {
            let place = format!("{path}.urlPatterns");
            let patterns = parse_all(&place, patterns, str::parse, &mut faults);
            // Without domains, that is the fault.
            if !within.is_empty() {
                outside(&place, &patterns, &within, "the rule's domains", &mut faults);
            }
        }
        if let Some(patterns) = &rule.exclude_patterns {
            parse_all(&format!("{path}.excludePatterns"), patterns, str::parse, &mut faults);
        }
    }
    faults
}

/// The patterns of a list by their place in it, without those that are refused.
type Parsed = Vec<(usize, MatchPattern)>;

fn parse_all(
    path: &str,
    texts: &[String],
    parse: impl Fn(&str) -> Result<MatchPattern, PatternError>,
    faults: &mut Vec<FieldError>,
) -> Parsed {
    let mut parsed = Vec::new();
    // An empty text stands for one whose fault is named already.
    for (index, text) in texts.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        match parse(text) {
            Ok(pattern) => parsed.push((index, pattern)),
            Err(reason) => faults
                .push(FieldError::new(format!("{path}[{index}]"), format!("{text:?} is refused: {reason}"))),
        }
    }
    parsed
}

fn outside(path: &str, inner: &Parsed, outer: &Parsed, of: &str, faults: &mut Vec<FieldError>) {
    for (index, pattern) in inner {
        if !outer.iter().any(|(_, outer)| outer.covers_hosts_of(pattern)) {
            let message = format!("{pattern} is outside of {of}");
            faults.push(FieldError::new(format!("{path}[{index}]"), message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::addons::RunAt;

    #[test]
    fn every_faulty_pattern_is_named() {
        let bad = InjectionRule {
            url_patterns: Some(vec!["https://other.example/*".into(), "example.com".into()]),
            exclude_patterns: Some(vec!["*://*:80/*".into()]),
            ..InjectionRule {
                id: "r".into(),
                priority: 0,
                domains: ["example.com", "*.example.org", "*://"].map(str::to_owned).to_vec(),
                url_patterns: None,
                exclude_patterns: None,
                run_at: RunAt::DocumentIdle,
                all_frames: None,
                conditions: None,
            }
        };
        let faults =
            pattern_faults(Some(&["*.example.com".into(), "https://".into()]), [bad].iter().enumerate());
        let found: Vec<_> =
            faults.iter().map(|fault| (fault.path.as_str(), fault.message.as_str())).collect();
        assert_eq!(
            found,
            [
                ("domainPatterns[1]", "\"https://\" is refused: Host can not be empty."),
                ("injectionRules[0].domains[2]", "\"*://\" is refused: Host can not be empty."),
                ("injectionRules[0].domains[1]", "*://*.example.org/* is outside of domainPatterns"),
                ("injectionRules[0].urlPatterns[1]", "\"example.com\" is refused: Missing scheme separator."),
                (
                    "injectionRules[0].urlPatterns[0]",
                    "https://other.example/* is outside of the rule's domains"
                ),
                ("injectionRules[0].excludePatterns[0]", "\"*://*:80/*\" is refused: Invalid port."),
            ]
        );
    }
}
