//! A style sheet without its comments and most of its blanks. Every other character stays as it was written.
//!
//! The printer of lightningcss writes values anew: `font: condensed 1em a` becomes one that browsers drop,
//! `--id: 123456789` another number, and `"</style>"` in a custom property another text. A script may read any of it.

use super::tokens::{Token, tokens};

/// Returns the compact form of a style sheet. What is not closed in it is closed, so that what follows it in a bundle
/// is not part of it.
pub(super) fn compact(text: &str) -> String {
    let mut writer = Writer::default();
    // The end of what was written already.
    let mut written = 0;
    for (token, range) in tokens(text) {
        if range.start < written {
            continue;
        }
        // A token of one byte may be the first of a character.
        let end = (range.end..).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        let range = range.start..end;
        let part = text.get(range.clone()).unwrap_or_default();
        written = end;
        match token {
            Token::Comment => writer.comment(part),
            Token::Other | Token::Operator if part.bytes().all(|byte| byte.is_ascii_whitespace()) => {
                writer.blank(part)
            }
            Token::Other if part.starts_with('\\') => writer.escape(part),
            Token::Other if part.starts_with(['"', '\'']) => writer.string(part, range.end == text.len()),
            Token::Other if part.len() > 1 && range.end == text.len() && !is_closed_address(part) => {
                writer.put(part.strip_suffix('\\').unwrap_or(part));
                writer.out.push(')');
            }
            Token::Open => writer.open(part),
            Token::Close => writer.close(part),
            Token::End => writer.end(),
            Token::Operator | Token::Other => writer.put(part),
        }
    }
    writer.finish()
}

/// Whether the last character of `url(…` is the bracket that ends it.
fn is_closed_address(part: &str) -> bool {
    let Some(inside) = part.strip_suffix(')') else { return false };
    let slashes = inside.bytes().rev().take_while(|byte| *byte == b'\\').count();
    slashes % 2 == 0
}

/// What separates the next token from the last one.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Gap {
    #[default]
    None,
    /// A comment alone, which separates tokens and is no blank.
    Comment,
    Blank,
}

#[derive(Default)]
struct Writer {
    out: String,
    gap: Gap,
    /// Whether the last token is one beside which a blank means nothing.
    after_mark: bool,
    /// A semicolon that is written unless a block ends.
    semicolon: bool,
    /// What closes the brackets that are open.
    open: Vec<char>,
    /// Whether a rule or declaration has begun, and if it is an at-rule.
    begun: Option<Begun>,
    /// In the value of a custom property everything counts, comments and blanks too: how many brackets are open around
    /// it.
    custom: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    AtRule,
    Other,
}

impl Writer {
    fn blank(&mut self, part: &str) {
        if self.custom.is_some() {
            self.out.push_str(part);
        }
        self.gap = Gap::Blank;
    }

    fn comment(&mut self, part: &str) {
        if self.custom.is_some() {
            // One that is not closed ends with the text.
            self.out.push_str(if part.len() > 3 && part.ends_with("*/") { part } else { "" });
        } else if self.gap == Gap::None {
            self.gap = Gap::Comment;
        }
    }

    /// Writes what stands between the last token and one that begins with `next`.
    fn separate(&mut self, next: char) {
        let gap = std::mem::take(&mut self.gap);
        if self.custom.is_some() {
            return;
        }
        if std::mem::take(&mut self.semicolon) {
            self.out.push(';');
            self.after_mark = true;
        }
        let needs_none =
            self.after_mark || self.out.is_empty() || matches!(next, '{' | '}' | ';' | ',' | ')' | ']');
        match gap {
            Gap::Blank if !needs_none => self.out.push(' '),
            Gap::Comment if !needs_none => self.out.push_str("/**/"),
            Gap::None | Gap::Comment | Gap::Blank => {}
        }
    }

