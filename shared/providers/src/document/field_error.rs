//! What is wrong with a providers document.

use std::fmt;

/// The providers document is not what it should be. Says everything that is wrong with it, but shows no
/// value, for it holds keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the providers document is not valid: {}", joined(.0))]
pub struct BadDocument(Vec<Fault>);

impl BadDocument {
    /// `Ok` if there are no faults.
    pub(crate) fn unless_none(faults: Vec<Fault>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self(faults)) }
    }

    /// Each of them.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.0
    }
}

fn joined(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

/// One thing that is wrong, such as `chat.model: is missing`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    path: String,
    problem: String,
}

impl Fault {
    /// At a place of the document.
    pub(crate) fn at(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }

    /// Of the document as a whole.
    pub(crate) fn of_all(problem: impl Into<String>) -> Self {
        Self::at("", problem)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}
