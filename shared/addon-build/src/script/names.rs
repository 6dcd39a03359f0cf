//! Which global names a script declares, shares and uses.

use oxc_ast::ast::{BindingPattern, Program, Statement, VariableDeclarationKind};
use oxc_semantic::Semantic;

use super::survey::Survey;
use crate::Names;

pub(super) fn of(semantic: &Semantic<'_>, survey: &Survey) -> Names {
    let scoping = semantic.scoping();
    let declared = scoping.get_bindings(scoping.root_scope_id()).keys().map(ToString::to_string).collect();
    let mut names = Names { declared, shared: survey.shared.clone(), ..Names::default() };
    for (name, references) in scoping.root_unresolved_references() {
        for reference in references.iter().map(|id| scoping.get_reference(*id)) {
            if reference.is_write() {
                names.shared.insert(name.to_string());
            }
            if reference.is_read() {
                names.used.insert(name.to_string());
            }
        }
    }
    names
}

/// A library that is made to be loaded by a `script` element declares one variable, which is its name for
/// everybody else. In a function of its own that is lost.
pub(super) fn hidden_by_wrapping(program: &Program<'_>, names: &Names) -> Option<String> {
    let mut found = None;
    for statement in &program.body {
        let Statement::VariableDeclaration(declaration) = statement else { continue };
        if declaration.kind != VariableDeclarationKind::Var {
            continue;
        }
        for declarator in &declaration.declarations {
            let BindingPattern::BindingIdentifier(identifier) = &declarator.id else { return None };
            if declarator.init.is_none() {
                continue;
            }
            if found
                .replace(identifier.name.to_string())
                .is_some_and(|other| other != identifier.name.as_str())
            {
                return None;
            }
        }
    }
    let name = found.filter(|name| !names.shared.contains(name))?;
    Some(format!(
        "`{name}` is declared at the top level: other addons and the page do not see it, because each addon runs \
         in a function of its own; to share it, assign it to globalThis"
    ))
}
