//! Whatever is given, a build answers: it neither panics nor ends the process nor takes long.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use addon_build::{Built, Diagnostic, OldestChrome, script, style};
use proptest::prelude::*;

const SCRIPT: &str = r#"/*! legal */ 'use strict';
(function (root, factory) { root.lib = factory(root) })(this, function (global) {
  const { a = 1, ...rest } = global ?? {}, re = /(?<y>[/\]]+)\d/giu;
  class Widget extends (global.Base || Object) { static #n = 0n; get [`x${a}`]() { return this.#m?.(...rest) } #m() {} }
  label: for (let i = 0, j = 10; i < j; i++, j--) { if (i % 2) continue label; else break }
  async function* gen(x = async () => await 1) { for await (const y of x) yield* y }
  try { throw new Error("é😀\u{1F600}") } catch { } finally { a ? b : c / d / e }
  return { Widget, gen, re, s: `t${`n${a}`}`, ['k' + 1]: function () { switch (a) { case 1: return; default: } } }
})
//# sourceMappingURL=x.map"#;

const STYLE: &str = r#"@charset "utf-8"; @import url(a.css) layer(b) supports(display: grid); /*! legal */
:root { --x: { a: b }; --y: ; color: color-mix(in srgb, red 10%, rgb(from blue r g b / .5)) }
@media (min-width: 600px) and (not (hover)) { .a > b ~ c:is(d, :not(e:nth-child(2n + 1 of f)))::before { content: "\"é😀" } }
.card { & .x { width: calc(100% - (2 * var(--y, 1px))); &:hover { background: url( data:x ) no-repeat, linear-gradient(to right, red, #0f08) } } }
@font-face { font-family: "A"; src: url("a.woff2") format("woff2") } @keyframes k { from { opacity: 0 } 50.5% { opacity: 1 } }
@supports not (display: grid) { a { float: left !important; *zoom: 1; filter: progid:X.Y(a='b') } } @layer p { @container (width > 1px) { b { c: d } } }
/*# sourceMappingURL=y */"#;

fn checked(result: Result<Built, Vec<Diagnostic>>) -> Option<Built> {
    match result {
        Ok(built) => Some(built),
        Err(faults) => {
            assert!(!faults.is_empty() && faults.len() <= addon_build::MAX_REPORTED);
            // How a panic and a time out are told.
            let broken = |fault: &&Diagnostic| {
                fault.message.starts_with("the content cannot be read")
                    || fault.message.starts_with("reading the content")
            };
            assert_eq!(faults.iter().find(broken), None);
            assert!(faults.iter().all(|fault| fault.line > 0 && fault.column > 0), "{faults:?}");
            None
        }
    }
}

/// Builds it, and what comes out once more, which must be accepted too.
fn script_twice(text: &str) {
    let oldest = OldestChrome::new(200).unwrap();
    if let Some(built) = checked(script(text, "a.js", oldest)) {
        for form in [&built.source, &built.minified] {
            let again = script(form, "a.js", oldest);
            assert!(again.is_ok(), "{text:?} became {form:?}, which is refused: {again:?}");
        }
        assert_eq!(script(text, "a.js", oldest).unwrap(), built);
    }
}

fn style_twice(text: &str) {
    if let Some(built) = checked(style(text, OldestChrome::FLOOR)) {
        assert!(checked(style(&built.source, OldestChrome::FLOOR)).is_some(), "{text:?}");
        assert_eq!(style(text, OldestChrome::FLOOR).unwrap(), built);
    }
}

/// A text in which parts are left out, repeated, moved or replaced.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let character = prop_oneof![
        Just("{"),
        Just("}"),
        Just("("),
        Just("/"),
        Just("`"),
        Just("'"),
        Just("\\"),
        Just("\u{2028}"),
        Just("é😀")
    ];
    let change = (any::<prop::sample::Index>(), 0_usize..40, any::<prop::sample::Index>(), character);
    proptest::collection::vec(change, 1..6).prop_map(|changes| {
        let mut characters: Vec<char> = text.chars().collect();
        for (from, length, to, with) in changes {
            let from = from.index(characters.len());
            let end = (from + length).min(characters.len());
            let part: Vec<char> = characters.drain(from..end).chain(with.chars()).collect();
            let to = to.index(characters.len() + 1);
            characters.splice(to..to, part);
        }
        characters.into_iter().collect()
    })
}

/// Pieces of both languages in any order.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        "b",
        "=",
        "=>",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ";",
        ",",
        ".",
        "?.",
        "?",
        ":",
        "/",
        "*",
        "+",
        "--",
        "`",
        "${",
        "'",
        "\"",
        "\n",
        "#x",
        "@",
        "async ",
        "await ",
        "yield ",
        "function",
        "class ",
        "extends ",
        "if",
        "else ",
        "for",
        "of ",
        "in ",
        "let ",
        "var ",
        "return ",
        "new ",
        "typeof ",
        "import",
        "<!--",
        "-->",
        "//",
        "/*",
        "*/",
        "\\",
        "1",
        "0n",
        "..",
        "/a/v",
        "using ",
        "@media ",
        "@import ",
        "url(",
        "!important",
        "&",
        ">",
        ":is(",
        "calc(",
        "--x:",
        "%",
        "\u{feff}",
        "\r\n",
        "😀",
        "super",
        "this",
    ];
    proptest::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in any::<String>()) {
        script_twice(&text);
        style_twice(&text);
    }

    #[test]
    fn any_pieces(text in pieces()) {
        script_twice(&text);
        style_twice(&text);
    }

    #[test]
    fn mutated_script(text in mutated(SCRIPT)) {
        script_twice(&text);
    }

    #[test]
    fn mutated_style(text in mutated(STYLE)) {
        style_twice(&text);
    }
}

