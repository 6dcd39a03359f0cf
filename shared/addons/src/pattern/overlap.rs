//! How the pages of two patterns relate.

use super::host::HostPattern;
use super::path::{PathPattern, decode};
use super::{MatchPattern, Scheme, ServerPattern};

impl MatchPattern {
    /// Whether some page may be matched by both. In doubt it is true.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::AllUrls, other) | (other, Self::AllUrls) => !matches!(other, Self::UuidInPackage(_)),
            (Self::Server(one), Self::Server(other)) => {
                one.scheme.overlaps(other.scheme)
                    && one.host.overlaps(&other.host)
                    && (one.port.is_none() || other.port.is_none() || one.port == other.port)
                    && one.path.overlaps(&other.path)
            }
            (Self::File(one), Self::File(other)) => one.overlaps(other),
            (Self::Server(_) | Self::File(_) | Self::UuidInPackage(_), _) => false,
        }
    }

    /// Whether every page that `other` matches is matched by this pattern. In doubt it is false.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::AllUrls, _) => true,
            (Self::Server(own), Self::Server(other)) => own.covers(other),
            (Self::File(own), Self::File(other)) => own.covers(other),
            (Self::Server(_) | Self::File(_) | Self::UuidInPackage(_), _) => false,
        }
    }
}

impl ServerPattern {
    fn covers(&self, other: &Self) -> bool {
        (self.scheme == other.scheme || self.scheme == Scheme::Any && other.scheme != Scheme::Ftp)
            && self.host.covers(&other.host)
            && (self.port.is_none() || self.port == other.port)
            && self.path.covers(&other.path)
    }
}

impl Scheme {
    fn overlaps(self, other: Self) -> bool {
        self == other || self == Self::Any && other != Self::Ftp || other == Self::Any && self != Self::Ftp
    }
}

impl HostPattern {
    /// Names form a tree: of two patterns that share a host, one covers the other.
    fn overlaps(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }
}

impl PathPattern {
    fn overlaps(&self, other: &Self) -> bool {
        let all = |path: &Self| {
            // `/a/*` also matches `/a`.
            let parent = path.as_str().strip_suffix("/*").map(str::to_owned);
            let written = [Some(path.as_str().to_owned()), parent];
            written
                .into_iter()
                .flatten()
                .flat_map(|text| [decode(&text).into_owned(), text])
                .collect::<Vec<_>>()
        };
        let others = all(other);
        all(self).iter().any(|one| others.iter().any(|other| share_a_text(one.as_bytes(), other.as_bytes())))
    }

    fn covers(&self, other: &Self) -> bool {
        let prefix = self.as_str().strip_suffix('*').filter(|prefix| !prefix.contains('*'));
        self == other || prefix.is_some_and(|prefix| other.as_str().starts_with(prefix))
    }
}

/// Whether some text is matched by both patterns, in which `*` is any run of characters. The time is the product of
/// both lengths.
fn share_a_text(one: &[u8], other: &[u8]) -> bool {
    // Of the part of `one` that was read: which parts of `other` it shares a text with.
    let mut reached = vec![false; other.len() + 1];
    reached[0] = true;
    let skip = |reached: &mut Vec<bool>| {
        for (at, byte) in other.iter().enumerate() {
            reached[at + 1] |= reached[at] && *byte == b'*';
        }
    };
    skip(&mut reached);
    for byte in one {
        let before = reached;
        reached = vec![false; other.len() + 1];
        for at in 0..=other.len() {
            let own = at.checked_sub(1).map(|last| other[last]);
            reached[at] = match (*byte, own) {
                // It takes nothing, or one more of the other's characters.
                (b'*', _) => before[at] || at > 0 && reached[at - 1],
                (_, Some(b'*')) => before[at],
                (byte, Some(own)) => byte == own && before[at - 1],
                (_, None) => false,
            };
        }
        skip(&mut reached);
    }
    reached[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> MatchPattern {
        text.parse().unwrap()
    }

    #[test]
    fn patterns_overlap_if_some_page_is_matched_by_both() {
        for (one, other, expected) in [
            ("*://a.example/*", "https://a.example/shop/*", true),
            ("*://a.example/pay/*", "*://a.example/shop/*", false),
            ("*://a.example/*/edit", "*://a.example/docs/*", true),
            ("*://a.example/*/edit", "*://a.example/docs", false),
            ("*://a.example/docs/*", "*://a.example/docs", true),
            ("*://*.example/*", "*://www.a.example/", true),
            ("*://*.a.example/*", "*://*.b.example/*", false),
            ("http://a.example/*", "https://a.example/*", false),
            ("https://a.example:1/*", "https://a.example:2/*", false),
            ("https://a.example:1/*", "*://a.example/*", true),
            ("ftp://a.example/*", "*://a.example/*", false),
            ("<all_urls>", "*://a.example/x", true),
            ("<all_urls>", "file:///*", true),
            ("*://*/*", "file:///*", false),
            ("*://a.example/%61", "*://a.example/a", true),
        ] {
            assert_eq!(pattern(one).overlaps(&pattern(other)), expected, "{one} {other}");
            assert_eq!(pattern(other).overlaps(&pattern(one)), expected, "{other} {one}");
        }
    }

    #[test]
    fn pattern_covers_what_is_within_it() {
        for (own, other, expected) in [
            ("*://a.example/*", "https://a.example:8080/shop/*", true),
            ("*://*.example/pay/*", "*://a.example/pay/now", true),
            ("*://a.example/pay/*", "*://a.example/*", false),
            ("https://a.example/*", "*://a.example/*", false),
            ("https://a.example:1/*", "https://a.example/*", false),
            ("<all_urls>", "*://*/*", true),
            ("*://a.example/a*", "*://a.example/a", true),
        ] {
            assert_eq!(pattern(own).covers(&pattern(other)), expected, "{own} {other}");
        }
    }

    proptest! {
        #[test]
        fn no_page_of_two_patterns_is_missed(
            one in "/[ab/*]{0,6}", other in "/[ab/*]{0,6}", path in "/[ab/]{0,6}",
            hosts in prop::sample::select(vec![("a.example", "*.example"), ("*", "a.example"), ("*.example", "*.example")]),
        ) {
            let [one, other] = [(hosts.0, one), (hosts.1, other)].map(|(host, path)| pattern(&format!("*://{host}{path}")));
            let page = format!("https://a.example{path}").parse().unwrap();
            if one.matches(&page) && other.matches(&page) {
                prop_assert!(one.overlaps(&other) && other.overlaps(&one));
            }
            if one.covers(&other) && other.matches(&page) {
                prop_assert!(one.matches(&page));
            }
        }
    }
}
