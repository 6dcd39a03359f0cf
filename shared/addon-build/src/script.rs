//! Scripts.

use oxc_allocator::Allocator;
use oxc_ast::ast::Program;
use oxc_ast_visit::Visit as _;
use oxc_codegen::{Codegen, CodegenOptions, CommentOptions, LegalComment};
use oxc_diagnostics::OxcDiagnostic;
use oxc_mangler::{MangleOptions, Mangler};
use oxc_parser::{ParseOptions, Parser, ParserReturn};
use oxc_semantic::{Semantic, SemanticBuilder};
use oxc_span::SourceType;

use crate::position::Positions;
use crate::{Built, Diagnostic, MAX_REPORTED, OldestChrome};

mod comments;
mod names;
mod survey;
mod syntax;

use survey::Survey;

/// Builds a script that [`nesting`](crate::nesting) let pass, without its byte order mark.
pub(crate) fn build(text: &str, name: &str, oldest: OldestChrome) -> Result<Built, Vec<Diagnostic>> {
    let allocator = Allocator::default();
    let parsed = parse(&allocator, text);
    let positions = Positions::new(text);
    let (semantic, survey) = check(&parsed, &positions, oldest)?;
    let names = names::of(&semantic, &survey);
    let warnings = names::hidden_by_wrapping(&parsed.program, &names).into_iter().collect();
    let source = comments::stripped(&parsed.program, text);
    let (minified, source_map) = if survey.has_tagged_script_end {
        (source.clone(), None)
    } else if source == text {
        print(&parsed.program, semantic, &survey, name)
    } else {
        minify(&source, name, &survey)
    };
    Ok(Built { source, minified, source_map, names, warnings })
}

/// A classic script, never a module: a module's top-level names are renamed, and it is strict.
fn parse<'a>(allocator: &'a Allocator, text: &'a str) -> ParserReturn<'a> {
    // Without the option, faults in regular expressions pass.
    let options = ParseOptions { parse_regular_expression: true, ..ParseOptions::default() };
    Parser::new(allocator, text, SourceType::script()).with_options(options).parse()
}

/// All faults of a script, or what the semantic analysis found.
fn check<'a>(
    parsed: &'a ParserReturn<'a>,
    positions: &Positions<'_>,
    oldest: OldestChrome,
) -> Result<(Semantic<'a>, Survey), Vec<Diagnostic>> {
    let mut faults: Vec<_> = parsed.diagnostics.iter().map(|fault| located(fault, positions)).collect();
    if parsed.panicked {
        return Err(reported(faults));
    }
    // Without the check, `let a; let a;`, `break;` and the use of a private name that does not exist pass.
    let analysis = SemanticBuilder::new()
        .with_check_syntax_error(true)
        .with_build_nodes(true)
        .with_class_table(true)
        .build(&parsed.program);
    faults.extend(analysis.diagnostics.iter().map(|fault| located(fault, positions)));
    let mut survey = Survey::new(oldest);
    survey.visit_program(&parsed.program);
    let too_new = std::mem::take(&mut survey.too_new);
    faults.extend(too_new.into_iter().map(|(offset, message)| positions.diagnostic(offset, message)));
    if faults.is_empty() { Ok((analysis.semantic, survey)) } else { Err(reported(faults)) }
}

fn reported(mut faults: Vec<Diagnostic>) -> Vec<Diagnostic> {
    faults.sort();
    faults.dedup();
    faults.truncate(MAX_REPORTED);
    faults
}

fn located(fault: &OxcDiagnostic, positions: &Positions<'_>) -> Diagnostic {
    // The last label is where a browser stops; an earlier one says what the fault is in conflict with.
    let offset = fault.labels.iter().map(|label| label.offset()).max().unwrap_or(0);
    // Advice on the parser's options is not for the author.
    let help = fault.help.as_ref().filter(|help| !help.contains("parser options"));
    let help = help.map(|help| format!(" ({help})")).unwrap_or_default();
    positions.diagnostic(offset as usize, format!("{}{help}", fault.message))
}

/// Minifies a source that is known to be right.
fn minify(source: &str, name: &str, survey: &Survey) -> (String, Option<String>) {
    let allocator = Allocator::default();
    let mut parsed = parse(&allocator, source);
    parsed.program.hashbang = None;
    let analysis =
        SemanticBuilder::new().with_build_nodes(true).with_class_table(true).build(&parsed.program);
    print(&parsed.program, analysis.semantic, survey, name)
}

/// Shortens names that are local to a function, and drops blanks and comments.
fn print<'a>(
    program: &'a Program<'a>,
    mut semantic: Semantic<'a>,
    survey: &Survey,
    name: &str,
) -> (String, Option<String>) {
    // A name in a `with` may be a property of an object, which renaming does not see.
    let private_members = (!survey.has_with).then(|| {
        let options = MangleOptions { top_level: Some(false), ..MangleOptions::default() };
        Mangler::new().with_options(options).build_with_semantic(&mut semantic, program)
    });
    let options = CodegenOptions {
        comments: CommentOptions { legal: LegalComment::Eof, ..CommentOptions::disabled() },
        source_map_path: Some(name.into()),
        ..CodegenOptions::minify()
    };
    let printed = Codegen::new()
        .with_options(options)
        .with_source_text(program.source_text)
        .with_scoping(Some(semantic.into_scoping()))
        .with_private_member_mappings(private_members)
        .build(program);
    (printed.code, printed.map.map(|map| map.to_json_string()))
}

#[cfg(test)]
mod tests;