#[test]
fn samples_are_accepted() {
    script_twice(SCRIPT);
    style_twice(STYLE);
    assert!(script(SCRIPT, "a.js", OldestChrome::FLOOR).is_ok());
    assert!(style(STYLE, OldestChrome::FLOOR).is_ok());
}

/// A mebibyte of each. Most must be refused before a parser sees it.
#[test]
fn deep_nesting_is_answered_soon() {
    let mebibyte = |part: &str| part.repeat((1 << 20) / part.len());
    for part in [
        "[",
        "(",
        "{",
        "a?b:",
        "a?",
        "`${",
        "a=>",
        "!",
        "- ",
        "a+",
        "a=",
        "if(a)",
        "a(",
        "({a:",
        "(a=",
        "async(a=",
        "new ",
        "a.b",
        "function f(){",
        "class extends ",
        "x=/'/;",
        "a\n",
        "()",
        "typeof ",
        "if(a);else ",
        "/(",
        "/[",
        "yield ",
        "\"a\"+",
        "do ",
    ] {
        let started = Instant::now();
        checked(script(&mebibyte(part), "a.js", OldestChrome::FLOOR));
        assert!(started.elapsed() < Duration::from_secs(14), "{part:?}: {:?}", started.elapsed());
    }
    for (start, end) in [("/", "/"), ("RegExp('", "')"), ("(a)=>{'", "'}")] {
        let half = (1 << 19) - 10;
        checked(script(
            &format!("{start}{}{}{end}", "(".repeat(half), ")".repeat(half)),
            "a.js",
            OldestChrome::FLOOR,
        ));
    }
    for part in [
        ".a{",
        ":is(",
        "a{b:(",
        "@media(",
        "calc(",
        "a>",
        "[",
        "/*",
        "url(",
        "a{--b:",
        "@supports not (",
        ":not(",
        "\\",
        "'",
    ] {
        let started = Instant::now();
        checked(style(&mebibyte(part), OldestChrome::FLOOR));
        assert!(started.elapsed() < Duration::from_secs(14), "{part:?}: {:?}", started.elapsed());
    }
}
