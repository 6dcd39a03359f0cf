#![allow(clippy::unwrap_used)]

use crate::{Built, Diagnostic, MAX_REPORTED, Names, OldestChrome, script};

fn built(source: &str) -> Built {
    script(source, "addon.js", OldestChrome::new(120).unwrap()).unwrap()
}

fn minified(source: &str) -> String {
    built(source).minified
}

fn refused(source: &str) -> Vec<Diagnostic> {
    script(source, "addon.js", OldestChrome::new(120).unwrap()).unwrap_err()
}

fn refused_by(source: &str, oldest: u16) -> Option<String> {
    let result = script(source, "addon.js", OldestChrome::new(oldest).unwrap());
    result.err().map(|faults| faults[0].to_string())
}

fn names(names: &[&str]) -> std::collections::BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn local_names_are_shortened_and_nothing_else_is_changed() {
    assert_eq!(
        minified("var unused = 1;\nfunction add(first, second) { return first + second; }\nlet l = 1 + 2;\n"),
        "var unused=1;function add(e,t){return e+t}let l=1+2;"
    );
    assert_eq!(minified("debugger; console.log(+'12 ')"), "debugger;console.log(+`12 `);");
    assert_eq!(minified("if (false) { dead() }"), "if(false){dead()}");
}

#[test]
fn end_of_a_script_that_a_tag_reads_is_kept() {
    for (source, expected) in [
        ("#!x\nf(String.raw`</SCRIPT>`, 1 + 1);", "\nf(String.raw`</SCRIPT>`, 1 + 1);"),
        ("f(`</script>`, 1 + 1);", "f(`<\\/script>`,1+1);"),
    ] {
        assert_eq!(minified(source).trim_end(), expected, "{source}");
    }
}

#[test]
fn names_that_a_with_or_an_eval_sees_are_kept() {
    let with = minified("function f(object) { var value = 1; with (object) { result = value } }");
    assert!(with.contains("f(object)") && with.contains("result=value"), "{with}");
    let eval = minified("function f(secret) { return eval('secret') } function g(other) { return other }");
    assert!(eval.contains("f(secret)") && !eval.contains("other"), "{eval}");
}

#[test]
fn mode_of_the_script_is_kept() {
    assert_eq!(minified("'use strict'; f()"), "\"use strict\";f();");
    assert_eq!(minified("function f(a, a) { return 010 } delete f"), "function f(e,e){return 8}delete f;");
    assert_eq!(minified("var x = this; <!-- comment\n--> comment\nf()"), "var x=this;f();");
    assert_eq!(
        minified("class A { #secret = 1; get() { return this.#secret } }"),
        "class A{#e=1;get(){return this.#e}}"
    );
}

#[test]
fn legal_comments_stay_and_others_go() {
    let code = minified("/*! A 1.0 */ a(); // note\n/** @license B */ function f() { /* @preserve C */ }");
    assert!(code.starts_with("a();function f(){}"), "{code}");
    for comment in ["/*! A 1.0 */", "/** @license B */", "/* @preserve C */"] {
        assert!(code.contains(comment), "{code}");
    }
    assert!(!code.contains("note"));
}

#[test]
fn byte_order_mark_and_hashbang_go_and_lines_stay() {
    let result = built("\u{feff}#!/usr/bin/env node\nf();\n");
    assert_eq!(result.source, "\nf();\n");
    assert_eq!(result.minified, "f();");
    assert_eq!(refused("\u{feff}f(;")[0].to_string().split(':').next(), Some("line 1 column 3"));
}

#[test]
fn comments_that_name_a_source_map_go_but_not_text_that_looks_like_one() {
    let text = "a('//# sourceMappingURL=x');\nb(`\n//# sourceMappingURL=y`);\n//# sourceMappingURL=z.map\n\
                /*# sourceMappingURL=u\n😀 */c();//@ sourceURL=v\n// sourceMappingURL=w\n//#  sourceURL = q";
    let result = built(text);
    assert_eq!(
        result.source,
        "a('//# sourceMappingURL=x');\nb(`\n//# sourceMappingURL=y`);\n\n                      \n     c();\n\
         // sourceMappingURL=w\n"
    );
    assert!(!result.minified.contains("z.map"));
    let license = built("a();/*# sourceMappingURL=x @license MIT */");
    assert!(!license.minified.contains("sourceMappingURL") && !license.source.contains("MIT"), "{license:?}");
}

#[test]
fn source_map_leads_to_the_source_as_served() {
    let result = built("//# sourceURL=x\nfunction greet(person) {\r\n  throw new Error(person)\n}");
    let map: serde_json::Value = serde_json::from_str(&result.source_map.unwrap()).unwrap();
    assert_eq!(map["version"], 3);
    assert_eq!(map["sources"], serde_json::json!(["addon.js"]));
    assert_eq!(map["sourcesContent"][0], result.source.as_str());
    assert!(map["names"].as_array().unwrap().iter().any(|name| name == "person"), "{map}");
    assert!(!map["mappings"].as_str().unwrap().is_empty());
}

