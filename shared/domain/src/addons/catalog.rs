//! All addons, as one consistent state.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::addons::addon_id::AddonId;
use crate::addons::release::Release;
use crate::addons::words::AddonStatus;
use crate::primitives::timestamp::Timestamp;

/// The number of changes of the catalog so far. Two reads with the same generation have read the same catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation {
    pub number: u64,
    /// When it began.
    pub since: Timestamp,
}

impl Default for Generation {
    /// The generation before the first change.
    fn default() -> Self {
        Self { number: 0, since: Timestamp::from_millis(0) }
    }
}

/// All addons.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    pub generation: Generation,
    pub addons: BTreeMap<AddonId, Addon>,
}

impl Catalog {
    /// Returns the addon, if it has a version.
    #[must_use]
    pub fn addon(&self, id: &AddonId) -> Option<&Addon> {
        self.addons.get(id).filter(|addon| !addon.standings.is_empty())
    }
}

/// An addon: what can change of it, and its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct Addon {
    pub id: AddonId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// By version. A version without an entry is deleted; its number is not free again, because caches keep it.
    pub standings: BTreeMap<Version, Standing>,
    /// By version, also those that are deleted.
    pub releases: BTreeMap<Version, Release>,
}

/// The status of a version, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    pub status: AddonStatus,
    pub updated_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecation_message: Option<String>,
}

impl Addon {
    /// Creates an addon without versions.
    #[must_use]
    pub const fn new(id: AddonId, now: Timestamp) -> Self {
        Self { id, created_at: now, updated_at: now, standings: BTreeMap::new(), releases: BTreeMap::new() }
    }

    /// Returns the versions that are not deleted, the newest first.
    pub fn versions(&self) -> impl Iterator<Item = (&Release, &Standing)> {
        let with_release = |(version, standing)| Some((self.releases.get(version)?, standing));
        self.standings.iter().rev().filter_map(with_release)
    }

    /// Returns the version, if it is not deleted.
    #[must_use]
    pub fn version(&self, version: &Version) -> Option<(&Release, &Standing)> {
        Some((self.releases.get(version)?, self.standings.get(version)?))
    }

    /// Returns the newest version with one of these statuses. A prerelease counts only if there is no release.
    #[must_use]
    pub fn newest(&self, statuses: &[AddonStatus]) -> Option<(&Release, &Standing)> {
        let with_status = || self.versions().filter(|(_, standing)| statuses.contains(&standing.status));
        with_status().find(|(release, _)| release.version.pre.is_empty()).or_else(|| with_status().next())
    }

    /// Returns the version of those who name none: the newest release that is active, or else deprecated. A prerelease
    /// is none, unless there is nothing else.
    #[must_use]
    pub fn current(&self) -> Option<(&Release, &Standing)> {
        use AddonStatus::{Active, Deprecated};
        [(Active, true), (Deprecated, true), (Active, false), (Deprecated, false)].into_iter().find_map(
            |(status, is_release)| {
                self.versions().find(|(release, standing)| {
                    standing.status == status && release.version.pre.is_empty() == is_release
                })
            },
        )
    }

    /// Returns the version that describes the addon: the current one, or else the newest beta, or else any.
    #[must_use]
    pub fn face(&self) -> Option<(&Release, &Standing)> {
        let others = [AddonStatus::Beta, AddonStatus::Inactive];
        self.current().or_else(|| others.iter().find_map(|status| self.newest(&[*status])))
    }

    /// Returns whether the version's number is taken, by a version or by a deleted one.
    #[must_use]
    pub fn has_had(&self, version: &Version) -> bool {
        self.releases.contains_key(version)
    }

    /// Adds a version.
    pub fn add(&mut self, release: Release, status: AddonStatus) {
        let standing =
            Standing { status, updated_at: release.created_at, reason: None, deprecation_message: None };
        self.updated_at = release.created_at;
        self.standings.insert(release.version.clone(), standing);
        self.releases.insert(release.version.clone(), release);
    }

    /// Changes the status of one version, or of all.
    pub fn set_status(&mut self, version: Option<&Version>, standing: &Standing) {
        self.updated_at = standing.updated_at;
        for (known, current) in &mut self.standings {
            if version.is_none_or(|version| version == known) {
                *current = standing.clone();
            }
        }
    }

    /// Deletes all versions, and returns the ids of their content.
    pub fn delete(&mut self, now: Timestamp) -> BTreeSet<uuid::Uuid> {
        self.updated_at = now;
        let publications = self.versions().map(|(release, _)| release.content.publication).collect();
        self.standings.clear();
        publications
    }
}