    fn put(&mut self, part: &str) {
        self.separate(part.chars().next().unwrap_or_default());
        if self.begun.is_none() {
            self.begun = Some(if part.starts_with('@') { Begun::AtRule } else { Begun::Other });
        }
        self.out.push_str(part);
        self.after_mark = matches!(part, "{" | "(" | "[" | ",");
        // A declaration in a block whose name begins with two hyphens.
        if part == "-" && self.custom.is_none() && self.open.last() == Some(&'}') {
            let before = self.out.strip_suffix("--").unwrap_or("x");
            if before.ends_with(['{', '}', ';']) {
                self.custom = Some(self.open.len());
            }
        }
    }

    fn escape(&mut self, part: &str) {
        // At the end of the text it means U+FFFD.
        self.put(if part == "\\" { "\\fffd " } else { part });
    }

    fn string(&mut self, part: &str, is_last: bool) {
        self.put(part);
        let quote = part.chars().next().unwrap_or_default();
        let inside = part.get(1..).unwrap_or_default();
        let slashes = |text: &str| text.bytes().rev().take_while(|byte| *byte == b'\\').count();
        let is_closed = inside.strip_suffix(quote).is_some_and(|inside| slashes(inside) % 2 == 0);
        if is_closed {
            return;
        }
        if is_last {
            if slashes(inside) % 2 == 1 {
                self.out.pop();
            }
            self.out.push(quote);
        } else {
            // It ends with its line, as a fault.
            self.out.push('\n');
        }
    }

    fn open(&mut self, part: &str) {
        let closing = match part {
            "{" => '}',
            "(" => ')',
            _ => ']',
        };
        self.put(part);
        self.open.push(closing);
        if closing == '}' && self.custom.is_none() {
            self.begun = None;
        }
    }

    fn close(&mut self, part: &str) {
        let closing = part.chars().next().unwrap_or_default();
        if self.open.last() != Some(&closing) {
            // A bracket that closes nothing is a token like others.
            self.put(part);
            return;
        }
        if self.custom == Some(self.open.len()) {
            self.end_of_custom();
        }
        // The last declaration of a block needs none.
        self.semicolon &= closing != '}';
        self.separate(closing);
        self.open.pop();
        self.out.push(closing);
        self.after_mark = closing == '}';
        if closing == '}' && self.custom.is_none() {
            self.begun = None;
        }
    }

    /// A semicolon ends a declaration, and an at-rule without a block.
    fn end(&mut self) {
        match self.custom {
            Some(depth) if depth == self.open.len() => self.end_of_custom(),
            Some(_) => return self.out.push(';'),
            None => {}
        }
        let ends = self.open.last().is_none_or(|closing| *closing == '}');
        if ends && (self.begun == Some(Begun::AtRule) || !self.open.is_empty()) {
            // Only one of several is needed.
            if self.begun.take().is_some() {
                self.gap = Gap::None;
                self.semicolon = true;
            }
        } else {
            self.put(";");
        }
    }

    fn end_of_custom(&mut self) {
        self.custom = None;
        // The blank at the end of an escape is a part of it; a further one does no harm.
        self.gap = Gap::None;
    }

