//! Every row of what Chromium does with match patterns, measured in a browser.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};

use addons::pattern::MatchPattern;
use proptest::prelude::*;
use serde::Deserialize;
use url::Url;

#[derive(Deserialize)]
struct Table {
    validity: Vec<Validity>,
    matching: Vec<Matching>,
    combining: Vec<Combining>,
}

#[derive(Deserialize)]
struct Validity {
    pattern: String,
    api: BTreeMap<String, serde_json::Value>,
    stored: Option<String>,
}

#[derive(Deserialize)]
struct Matching {
    pattern: String,
    url: String,
    matches: bool,
    /// Whether a script runs there, if that differs.
    runs: Option<bool>,
    /// The only API that accepts the pattern.
    only: Option<String>,
}

#[derive(Deserialize)]
struct Combining {
    script: BTreeMap<String, Vec<String>>,
    url: String,
    runs: bool,
}

fn table() -> Table {
    serde_json::from_str(include_str!("data/chrome-match-patterns.json")).unwrap()
}

/// The rows in which the host parser of the crate `url`, which follows the URL standard, differs from Chromium's:
/// Chromium accepts a blank in a host, which no page has, and Punycode that encodes nothing.
const HOST_PARSER_DIFFERS: &[&str] = &[
    "https://exa mple.com/*",
    "https:// example.com/*",
    "https://example.com /*",
    "https://exam%20ple.com/*",
    "https://xn--/*",
    "https://xn--a.example/*",
    "https://example.com%20/*",
];

#[test]
fn pattern_is_accepted_or_refused_as_by_chromium() {
    let mut differing = Vec::new();
    let table = table();
    assert_eq!(table.validity.len(), 439);
    for row in &table.validity {
        let verdict = &row.api["userScripts"];
        let refused = verdict.as_str().map(|text| text.split_once(": ").unwrap().1.to_owned());
        let ours = row.pattern.parse::<MatchPattern>();
        let accepted_as =
            refused.is_none().then(|| row.stored.clone().unwrap_or_else(|| row.pattern.clone()));
        let expected = accepted_as.map_or_else(|| Err(refused.unwrap()), Ok);
        let ours = ours.map(|pattern| pattern.to_string()).map_err(|error| error.to_string());
        if ours != expected {
            differing.push((row.pattern.as_str(), ours, expected));
        }
    }
    let patterns: Vec<_> = differing.iter().map(|(pattern, ..)| *pattern).collect();
    assert_eq!(patterns, HOST_PARSER_DIFFERS, "{differing:#?}");
}

#[test]
fn pattern_matches_the_pages_that_chromium_matches() {
    let (mut compared, mut differing) = (0, Vec::new());
    let refused: BTreeSet<&str> = HOST_PARSER_DIFFERS.iter().copied().collect();
    for row in table().matching {
        let Ok(url) = row.url.parse::<Url>() else {
            // Punycode that encodes nothing, which Chromium accepts.
            assert!(row.url.starts_with("https://xn--"), "{}", row.url);
            continue;
        };
        let pattern = row.pattern.parse::<MatchPattern>();
        if row.only.is_some() {
            assert!(pattern.is_err(), "{}", row.pattern);
            continue;
        }
        let Ok(pattern) = pattern else {
            assert!(refused.contains(row.pattern.as_str()), "{}", row.pattern);
            continue;
        };
        let is_server_or_file = matches!(url.scheme(), "http" | "https" | "file");
        let expected = if is_server_or_file { row.matches } else { row.runs.unwrap_or(row.matches) };
        compared += 1;
        if pattern.matches(&url) != expected {
            differing.push((row.pattern, row.url, expected));
        }
    }
    assert!(differing.is_empty(), "{} of {compared}: {differing:#?}", differing.len());
    assert!(compared > 4_000, "{compared}");
}

#[test]
fn excluded_pages_are_those_that_chromium_excludes() {
    let mut compared = 0;
    for row in table().combining {
        if row.script.keys().any(|key| key.ends_with("Globs")) {
            // Addons have no globs.
            continue;
        }
        compared += 1;
        let url: Url = row.url.parse().unwrap();
        let any = |key: &str| {
            row.script
                .get(key)
                .into_iter()
                .flatten()
                .any(|one| one.parse::<MatchPattern>().unwrap().matches(&url))
        };
        assert_eq!(any("matches") && !any("excludeMatches"), row.runs, "{:?} on {}", row.script, row.url);
    }
    assert_eq!(compared, 10);
}

#[test]
fn bare_domain_is_a_host_and_never_a_substring() {
    let matched = |pattern: &str, url: &str| {
        MatchPattern::parse_domain(pattern).unwrap().matches(&url.parse().unwrap())
    };
    assert!(matched("example.com", "https://example.com/a?b"));
    assert!(matched("example.com", "http://example.com:8080/"));
    assert!(matched("example.com", "https://EXAMPLE.com./"));
    assert!(matched("münchen.example", "https://xn--mnchen-3ya.example/"));
    assert!(matched("[::1]", "http://[::1]:3000/"));
    for other in
        ["https://www.example.com/", "https://evil-example.com/", "https://example.com.evil.example/"]
    {
        assert!(!matched("example.com", other), "{other}");
    }
    assert!(!matched("example.com", "file:///example.com/"));
    assert!(matched("*.example.com", "https://example.com/"));
    assert!(matched("*.example.com", "https://a.b.example.com/"));
    assert!(!matched("*.example.com", "https://evil-example.com/"));
    assert!(matched("https://example.com/a/*", "https://example.com/a/b"), "a match pattern is one too");
    for refused in
        ["", "*", "*.", "*.*", "a b", "example.com/", "localhost:8080", "ex*mple.com", "<ALL_URLS>"]
    {
        assert!(MatchPattern::parse_domain(refused).is_err(), "{refused}");
    }
}

#[test]
fn host_is_matched_on_any_scheme_port_and_path() {
    let pattern: MatchPattern = "https://*.example.com:8443/a/*".parse().unwrap();
    for host in ["example.com", "WWW.example.com", "example.com."] {
        assert!(pattern.matches_host(host), "{host}");
    }
    for host in ["evil-example.com", "com", "", "a b", "example.com:8443", "https://example.com"] {
        assert!(!pattern.matches_host(host), "{host}");
    }
    assert!(MatchPattern::AllUrls.matches_host("example.com"));
    assert!(!MatchPattern::AllUrls.matches_host("a/b"));
    assert!(!"file:///*".parse::<MatchPattern>().unwrap().matches_host("example.com"));
}

#[test]
fn many_wildcards_take_no_exponential_time() {
    let pattern: MatchPattern = format!("https://example.com/{}b", "*a".repeat(500)).parse().unwrap();
    let url: Url = format!("https://example.com/{}", "a".repeat(10_000)).parse().unwrap();
    assert!(!pattern.matches(&url));
}

proptest! {
    #[test]
    fn no_text_panics_and_a_pattern_is_stored_in_a_form_that_is_read_alike(text in "(https?|\\*|file|ftp)?(://)?[a-zA-Z0-9*.:\\[\\]%/?#@ <>ß例-]{0,24}") {
        let _ = MatchPattern::parse_domain(&text);
        if let Ok(pattern) = text.parse::<MatchPattern>() {
            prop_assert_eq!(pattern.to_string().parse::<MatchPattern>(), Ok(pattern));
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in ".{0,40}", host in ".{0,20}") {
        if let Ok(pattern) = MatchPattern::parse_domain(&text) {
            let _ = pattern.matches_host(&host);
        }
    }
}