#[test]
fn faults_are_where_a_browser_sees_them() {
    for (source, place) in [
        ("return 1", "line 1 column 1"),
        ("f();\r\n  return", "line 2 column 3"),
        ("import a from 'a'", "line 1 column 1"),
        ("f();\nexport {}", "line 2 column 1"),
        ("let a;\nlet a;", "line 2 column 5"),
        ("'😀';break;", "line 1 column 6"),
        ("a = /(/;", "line 1 column 6"),
        ("this.#x", "line 1 column 6"),
        ("/* 😀😀 */ f(;", "line 1 column 14"),
        ("f(", "line 1 column 3"),
        ("let a = <b/>", "line 1 column 9"),
    ] {
        let faults = refused(source);
        assert!(faults[0].to_string().starts_with(&format!("{place}: ")), "{source:?}: {}", faults[0]);
    }
    for source in [
        "await f()",
        "f();await f();",
        "let a: number = 1",
        "f(import.meta)",
        "'use strict';with(a){}",
        "'use strict';010",
    ] {
        assert!(!refused(source).is_empty(), "{source}");
    }
}

#[test]
fn all_faults_are_told_up_to_a_bound() {
    assert_eq!(refused("break;\ncontinue;\nlet a, a;").len(), 3);
    assert_eq!(refused(&"break;".repeat(50)).len(), MAX_REPORTED);
}

#[test]
fn syntax_that_the_oldest_chrome_does_not_know_is_refused() {
    for (source, since) in [
        ("{ using a = b }", 134),
        ("async () => { await using a = b }", 134),
        ("for (using a of b) ;", 134),
        ("/[a--b]/v", 112),
        ("/(?i:a)/", 125),
        ("/(?<a>b)|(?<a>c)/", 125),
    ] {
        let message = refused_by(source, since - 1).unwrap_or_else(|| panic!("{source}"));
        assert!(message.contains(&format!("needs Chrome {since}, and Chrome {}", since - 1)), "{message}");
        assert_eq!(refused_by(source, since), None);
    }
    for source in ["@a class B {}", "class A { accessor b = 1 }", "import.defer('a')", "import.source('a')"] {
        assert!(refused_by(source, 999).unwrap().contains("not known to any Chrome"), "{source}");
    }
    for source in [
        "class A { static #a = 1; static { #a in A } get b() {} }",
        "a?.b ?? (c ||= 1n ** 2n)",
        "async function* f() { for await (const a of b) yield* a }",
        r"/(?<=a)(?<b>c)\p{L}\k<b>/dsuy",
        "import('a', { with: { type: 'json' } })",
        "try { 1_000 } catch { new.target }",
    ] {
        let source = source.replace("new.target", "f");
        assert_eq!(refused_by(&source, 109), None);
    }
}

#[test]
fn names_tell_what_others_can_see() {
    let result = built(
        "var a = 1; let b; const c = a; class D {} function e() { var inner; implicit = read }
         globalThis.f = 1; window['g'] = 2; this.h = 3; self.i ||= 4; function k() { this.no = 1; window.l = e() }
         (function (root) { root.m = 1 })(this); n += 1; (typeof globalThis !== 'undefined' ? globalThis : self).o = 1;
         other.p = 1; () => { this.q = 1 }",
    );
    assert_eq!(result.names.declared, names(&["a", "b", "c", "D", "e", "k"]));
    assert_eq!(result.names.shared, names(&["f", "g", "h", "i", "implicit", "l", "m", "n", "o", "q"]));
    assert_eq!(result.names.used, names(&["globalThis", "n", "other", "read", "self", "window"]));
    assert_eq!(built("").names, Names::default());
}

#[test]
fn library_that_is_one_variable_gets_a_warning() {
    for source in [
        "var Vue = (function (exports) { return exports })({});",
        "\"use strict\";\nvar Lib = (() => { var x = 1; return { x } })();\nfunction helper() {}",
        "var hljs = function () {}(); if (typeof exports === 'object') module.exports = hljs;",
    ] {
        let warnings = built(source).warnings;
        assert_eq!(warnings.len(), 1, "{source}");
        assert!(warnings[0].contains("is declared at the top level"), "{warnings:?}");
    }
    assert!(built("var Vue = f();").warnings[0].starts_with("`Vue` is"));
    for source in [
        "var Lib = f(); globalThis.Lib = Lib;",
        "var a = 1, b = 2;",
        "var a = 1; var b = 2;",
        "let a = 1;",
        "(function () { var a = 1 })()",
        "var a;",
        "",
    ] {
        assert_eq!(built(source).warnings, [] as [&str; 0], "{source}");
    }
}

#[test]
fn same_input_gives_the_same_output() {
    let source = "(function(){ var a = 1, b = 2; class C { #x; #y; m(p, q) { return this.#x + p + q } } return new C })()";
    assert_eq!(built(source), built(source));
}
