//! What the sources must keep: no import circle, no long file, one source of time and randomness, and one
//! word for each thing.

// A test that cannot go on has nothing better to do than to panic.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use semantest_tests::cloud::workspace;

/// The most lines of a file of code; files of tests may be longer.
const MAX_LINES: usize = 400;

/// Words that this project has standard terms for. Each is told apart from ordinary English by being
/// nothing else here (but for the painter, who knows a time of day by that name); CHANGELOG.md alone may name them.
const OLD_WORDS: [&str; 29] = [
    "begin_try",
    "end_try",
    "even_if_off",
    "faultof",
    "gravest",
    "hostplace",
    "ladder",
    "pacestore",
    "paid_in_vain",
    "parked",
    "put_back",
    "read_anew",
    "receiverid",
    "rung",
    "salvage",
    "sighting",
    "sightings",
    "sunset",
    "sunsets",
    "switch_on",
    "switched_off",
    "take_on",
    "take_up",
    "tempo",
    "traffic",
    "unpark",
    "waitplace",
    "worn_out",
    "how manieth",
];

fn sources(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    fn walk(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
            if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
                walk(&path, endings, found);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&workspace().join(folder), endings, &mut found);
    found.sort();
    found
}

fn shown(path: &Path) -> String {
    path.strip_prefix(workspace()).unwrap().to_str().unwrap().replace('\\', "/")
}

/// Whether the file holds tests alone.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// The code of a file, without its tests at the end and without comments.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_file_of_code_is_too_long() {
    let mut seen = 0;
    for folder in ["shared", "functions", "infra"] {
        for path in sources(folder, &[".rs"]) {
            let name = shown(&path);
            if is_test(&name) || name.contains("/openapi/agreement") {
                continue;
            }
            seen += 1;
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= MAX_LINES, "{name} has {lines} lines");
        }
    }
    assert!(seen > 200, "the sources were found");
}

/// The module that a file is, as a path within its crate.
fn module(source: &str, path: &Path) -> String {
    let inside = path.strip_prefix(workspace().join(source)).unwrap();
    let mut parts: Vec<_> =
        inside.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if parts.last().is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str())) {
        parts.pop();
    }
    parts.join("::")
}

/// The modules of its own crate that a file imports, by `crate::` or `super::`. A parent that only declares
/// and re-exports is no import.
fn imports(own: &str, code: &str, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let flat = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    for word in ["crate::", "super::"] {
        for (start, _) in flat.match_indices(word) {
            // The middle of a longer path, such as the second `super::` of two.
            if flat[..start].ends_with(is_path) {
                continue;
            }
            let path: String = flat[start..].chars().take_while(|c| is_path(*c)).collect();
            let ups = path.matches("super::").count();
            let above = own.split("::").collect::<Vec<_>>();
            let base = if ups == 0 { &[][..] } else { &above[..above.len().saturating_sub(ups)] };
            let named = path.split("::").filter(|part| !["", "crate", "super"].contains(part));
            let parts: Vec<&str> = base.iter().copied().chain(named).collect();
            // `crate::{a, b}` and `crate::a::{b, c}`: the names in the braces may be modules too.
            let rest = &flat[start + path.len()..];
            let braces = rest.strip_prefix('{').and_then(|list| list.split('}').next()).unwrap_or("");
            let names = braces.split(',').map(str::trim);
            for name in names.chain([""]) {
                let mut whole = parts.clone();
                whole.extend(name.split("::").filter(|part| !part.is_empty()));
                while !whole.is_empty() && !modules.contains(&whole.join("::")) {
                    whole.pop();
                }
                if !whole.is_empty() {
                    found.insert(whole.join("::"));
                }
            }
        }
    }
    found.remove(own);
    found
}

