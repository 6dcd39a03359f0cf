//! Allowed values in help texts, read from the domain's enums.

use domain::access::Scope;
use domain::jobs::JobStatus;
use domain::primitives::NamedValue;

/// The values of `T` as the API spells them: `a, b or c`.
pub(super) fn names<T: NamedValue>() -> String {
    join(T::ALL.iter().map(|value| value.as_str()), "or")
}

/// The values of `JobStatus`: `a, b or c`.
pub(super) fn job_statuses() -> String {
    join(JobStatus::ALL.into_iter().map(JobStatus::as_str), "or")
}

/// The scopes that any client's key may have, or with `operator_only` the other ones: `a, b and c`.
pub(super) fn scopes(operator_only: bool) -> String {
    let scopes = Scope::ALL.iter().copied().filter(|scope| scope.is_operators() == operator_only);
    join(scopes.map(Scope::as_str), "and")
}

fn join(names: impl Iterator<Item = &'static str>, conjunction: &str) -> String {
    let names: Vec<_> = names.collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} {conjunction} {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use domain::images::Quality;

    use super::*;

    #[test]
    fn names_are_joined_as_a_sentence_lists_them() {
        assert_eq!(names::<Quality>(), "standard or hd");
        assert_eq!(scopes(true), "addons:admin and clients:admin");
        assert_eq!(join(["a", "b", "c"].into_iter(), "or"), "a, b or c");
        assert_eq!(join(["a"].into_iter(), "or"), "a");
    }
}
