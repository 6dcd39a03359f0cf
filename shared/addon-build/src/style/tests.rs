#![allow(clippy::unwrap_used)]

use crate::{Built, MAX_REPORTED, OldestChrome, style};

fn built(source: &str) -> Built {
    style(source, OldestChrome::FLOOR).unwrap()
}

fn minified(source: &str) -> String {
    built(source).minified
}

#[test]
fn blanks_and_comments_go() {
    assert_eq!(
        minified("a {\n  color: #ff0000; /* note */\n}\n\nb { margin: 0px }"),
        "a{color: #ff0000}b{margin: 0px}"
    );
    assert_eq!(minified(""), "");
    assert_eq!(minified("\u{feff}a{b:c}"), "a{b:c}");
}

#[test]
fn declarations_for_older_browsers_are_kept() {
    for source in [
        "a{color:red;color:oklch(50% .1 20)}",
        "a{height:100vh;height:100dvh}",
        "a{min-height:100vh;min-height:-webkit-fill-available}",
        "a{font-family:monospace,monospace}",
        "a{overflow:hidden;overflow:clip}",
        "a{-webkit-user-select:none;user-select:none}",
        "a{color:red}a{margin:0}",
        "a{--x: ;}b{--y:{c:d}}",
    ] {
        let code = minified(source);
        assert_eq!(code.matches(':').count(), source.matches(':').count(), "{code}");
    }
}

#[test]
fn licences_stay_in_front() {
    let code = minified("/*! one */a{b:c}/* @license two */\nd{e:f}/* no *//*! three */");
    assert_eq!(code, "/*! one */\n/* @license two */\n/*! three */\na{b:c}d{e:f}");
}

#[test]
fn what_browsers_drop_is_a_warning_with_its_place() {
    let result = built("a { *zoom: 1; color: red }\nb { color green }\n/* 😀 */ c { d: e }");
    assert_eq!(result.minified, "a{*zoom: 1;color: red}b{color green}c{d: e}");
    assert!(
        result.warnings.iter().any(|warning| warning.starts_with("line 1 column ")),
        "{:?}",
        result.warnings
    );
    assert!(
        result.warnings.iter().any(|warning| warning.starts_with("line 2 column ")),
        "{:?}",
        result.warnings
    );
    assert_eq!(built(&"a{b c}".repeat(50)).warnings.len(), MAX_REPORTED);
    assert_eq!(built("a{b:c}").warnings, [] as [&str; 0]);
}

#[test]
fn nothing_that_can_be_read_is_refused() {
    let faults = style("a }", OldestChrome::FLOOR).unwrap_err();
    assert_eq!(faults[0].line, 1, "{faults:?}");
}

#[test]
fn import_gets_a_warning() {
    let warnings = built("\n @import url(a.css);\n@namespace x url(y);a{b:c}").warnings;
    assert_eq!(
        warnings,
        [
            "line 2 column 2: Chromium drops @import in style sheets that an extension inserts",
            "line 3 column 1: in bundle.css, @namespace is dropped after the first addon, and holds for all from there"
        ]
    );
}

#[test]
fn what_is_not_closed_is_closed() {
    assert_eq!(minified("a{b:c"), "a{b:c}");
    assert_eq!(minified("a{b:'c"), "a{b:'c'}");
    assert_eq!(minified("a{b:c}/* d"), "a{b:c}");
    assert_eq!(minified("@media print{a{b:c"), "@media print{a{b:c}}");
}

#[test]
fn comments_that_name_a_source_map_go() {
    let result =
        built("a{b:'/*# sourceMappingURL=x */'}/*# sourceMappingURL=y\n*/ c{d:url(/*#)}/*@ sourceURL=z */");
    assert_eq!(
        result.source,
        "a{b:'/*# sourceMappingURL=x */'}                      \n   c{d:url(/*#)}                  "
    );
    assert!(!result.minified.contains("sourceMappingURL=y"));
    assert_eq!(result.source_map, None);
}

#[test]
fn deep_nesting_is_refused_before_it_is_read() {
    for (start, end) in
        [(".a{", "}"), ("@media print{", "}"), (":is(", ")"), ("a{width:calc(", ")"), ("a{b:[", "]")]
    {
        let faults = style(&(start.repeat(100_000) + &end.repeat(100_000)), OldestChrome::FLOOR).unwrap_err();
        assert!(faults[0].message.starts_with("brackets are nested"), "{start}: {faults:?}");
    }
    assert!(
        style(&format!("a{{width:calc(1px{})}}", " + 1em".repeat(100_000)), OldestChrome::FLOOR).is_err()
    );
    // The deepest that passes.
    for (start, end) in [(".a{", "}"), ("@media print{", "}"), (".a{b:c{", "}}"), ("@layer a{", "}")] {
        let depth = 100 / end.len();
        let text = start.repeat(depth) + &end.repeat(depth);
        assert!(style(&text, OldestChrome::FLOOR).is_ok(), "{start}");
    }
}

#[test]
fn many_selectors_and_rules_are_no_nesting() {
    assert!(built(&"a-b > c + d ~ e{f:g}".repeat(2_000)).minified.len() > 20_000);
    assert!(built(&format!("{}a{{b:c}}", "a ".repeat(2_000))).minified.len() > 4_000);
}
