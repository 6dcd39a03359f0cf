//! Style sheets.

use std::sync::{Arc, PoisonError, RwLock};

use lightningcss::error::{Error, ErrorLocation};
use lightningcss::rules::CssRule;
use lightningcss::stylesheet::{ParserOptions, PrinterOptions, StyleSheet};

use crate::{Built, Diagnostic, MAX_REPORTED, Names, OldestChrome};

mod comments;
pub(crate) mod tokens;

/// Builds a style sheet that [`nesting`](crate::nesting) let pass, without its byte order mark. The oldest Chrome
/// changes nothing yet: what is printed is known to all, see [`OldestChrome::FLOOR`].
pub(crate) fn build(text: &str, _oldest: OldestChrome) -> Result<Built, Vec<Diagnostic>> {
    let source = comments::stripped(text);
    let faults = Arc::new(RwLock::new(Vec::new()));
    let options = ParserOptions {
        // As browsers do: a rule or declaration that is not understood is dropped, and not the whole file.
        error_recovery: true,
        warnings: Some(Arc::clone(&faults)),
        ..ParserOptions::default()
    };
    let mut sheet = StyleSheet::parse(&source, options).map_err(|error| vec![located(&error)])?;
    let mut found: Vec<Diagnostic> =
        faults.read().unwrap_or_else(PoisonError::into_inner).iter().map(located).collect();
    if sheet.rules.0.is_empty() && !found.is_empty() {
        found.truncate(MAX_REPORTED);
        return Err(found);
    }
    found.extend(imports(&sheet));
    found.sort();
    found.dedup();
    found.truncate(MAX_REPORTED);
    // The library keeps only those in front of the first rule, and a bundle of several libraries has more.
    sheet.license_comments = comments::legal(&source).into_iter().map(Into::into).collect();
    // Never `StyleSheet::minify`: of two declarations for one property it keeps the last, even if the first is
    // the one that an older browser understands, and it takes `monospace, monospace` for `monospace`.
    let printed = sheet.to_css(PrinterOptions { minify: true, ..PrinterOptions::default() });
    let minified = printed.map_err(|error| vec![located(&error)])?.code;
    let warnings = found.iter().map(ToString::to_string).collect();
    Ok(Built { source: source.clone(), minified, source_map: None, names: Names::default(), warnings })
}

fn located<T: std::fmt::Display>(error: &Error<T>) -> Diagnostic {
    let (line, column) =
        error.loc.as_ref().map_or((1, 1), |ErrorLocation { line, column, .. }| (line + 1, *column));
    Diagnostic { line, column, message: error.kind.to_string() }
}

fn imports(sheet: &StyleSheet<'_>) -> Vec<Diagnostic> {
    let locations = sheet
        .rules
        .0
        .iter()
        .filter_map(|rule| if let CssRule::Import(import) = rule { Some(import.loc) } else { None });
    let message = "Chromium drops @import in style sheets that an extension inserts";
    locations
        .map(|at| Diagnostic { line: at.line + 1, column: at.column, message: message.to_owned() })
        .collect()
}

#[cfg(test)]
mod tests;