#[test]
fn imports_are_found_in_every_spelling() {
    let modules = BTreeSet::from(["a", "a::b", "a::c", "d"].map(str::to_owned));
    let of = |code| imports("a::b", code, &modules).into_iter().collect::<Vec<_>>();
    assert_eq!(of("use crate::d::Thing; use std::fmt;"), ["d"]);
    assert_eq!(of("use crate::{a::c, d};"), ["a::c", "d"]);
    assert_eq!(of("use super::c::Thing;"), ["a::c"]);
    assert_eq!(of("use super::super::d::{Thing, other};"), ["d"]);
    assert_eq!(of("fn f() { crate::a::c::run() }"), ["a::c"]);
}

#[test]
fn no_file_imports_one_that_imports_it() {
    let mut crates = 0;
    for folder in ["shared", "functions", "infra"] {
        for entry in fs::read_dir(workspace().join(folder)).unwrap().map(Result::unwrap) {
            let source = format!("{folder}/{}/src", entry.file_name().to_str().unwrap());
            if !workspace().join(&source).is_dir() {
                continue;
            }
            crates += 1;
            let files: Vec<_> =
                sources(&source, &[".rs"]).into_iter().filter(|path| !is_test(&shown(path))).collect();
            let modules: BTreeSet<_> =
                files.iter().map(|path| module(&source, path)).filter(|name| !name.is_empty()).collect();
            let arrows: BTreeMap<_, _> = files
                .iter()
                .map(|path| module(&source, path))
                .zip(files.iter().map(|path| code(path)))
                .filter(|(own, _)| !own.is_empty())
                .map(|(own, code)| (own.clone(), imports(&own, &code, &modules)))
                .collect();
            for start in arrows.keys() {
                let (mut open, mut reached) = (vec![start], BTreeSet::new());
                while let Some(module) = open.pop() {
                    for next in &arrows[module] {
                        assert_ne!(next, start, "{source}: {start} imports itself by way of {module}");
                        if reached.insert(next) {
                            open.push(next);
                        }
                    }
                }
            }
        }
    }
    assert!(crates > 20, "the crates were found");
}

#[test]
fn time_and_randomness_come_from_one_place() {
    let sources = sources("shared", &[".rs"]).into_iter().chain(sources("functions", &[".rs"]));
    let mut asked = 0;
    for path in sources {
        let name = shown(&path);
        // The testkit and the painter are no part of what runs in a simulated world.
        let other = ["shared/testkit/", "shared/drawing/", "shared/pictures/"];
        if is_test(&name) || other.iter().any(|folder| name.starts_with(folder)) {
            continue;
        }
        let code = code(&path);
        if name == "shared/domain/src/primitives/source.rs" {
            assert!(code.contains("SystemTime::now") && code.contains("now_v7"), "{name}");
            continue;
        }
        asked += usize::from(code.contains("Timestamp::now()"));
        for forbidden in [
            "SystemTime::now",
            "now_utc",
            "now_v7",
            "new_v4",
            "rand::",
            "std::time::Instant",
            "time::{Duration, Instant}",
            "thread::sleep",
        ] {
            assert!(
                !code.contains(forbidden),
                "{name}: {forbidden} instead of domain::primitives::source or tokio::time"
            );
        }
    }
    assert!(asked > 10, "the sources were found");
}

#[test]
fn each_thing_has_one_word() {
    let files = ["shared", "functions", "infra", "tests", "docs", "events", ".ci"]
        .into_iter()
        .flat_map(|folder| sources(folder, &[".rs", ".md", ".py", ".toml", ".json", ".sh"]))
        .chain(
            ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "Cargo.toml", "template.yaml", "deny.toml"]
                .map(|file| workspace().join(file)),
        );
    for path in files {
        let name = shown(&path);
        if name == "tests/tests/conventions.rs"
            || name.contains("/assets/")
            || name.starts_with("shared/drawing/")
        {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap().to_lowercase();
        for word in OLD_WORDS {
            let whole = |(at, _): (usize, &str)| {
                let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                !letter(text[..at].chars().next_back()) && !letter(text[at + word.len()..].chars().next())
            };
            assert!(!text.match_indices(word).any(whole), "{name}: {word}");
        }
    }
}
