//! One walk over a script: what is too new, what is shared, and what forbids renaming.

// Of the dozens of kinds of expressions, few matter.
#![allow(clippy::wildcard_enum_match_arm)]

use std::collections::BTreeSet;

use oxc_ast::ast::{
    AccessorProperty, AssignmentExpression, AssignmentTarget, Class, Decorator, Expression, Function,
    ImportExpression, RegExpLiteral, TaggedTemplateExpression, VariableDeclaration, VariableDeclarationKind,
    WithStatement,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::Span;
use oxc_syntax::scope::ScopeFlags;

use super::syntax::{self, Syntax};
use crate::OldestChrome;

/// Names that mean the global object, or that authors give to a parameter that is it.
const GLOBAL_OBJECTS: [&str; 5] = ["globalThis", "window", "self", "global", "root"];

pub(super) struct Survey {
    oldest: OldestChrome,
    /// How many functions and classes, which have their own `this`, are around the current node. Arrow functions
    /// have none.
    depth: usize,
    /// The offset and the message of each use of syntax that is too new.
    pub(super) too_new: Vec<(usize, String)>,
    /// Names put on the global object by assignment to its member.
    pub(super) shared: BTreeSet<String>,
    pub(super) has_with: bool,
    /// Whether a tag may read `</script` as it is written, which the printer changes everywhere.
    pub(super) has_tagged_script_end: bool,
}

impl Survey {
    pub(super) const fn new(oldest: OldestChrome) -> Self {
        Self {
            oldest,
            depth: 0,
            too_new: Vec::new(),
            shared: BTreeSet::new(),
            has_with: false,
            has_tagged_script_end: false,
        }
    }

    fn found(&mut self, syntax: Syntax, span: Span) {
        if let Some(message) = syntax.refused_by(self.oldest) {
            self.too_new.push((span.start as usize, message));
        }
    }

    fn is_global_object(&self, expression: &Expression<'_>) -> bool {
        match expression.get_inner_expression() {
            Expression::Identifier(identifier) => GLOBAL_OBJECTS.contains(&identifier.name.as_str()),
            Expression::ThisExpression(_) => self.depth == 0,
            // `(global = typeof globalThis !== 'undefined' ? globalThis : global || self).Name = …`
            Expression::AssignmentExpression(assignment) => self.is_global_object(&assignment.right),
            Expression::ConditionalExpression(either) => {
                self.is_global_object(&either.consequent) || self.is_global_object(&either.alternate)
            }
            Expression::LogicalExpression(either) => {
                self.is_global_object(&either.left) || self.is_global_object(&either.right)
            }
            _ => false,
        }
    }
}

impl<'a> Visit<'a> for Survey {
    fn visit_with_statement(&mut self, it: &WithStatement<'a>) {
        self.has_with = true;
        walk::walk_with_statement(self, it);
    }

    fn visit_tagged_template_expression(&mut self, it: &TaggedTemplateExpression<'a>) {
        let mut parts = it.quasi.quasis.iter().map(|part| part.value.raw.to_ascii_lowercase());
        self.has_tagged_script_end |= parts.any(|part| part.contains("</script"));
        walk::walk_tagged_template_expression(self, it);
    }

    fn visit_function(&mut self, it: &Function<'a>, flags: ScopeFlags) {
        self.depth += 1;
        walk::walk_function(self, it, flags);
        self.depth -= 1;
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        self.depth += 1;
        walk::walk_class(self, it);
        self.depth -= 1;
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        let member = match &it.left {
            AssignmentTarget::StaticMemberExpression(member) => {
                Some((&member.object, member.property.name.as_str()))
            }
            AssignmentTarget::ComputedMemberExpression(member) => match &member.expression {
                Expression::StringLiteral(name) => Some((&member.object, name.value.as_str())),
                _ => None,
            },
            _ => None,
        };
        if let Some((object, name)) = member
            && self.is_global_object(object)
        {
            self.shared.insert(name.to_owned());
        }
        walk::walk_assignment_expression(self, it);
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.found(Syntax::Decorator, it.span);
        walk::walk_decorator(self, it);
    }

    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        self.found(Syntax::Accessor, it.span);
        walk::walk_accessor_property(self, it);
    }

    fn visit_variable_declaration(&mut self, it: &VariableDeclaration<'a>) {
        if matches!(it.kind, VariableDeclarationKind::Using | VariableDeclarationKind::AwaitUsing) {
            self.found(Syntax::Using, it.span);
        }
        walk::walk_variable_declaration(self, it);
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        if it.phase.is_some() {
            self.found(Syntax::ImportPhase, it.span);
        }
        walk::walk_import_expression(self, it);
    }

    fn visit_reg_exp_literal(&mut self, it: &RegExpLiteral<'a>) {
        for syntax in syntax::of_regular_expression(it) {
            self.found(syntax, it.span);
        }
    }
}
