//! Addons in one script or style sheet.

use std::fmt::Write as _;

/// An addon in a bundle, in its minified form, without `sourceMappingURL`, byte order mark and hashbang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    pub id: &'a str,
    pub version: &'a str,
    pub content: &'a str,
    /// The JSON of its source map, version 3.
    pub source_map: Option<&'a str>,
}

/// A bundle and the source map that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    pub content: String,
    /// An index map (ECMA-426): the maps of the members, each with the line at which its member begins.
    pub source_map: String,
}

/// Before the content, on the same line: a directive of the content stays the first statement of its function, and
/// a strict addon makes no other strict.
const SCRIPT_START: &str = "try{(function(){";
/// After the content, on a line of its own, because the content may end in a comment. An addon that throws does not
/// stop the next.
const SCRIPT_END: &str = "\n}).call(this)}catch(e){console.error(";

/// Wraps the content of a script addon, so that its top level is its own and its errors are reported with its id.
///
/// The content must parse as a script by itself: otherwise it could close the wrapper.
#[must_use]
pub fn wrap(id: &str, content: &str) -> String {
    format!("{SCRIPT_START}{content}{SCRIPT_END}{},e)}}", quoted(&format!("addon {id}:")))
}

/// Puts script addons into one script, in this order, each wrapped.
#[must_use]
pub fn scripts(members: &[Member<'_>]) -> Bundle {
    let columns = SCRIPT_START.len();
    join(members, columns, |member| format!("{};", wrap(member.id, member.content)))
}

/// Puts style sheets into one, in this order.
#[must_use]
pub fn styles(members: &[Member<'_>]) -> Bundle {
    join(members, 0, |member| member.content.to_owned())
}

fn join(members: &[Member<'_>], columns: usize, form: impl Fn(&Member<'_>) -> String) -> Bundle {
    let (mut content, mut sections, mut line) = (String::new(), String::new(), 0);
    for member in members {
        let comment = format!("/* {} {} */\n", comment_text(member.id), comment_text(member.version));
        let formed = form(member);
        if let Some(map) = member.source_map {
            let separator = if sections.is_empty() { "" } else { "," };
            let start = format!("{{\"line\":{},\"column\":{columns}}}", line + 1);
            let written = write!(sections, "{separator}{{\"offset\":{start},\"map\":{map}}}");
            debug_assert!(written.is_ok(), "writing to a string");
        }
        content.push_str(&comment);
        content.push_str(&formed);
        content.push('\n');
        line += 2 + line_breaks(&formed);
    }
    Bundle { content, source_map: format!("{{\"version\":3,\"sections\":[{sections}]}}") }
}

/// The line breaks that JavaScript and source maps count: CR LF is one.
fn line_breaks(text: &str) -> usize {
    let crlf = text.matches("\r\n").count();
    text.chars().filter(|c| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')).count() - crlf
}

/// Ids and versions have no such characters; a bundle must not depend on that.
fn comment_text(text: &str) -> String {
    text.replace("*/", "* /").replace(['\n', '\r', '\u{2028}', '\u{2029}'], " ")
}

/// A JavaScript string literal.
fn quoted(text: &str) -> String {
    let mut literal = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => literal.extend(['\\', character]),
            '\u{0}'..='\u{1f}' | '\u{2028}' | '\u{2029}' | '<' => {
                literal.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn member<'a>(id: &'a str, content: &'a str, source_map: Option<&'a str>) -> Member<'a> {
        Member { id, version: "1.0.0", content, source_map }
    }

    #[test]
    fn content_is_wrapped_so_that_a_comment_at_its_end_does_no_harm() {
        assert_eq!(
            wrap("my-addon", "'use strict';f() // end"),
            "try{(function(){'use strict';f() // end\n}).call(this)}catch(e){console.error(\"addon my-addon:\",e)}"
        );
        assert!(wrap("a\"\\\n</script>", "").contains(r#""addon a\"\\\u000a\u003c/script>:""#));
    }

    #[test]
    fn bundle_has_members_in_order_and_a_map_of_their_lines() {
        let bundle = scripts(&[
            member("base", "a()\nb()", Some("{\"version\":3,\"sources\":[\"base.js\"]}")),
            member("mid", "c()", None),
            member("app", "d()\r\ne()", Some("{\"version\":3,\"sources\":[\"app.js\"]}")),
            member("end", "f()", Some("{}")),
        ]);
        let lines: Vec<_> = bundle.content.split('\n').collect();
        let map: serde_json::Value = serde_json::from_str(&bundle.source_map).unwrap();
        assert_eq!(map["version"], 3);
        let sections = map["sections"].as_array().unwrap();
        let starts = ["a()", "d()", "f()"];
        assert_eq!(sections.len(), starts.len());
        for (section, start) in sections.iter().zip(starts) {
            let line = usize::try_from(section["offset"]["line"].as_u64().unwrap()).unwrap();
            let column = usize::try_from(section["offset"]["column"].as_u64().unwrap()).unwrap();
            assert!(lines[line][column..].starts_with(start), "{section}: {:?}", lines[line]);
        }
        assert_eq!(sections[1]["map"]["sources"][0], "app.js");
        assert_eq!(lines[0], "/* base 1.0.0 */");
        assert!(bundle.content.ends_with("e)};\n"));
    }

    #[test]
    fn style_sheets_are_joined_as_they_are() {
        let bundle = styles(&[member("a", "b{c:d}", None), member("*/x", "@media print{e{f:g}}", None)]);
        assert_eq!(bundle.content, "/* a 1.0.0 */\nb{c:d}\n/* * /x 1.0.0 */\n@media print{e{f:g}}\n");
        assert_eq!(bundle.source_map, "{\"version\":3,\"sections\":[]}");
        assert_eq!(scripts(&[]).content, "");
    }
}
