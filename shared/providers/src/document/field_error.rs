//! What is wrong with a providers document.

use std::fmt;

/// The providers document is invalid. Lists everything that is wrong with it, but shows no value, because
/// it holds keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the providers document is not valid: {}", joined(.0))]
pub struct BadDocument(Vec<FieldError>);

impl BadDocument {
    /// `Ok` if there are no errors.
    pub(crate) fn unless_empty(errors: Vec<FieldError>) -> Result<(), Self> {
        if errors.is_empty() { Ok(()) } else { Err(Self(errors)) }
    }

    #[must_use]
    pub fn faults(&self) -> &[FieldError] {
        &self.0
    }
}

fn joined(errors: &[FieldError]) -> String {
    errors.iter().map(FieldError::to_string).collect::<Vec<_>>().join("; ")
}

/// One thing that is wrong, such as `chat.model: is missing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    path: String,
    problem: String,
}

impl FieldError {
    /// An error of the field or section at `path`.
    pub(crate) fn at(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }

    /// An error of the document as a whole.
    pub(crate) fn of_all(problem: impl Into<String>) -> Self {
        Self::at("", problem)
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}
