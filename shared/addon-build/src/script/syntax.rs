//! Syntax that the parser knows and that some supported Chrome does not.

use std::collections::HashSet;

use oxc_ast::ast::{RegExpFlags, RegExpLiteral};
use oxc_regular_expression::ast::{CapturingGroup, IgnoreGroup, Pattern};
use oxc_regular_expression::visit::{Visit, walk};

use crate::OldestChrome;

/// Everything that the parser accepts in a script and that came after [`OldestChrome::FLOOR`]. The versions are
/// those of MDN's browser-compat-data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    Decorator,
    Accessor,
    Using,
    ImportPhase,
    SetsInRegularExpression,
    ModifiersInRegularExpression,
    RepeatedGroupNames,
}

impl Syntax {
    const fn name(self) -> &'static str {
        match self {
            Self::Decorator => "a decorator",
            Self::Accessor => "the keyword `accessor`",
            Self::Using => "a `using` declaration",
            Self::ImportPhase => "`import.source` or `import.defer`",
            Self::SetsInRegularExpression => "the flag `v` of a regular expression",
            Self::ModifiersInRegularExpression => "a modifier like `(?i:` in a regular expression",
            Self::RepeatedGroupNames => "a name of two groups in a regular expression",
        }
    }

    /// The first Chrome that has it by default.
    const fn since(self) -> Option<u16> {
        match self {
            Self::Decorator | Self::Accessor | Self::ImportPhase => None,
            Self::Using => Some(134),
            Self::SetsInRegularExpression => Some(112),
            Self::ModifiersInRegularExpression | Self::RepeatedGroupNames => Some(125),
        }
    }

    pub(super) fn refused_by(self, oldest: OldestChrome) -> Option<String> {
        let (name, oldest) = (self.name(), oldest.version());
        match self.since() {
            None => Some(format!("{name} is not known to any Chrome")),
            Some(since) if since > oldest => {
                Some(format!("{name} needs Chrome {since}, and Chrome {oldest} must understand the addon"))
            }
            Some(_) => None,
        }
    }
}

pub(super) fn of_regular_expression(literal: &RegExpLiteral<'_>) -> Vec<Syntax> {
    let mut found = Vec::new();
    if literal.regex.flags.contains(RegExpFlags::V) {
        found.push(Syntax::SetsInRegularExpression);
    }
    if let Some(pattern) = &literal.regex.pattern.pattern {
        found.extend(Groups::of(pattern));
    }
    found
}

#[derive(Default)]
struct Groups<'a> {
    names: HashSet<&'a str>,
    repeated: bool,
    modifiers: bool,
}

impl Groups<'_> {
    fn of(pattern: &Pattern<'_>) -> Vec<Syntax> {
        let mut groups = Groups::default();
        groups.visit_pattern(pattern);
        let modifiers = groups.modifiers.then_some(Syntax::ModifiersInRegularExpression);
        modifiers.into_iter().chain(groups.repeated.then_some(Syntax::RepeatedGroupNames)).collect()
    }
}

impl<'a> Visit<'a> for Groups<'a> {
    fn visit_capturing_group(&mut self, group: &CapturingGroup<'a>) {
        if let Some(name) = group.name
            && !self.names.insert(name.as_str())
        {
            self.repeated = true;
        }
        walk::walk_capturing_group(self, group);
    }

    fn visit_ignore_group(&mut self, group: &IgnoreGroup<'a>) {
        self.modifiers |= group.modifiers.is_some();
        walk::walk_ignore_group(self, group);
    }
}
