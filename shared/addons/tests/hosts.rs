//! Which hosts a pattern speaks of, whatever its schemes, ports and paths.

#![allow(clippy::unwrap_used)]

use addons::pattern::{MatchPattern, canonical_host};

fn pattern(text: &str) -> MatchPattern {
    MatchPattern::parse_domain(text).unwrap()
}

#[test]
fn pattern_covers_the_hosts_of_those_within_it() {
    for (outer, inner, covers) in [
        ("*://*/*", "example.com", true),
        ("<all_urls>", "*://*/*", true),
        ("*://*/*", "<all_urls>", true),
        ("*.example.com", "example.com", true),
        ("*.example.com", "a.b.example.com", true),
        ("*.example.com", "https://*.a.example.com:8443/x", true),
        ("example.com", "EXAMPLE.com.", true),
        ("example.com", "http://example.com:8080/a", true),
        ("example.com", "*.example.com", false),
        ("example.com", "www.example.com", false),
        ("*.example.com", "evil-example.com", false),
        ("*.example.com", "*.com", false),
        ("*.example.com", "*://*/*", false),
        ("example.com", "<all_urls>", false),
        ("example.com", "file:///*", false),
        ("file:///*", "file:///a", true),
        ("<all_urls>", "file:///a", true),
        ("*.1", "1.1.1.1", false),
    ] {
        let Ok(outer) = MatchPattern::parse_domain(outer) else { continue };
        assert_eq!(outer.covers_hosts_of(&pattern(inner)), covers, "{outer} {inner}");
    }
}

#[test]
fn pattern_of_every_host_is_narrowed_to_a_domain() {
    for (all, domain, narrowed) in [
        ("<all_urls>", "example.com", "*://*.example.com/*"),
        ("*://*/*", "Example.com.", "*://*.example.com/*"),
        ("https://*:8443/a*", "example.com", "https://*.example.com:8443/a*"),
        ("*://*/*", "127.0.0.1", "*://127.0.0.1/*"),
        ("*://*/*", "[::1]", "*://[::1]/*"),
        ("*.example.com", "a.example.com", "*://*.example.com/*"),
    ] {
        assert_eq!(pattern(all).within(domain).unwrap().to_string(), narrowed, "{all} {domain}");
    }
    assert!(pattern("*://*/*").within("a b").is_err());
    assert_eq!(canonical_host("MÜNCHEN.example.").unwrap(), "xn--mnchen-3ya.example");
}

#[test]
fn every_host_is_matched_like_an_example() {
    let patterns: Vec<_> =
        ["*://*/*", "*.example.com", "a.example.com", "*.b.example.com", "other.example", "1.2.3.4"]
            .map(pattern)
            .to_vec();
    let matched = |host: &str| -> Vec<bool> { patterns.iter().map(|one| one.matches_host(host)).collect() };
    let examples: Vec<_> =
        patterns.iter().flat_map(MatchPattern::example_hosts).map(|host| matched(&host)).collect();
    for host in [
        "example.com",
        "a.example.com",
        "x.a.example.com",
        "b.example.com",
        "c.b.example.com",
        "z.example.com",
        "other.example",
        "x.other.example",
        "1.2.3.4",
        "4.3.2.1",
        "nowhere.test",
        "[::1]",
    ] {
        assert!(examples.contains(&matched(host)), "{host}");
    }
}
