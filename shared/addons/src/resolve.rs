//! Chooses one version of each addon that satisfies every range asked of it, the newest first.
//!
//! The search goes back to the choice that caused a conflict, not to the last choice (conflict-directed
//! backjumping): going back step by step does not end on ordinary data. The number of steps is bounded, because
//! the problem is NP-complete and ranges come from authors.

mod problem;
mod search;

use std::collections::BTreeMap;
use std::fmt;

use semver::Version;

use crate::range::VersionRange;

/// The steps that a search may take. Five hundred addons with two thousand dependencies take some 2,500.
pub const MAX_STEPS: usize = 20_000;

/// A version of an addon that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub version: Version,
    pub dependencies: Vec<Dependency>,
}

/// What a release needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub addon: String,
    pub range: VersionRange,
    /// An optional addon is chosen if one of its releases fits, and else left out. If it is chosen for another
    /// reason, it satisfies this range too.
    pub optional: bool,
}

/// All releases that may be chosen, by addon.
pub type Catalog = BTreeMap<String, Vec<Release>>;

/// The chosen release of each addon.
pub type Chosen<'a> = BTreeMap<&'a str, &'a Release>;

/// Why there is no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No choice satisfies all ranges; one conflict as an example.
    #[error("{0}")]
    Conflict(Conflict),
    /// The search was given up after [`MAX_STEPS`]; the last conflict that it met.
    #[error("the dependencies are too tangled to find versions that fit; one conflict: {0}")]
    TooTangled(Conflict),
}

/// An addon of which no release satisfies all ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conflict {
    pub addon: String,
    /// What is asked of the addon, by whom: `None` for the page itself.
    pub wanted: Vec<(Option<(String, Version)>, VersionRange)>,
    /// The versions that may be chosen, oldest first.
    pub published: Vec<Version>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = self.wanted.iter().map(|(by, range)| match by {
            Some((addon, version)) => format!("{addon} {version} needs {range}"),
            None => format!("{range} is asked for"),
        });
        let published: Vec<_> = self.published.iter().map(Version::to_string).collect();
        let published = if published.is_empty() { "none".to_owned() } else { published.join(", ") };
        let wanted = wanted.collect::<Vec<_>>().join("; ");
        write!(f, "no version of {:?} fits: {wanted}; published: {published}", self.addon)
    }
}

/// Chooses a release of each of `roots` and of everything they need.
///
/// The same input always has the same result, whatever the order of `roots` and of the releases.
///
/// # Errors
///
/// If no choice satisfies all ranges, or if none was found within [`MAX_STEPS`].
pub fn resolve<'a>(
    catalog: &'a Catalog,
    roots: &'a [(&'a str, VersionRange)],
) -> Result<Chosen<'a>, ResolveError> {
    let problem = problem::Problem::new(catalog, roots);
    search::solve(&problem).map(|chosen| problem.releases(&chosen))
}

#[cfg(test)]
mod tests;
