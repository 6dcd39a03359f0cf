//! The catalog in a form that is quick to search: addons and releases by number.

use std::collections::BTreeMap;

use super::{Catalog, Chosen, Release};
use crate::range::VersionRange;

/// The number of an addon, in the order of ids.
pub(super) type Addon = usize;
/// The number of a release among those of its addon, the newest first.
pub(super) type Index = usize;

pub(super) struct Problem<'a> {
    names: Vec<&'a str>,
    /// By addon, the newest first.
    pub(super) candidates: Vec<Vec<Candidate<'a>>>,
    pub(super) roots: Vec<Edge<'a>>,
}

pub(super) struct Candidate<'a> {
    release: &'a Release,
    pub(super) edges: Vec<Edge<'a>>,
}

/// A range that is asked of an addon.
#[derive(Clone)]
pub(super) struct Edge<'a> {
    pub(super) to: Addon,
    range: &'a VersionRange,
    /// Which releases of the addon are in the range.
    pub(super) allowed: Vec<bool>,
    pub(super) optional: bool,
}

impl<'a> Problem<'a> {
    /// Addons that are needed but not in the catalog are part of the problem; they have no candidates.
    pub(super) fn new(catalog: &'a Catalog, roots: &'a [(&'a str, VersionRange)]) -> Self {
        let needed = catalog.values().flatten().flat_map(|release| &release.dependencies);
        let names =
            catalog.keys().map(String::as_str).chain(needed.map(|dependency| dependency.addon.as_str()));
        let names: BTreeMap<&'a str, Addon> = names
            .chain(roots.iter().map(|(name, _)| *name))
            .map(|name| (name, 0))
            .collect::<BTreeMap<_, _>>()
            .into_keys()
            .enumerate()
            .map(|(number, name)| (name, number))
            .collect();
        let releases: Vec<Vec<&'a Release>> = names
            .keys()
            .map(|name| {
                let mut releases: Vec<_> = catalog.get(*name).into_iter().flatten().collect();
                releases.sort_by(|one, other| other.version.cmp(&one.version));
                releases
            })
            .collect();
        let edge = |name: &str, range: &'a VersionRange, optional| {
            let to = names[name];
            let allowed = releases[to].iter().map(|release| range.contains(&release.version)).collect();
            Edge { to, range, allowed, optional }
        };
        let candidate = |release: &'a Release| Candidate {
            release,
            edges: release
                .dependencies
                .iter()
                .map(|one| edge(&one.addon, &one.range, one.optional))
                .collect(),
        };
        let candidates = releases.iter().map(|all| all.iter().map(|one| candidate(one)).collect()).collect();
        let roots = roots.iter().map(|(name, range)| edge(name, range, false)).collect();
        Self { names: names.into_keys().collect(), candidates, roots }
    }

    pub(super) fn releases(&self, chosen: &[Option<Index>]) -> Chosen<'a> {
        let all = self.names.iter().zip(&self.candidates).zip(chosen);
        all.filter_map(|((name, candidates), chosen)| Some((*name, candidates[(*chosen)?].release))).collect()
    }

    /// Describes an addon whose releases do not satisfy all of `wanted`: each range with the release that asks.
    pub(super) fn conflict(
        &self,
        addon: Addon,
        wanted: &[(Option<(Addon, Index)>, &Edge<'a>)],
    ) -> super::Conflict {
        let by = |(addon, index): (Addon, Index)| {
            (self.names[addon].to_owned(), self.candidates[addon][index].release.version.clone())
        };
        let mut wanted: Vec<_> =
            wanted.iter().map(|(asker, edge)| (asker.map(by), edge.range.clone())).collect();
        wanted.sort_by(|(one, _), (other, _)| one.cmp(other));
        let published = self.candidates[addon].iter().rev().map(|one| one.release.version.clone()).collect();
        super::Conflict { addon: self.names[addon].to_owned(), wanted, published }
    }
}
