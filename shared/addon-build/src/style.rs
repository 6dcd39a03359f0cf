//! Style sheets.

use std::sync::{Arc, PoisonError, RwLock};

use lightningcss::error::{Error, ErrorLocation};
use lightningcss::rules::CssRule;
use lightningcss::stylesheet::{ParserOptions, StyleSheet};

use crate::{Built, Diagnostic, MAX_REPORTED, Names, OldestChrome};

mod comments;
mod compact;
pub(crate) mod tokens;

/// Builds a style sheet that [`nesting`](crate::nesting) let pass, without its byte order mark. The oldest Chrome
/// changes nothing: what it does not know of a style sheet it drops, and the rest holds.
pub(crate) fn build(text: &str, _oldest: OldestChrome) -> Result<Built, Vec<Diagnostic>> {
    let source = comments::stripped(text);
    let faults = Arc::new(RwLock::new(Vec::new()));
    let options = ParserOptions {
        // As browsers do: a rule or declaration that is not understood is dropped, and not the whole file.
        error_recovery: true,
        warnings: Some(Arc::clone(&faults)),
        ..ParserOptions::default()
    };
    let sheet = StyleSheet::parse(&source, options).map_err(|error| vec![located(&error)])?;
    let mut found: Vec<Diagnostic> =
        faults.read().unwrap_or_else(PoisonError::into_inner).iter().map(located).collect();
    if sheet.rules.0.is_empty() && !found.is_empty() {
        found.truncate(MAX_REPORTED);
        return Err(found);
    }
    found.extend(misplaced(&sheet));
    found.sort();
    found.dedup();
    found.truncate(MAX_REPORTED);
    let mut minified: String =
        comments::legal(&source).into_iter().map(|comment| format!("/*{comment}*/\n")).collect();
    minified.push_str(&compact::compact(&source));
    let warnings = found.iter().map(ToString::to_string).collect();
    Ok(Built { source: source.clone(), minified, source_map: None, names: Names::default(), warnings })
}

fn located<T: std::fmt::Display>(error: &Error<T>) -> Diagnostic {
    let (line, column) =
        error.loc.as_ref().map_or((1, 1), |ErrorLocation { line, column, .. }| (line + 1, *column));
    Diagnostic { line, column, message: error.kind.to_string() }
}

/// Rules that do not do here what they do in a file of a page.
fn misplaced(sheet: &StyleSheet<'_>) -> Vec<Diagnostic> {
    let found = sheet.rules.0.iter().filter_map(|rule| {
        if let CssRule::Import(import) = rule {
            return Some((import.loc, "Chromium drops @import in style sheets that an extension inserts"));
        }
        let CssRule::Namespace(namespace) = rule else { return None };
        Some((
            namespace.loc,
            "in bundle.css, @namespace is dropped after the first addon, and holds for all from there",
        ))
    });
    found
        .map(|(at, message)| Diagnostic { line: at.line + 1, column: at.column, message: message.to_owned() })
        .collect()
}

#[cfg(test)]
mod tests;
