//! Versions and ranges, compared with npm's own library.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

use addons::range::{VersionError, VersionRange, published_version};
use proptest::prelude::*;
use semver::Version;
use serde::Deserialize;

#[derive(Deserialize)]
struct Table {
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    range: String,
    version: String,
    /// `None` where npm does not accept the range.
    satisfies: Option<bool>,
}

fn contains(range: &str, version: &str) -> bool {
    range.parse::<VersionRange>().unwrap().contains(&version.parse().unwrap())
}

#[test]
fn range_contains_the_versions_that_npm_says() {
    let table: Table = serde_json::from_str(include_str!("data/npm-ranges.json")).unwrap();
    assert_eq!(table.rows.len(), 2_000);
    let differs = |row: &&Row| {
        let ours = row.range.parse::<VersionRange>();
        ours.ok().map(|range| range.contains(&row.version.parse::<Version>().unwrap())) != row.satisfies
    };
    let differing: Vec<_> = table.rows.iter().filter(differs).collect();
    assert!(differing.is_empty(), "{}: {differing:#?}", differing.len());
}

#[test]
fn examples_of_the_contract_are_read_as_npm_reads_them() {
    assert!(contains("1.2.3", "1.2.3") && !contains("1.2.3", "1.2.4"), "a bare version is that version");
    assert!(contains("^1.2", "1.9.0") && !contains("^1.2", "2.0.0"));
    assert!(contains("1.x", "1.9.0") && !contains("1.x", "2.0.0"));
    let either = ">=1.2 <2 || 3";
    assert!(contains(either, "1.2.0") && contains(either, "3.9.9"));
    assert!(!contains(either, "2.0.0") && !contains(either, "4.0.0"));
    assert!(contains("^1.2.3-beta.2", "1.2.3-beta.10") && !contains("^1.2.3-beta.2", "1.2.4-alpha"));
    assert!(!contains("*", "2.0.0-beta.1"), "a prerelease is in no range that names none");
    assert!(VersionRange::any().contains(&Version::new(7, 0, 0)));
    assert_eq!(" ^1.2 ".parse::<VersionRange>().unwrap().to_string(), " ^1.2 ", "written as it was given");
}

#[test]
fn range_that_is_none_is_refused() {
    for text in
        ["latest", "1.2.3, 2", "<*", ">*", "^", "1.2.3.4", "01.2.3", "1-beta", "!1.2.3", "==1.2.3", "1 - >2"]
    {
        let refused = text.parse::<VersionRange>();
        assert!(matches!(refused, Err(VersionError::NotARange(_))), "{text}: {refused:?}");
    }
    for text in ["99999999999999999.0.0", "^1.9007199254740992", "<1 || ~1.2.9007199254740993"] {
        assert_eq!(text.parse::<VersionRange>(), Err(VersionError::NumberTooLarge), "{text}");
    }
    assert!("9007199254740991.0.0".parse::<VersionRange>().is_ok());
}

#[test]
fn version_is_published_only_if_it_is_full_and_ordered() {
    assert_eq!(published_version("1.2.3-beta.1").unwrap().to_string(), "1.2.3-beta.1");
    for text in ["1.2", "v1.2.3", "=1.2.3", "01.2.3", "1.2.3.4", "1.2.3-01", "1.2.3-", "1.2.3+", " 1.2.3", ""]
    {
        assert_eq!(published_version(text), Err(VersionError::NotAVersion), "{text}");
    }
    assert_eq!(published_version("1.0.0+b1"), Err(VersionError::BuildMetadata("b1".into())));
    assert!(published_version("9007199254740991.0.0").is_ok());
    assert_eq!(published_version("0.9007199254740992.0"), Err(VersionError::NumberTooLarge));
    assert_eq!(published_version("99999999999999999999.0.0"), Err(VersionError::NotAVersion));
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in ".{0,40}", likely in "[0-9xX*.^~<>=v |+a-]{0,24}") {
        let _ = (text.parse::<VersionRange>(), published_version(&text));
        let _ = (likely.parse::<VersionRange>(), published_version(&likely));
    }
}