    fn finish(mut self) -> String {
        self.semicolon &= self.open.is_empty();
        if std::mem::take(&mut self.semicolon) {
            self.out.push(';');
        }
        while let Some(closing) = self.open.pop() {
            self.out.push(closing);
            if closing == '}' {
                self.begun = None;
            }
        }
        match self.begun {
            Some(Begun::AtRule) => self.out.push(';'),
            // A rule without a block would take the block of the next one.
            Some(Begun::Other) => self.out.push_str("{}"),
            None => {}
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use lightningcss::stylesheet::{ParserOptions, PrinterOptions, StyleSheet};
    use proptest::prelude::*;

    use super::*;

    /// What lightningcss understands of a style sheet.
    fn understood(text: &str) -> Option<String> {
        let options = ParserOptions { error_recovery: true, ..ParserOptions::default() };
        let mut sheet = StyleSheet::parse(text, options).ok()?;
        sheet.license_comments.clear();
        let mut code = sheet.to_css(PrinterOptions::default()).ok()?.code;
        // Comments and blanks in values that it does not know.
        while let Some(start) = code.find("/*") {
            let end = code[start..].find("*/").map_or(code.len(), |end| start + end + 2);
            code.replace_range(start..end, "");
        }
        let mut code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        for mark in ["(", ")", "[", "]", ",", "{", "}", ";"] {
            code = code.replace(&format!(" {mark}"), mark).replace(&format!("{mark} "), mark);
        }
        // Statements without content, in rules that it does not know.
        Some(code.replace("{;", "{").replace(";;", ";").replace(";}", "}"))
    }

    #[test]
    fn blanks_and_comments_go_and_values_stay() {
        for (text, expected) in [
            ("a {\n  color: #ff0000; /* note */\n}\n\nb { margin: 0px; }", "a{color: #ff0000}b{margin: 0px}"),
            ("a , b > c + d{e:f;;}", "a,b > c + d{e:f}"),
            (
                "@media ( min-width: 1px ) and (max-width:2px) { a{b:c} }",
                "@media (min-width: 1px) and (max-width:2px){a{b:c}}",
            ),
            ("@import 'x' ; a{b:c}", "@import 'x';a{b:c}"),
            ("p{font:condensed 16px cursive}", "p{font:condensed 16px cursive}"),
            ("a{--x: 1.10  /* y */ {a : b};--y:;--z: }", "a{--x: 1.10  /* y */ {a : b};--y:;--z: }"),
            ("a{b:c/**/d;e:f /**/ g}", "a{b:c/**/d;e:f g}"),
            (".a\\41  b{c:d}", ".a\\41  b{c:d}"),
            (".a\\31\r\nb{c:d}", ".a\\31\r\nb{c:d}"),
            (".\\é{c:d}", ".\\é{c:d}"),
            ("a{b:'c  /* d */  e'}", "a{b:'c  /* d */  e'}"),
            ("a{b:'c\n}d{e:f}", "a{b:'c\n}d{e:f}"),
            ("a{b:url( x y )}", "a{b:url( x y )}"),
            ("a :hover{b:c}", "a :hover{b:c}"),
            ("a{b:c;&:hover{d:e}f:g}", "a{b:c;&:hover{d:e}f:g}"),
        ] {
            assert_eq!(compact(text), expected, "{text}");
            assert_eq!(understood(expected), understood(text), "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_takes_nothing_of_the_next_style_sheet() {
        for text in [
            "a{b:c",
            "a{b:'c",
            "a{b:'c\\",
            "a{b:url(c",
            "a{b:url(c\\",
            "a{b:c}/* d",
            "@media print{a{b:c",
            "a{b:c}}",
            "a{b:c} d",
            "@import 'x'",
            "a[b",
            "a{b:c}@x(",
            "a{b:c\\",
            "a{--b:{c",
            "a{--b:'",
            "a{b:c};",
            "@import 'x';}",
            ")",
            "a{b:c}d\\",
        ] {
            let both = format!("{}z{{color:red}}", compact(text));
            let code = understood(&both).unwrap();
            assert!(code.ends_with("z{color: red}"), "{text}: {both}: {code}");
        }
    }

    #[test]
    fn compact_form_stays_as_it_is() {
        for text in ["a { b : c ; } d{}", "@media x{a{b:c}}@import 'y';", "a{--x: 1 ;b:c}"] {
            assert_eq!(compact(&compact(text)), compact(text));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn compact_form_is_understood_as_the_source_is(parts in prop::collection::vec(prop::sample::select(vec![
            "a", ".b", "#c", " ", "\n", "/* x */", "{", "}", ";", ":", ",", " > ", "+", "color", "red", "margin", "1px", "2em", "calc(", "(", ")",
            "[d=e]", "'f g'", "\"h\"", "url(i)", "--j", "--k:", "var(--j)", "@media ", "print", "@import 'l'", "&", ":hover", "::before", "!important",
            "\\41 ", "\\", "*", "font:", "a{color:red}", "b { margin : 0 1px }", "@supports (a:b){", "and", "@layer m", "-", "0", "\\é", "ü",
        ]), 0..24)) {
            // Whatever is open is closed.
            let text = format!("{}{}{{}}z{{y:x}}", parts.concat(), "\n)]}".repeat(24));
            if let Some(before) = understood(&text) {
                let after = compact(&text);
                prop_assert_eq!(understood(&after), Some(before), "{} -> {}", text, after);
            }
        }
    }
}
