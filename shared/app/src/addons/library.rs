//! The catalog, prepared for choosing.

use std::collections::BTreeMap;

use addons::pattern::MatchPattern;
use addons::range::VersionRange;
use addons::resolve;
use domain::addons::{Addon, AddonId, AddonStatus, Catalog, Release, Standing};
use semver::Version;

use crate::addons::release_rules::{ReleaseRule, rules};

/// The catalog of one generation, prepared for choosing.
#[derive(Debug, Default)]
pub struct Library {
    pub catalog: Catalog,
    /// The versions that are active.
    pub(super) active: resolve::Catalog,
    /// Those, and the deprecated ones.
    pub(super) usable: resolve::Catalog,
    /// The addons that run by themselves: the range of their active versions, and the rules of the newest.
    pub(super) roots: Vec<Root>,
}

#[derive(Debug)]
pub(super) struct Root {
    pub(super) id: AddonId,
    pub(super) range: VersionRange,
    /// Those, and older ones that are deprecated: what others may need instead.
    pub(super) with_deprecated: VersionRange,
    pub(super) rules: Vec<ReleaseRule>,
}

impl Library {
    #[must_use]
    pub fn new(catalog: Catalog) -> Self {
        let with = |statuses: &[AddonStatus]| -> resolve::Catalog {
            let of = |addon: &Addon| {
                addon
                    .versions()
                    .filter(|(_, standing)| statuses.contains(&standing.status))
                    .map(|(release, _)| choice(release))
                    .collect()
            };
            let all = catalog.addons.values().map(|addon: &Addon| (addon.id.to_string(), of(addon)));
            all.filter(|(_, releases): &(_, Vec<_>)| !releases.is_empty()).collect()
        };
        let active = with(&[AddonStatus::Active]);
        let usable = with(&[AddonStatus::Active, AddonStatus::Deprecated]);
        let roots = catalog.addons.values().filter_map(root).collect();
        Self { catalog, active, usable, roots }
    }

    /// Returns the library in which this is the state of the addon.
    #[must_use]
    pub fn with(&self, addon: &Addon) -> Self {
        let mut catalog = self.catalog.clone();
        catalog.addons.insert(addon.id.clone(), addon.clone());
        Self::new(catalog)
    }

    /// Returns the version of an addon with this id and version, if it is not deleted.
    pub(super) fn version(&self, id: &str, version: &Version) -> Option<(&Release, &Standing)> {
        self.catalog.addons.get(id)?.version(version)
    }

    /// Returns the version that a reader gets who asks for this range; without one, the newest that is active.
    ///
    /// An exact version is had unless it is inactive; a range chooses among the active ones, and among the deprecated
    /// ones if no active one fits.
    #[must_use]
    pub fn find(&self, id: &AddonId, wanted: Option<&VersionRange>) -> Option<(&Release, &Standing)> {
        let addon = self.catalog.addon(id)?;
        let Some(range) = wanted else { return addon.current() };
        if let Some(exact) = exact(range) {
            return addon.version(&exact).filter(|(_, standing)| standing.status != AddonStatus::Inactive);
        }
        let chosen = |status| {
            addon
                .versions()
                .find(|(release, standing)| standing.status == status && range.contains(&release.version))
        };
        [AddonStatus::Active, AddonStatus::Deprecated].into_iter().find_map(chosen)
    }

    /// Returns hosts among which every kind of page is: any other host has the same addons as one of these.
    #[must_use]
    pub fn example_hosts(&self) -> std::collections::BTreeSet<String> {
        let patterns = self.roots.iter().flat_map(|root| &root.rules).flat_map(|rule| &rule.region.matches);
        patterns.flat_map(MatchPattern::example_hosts).collect()
    }
}

/// Returns the version that the text of a range is.
#[must_use]
pub fn exact(range: &VersionRange) -> Option<Version> {
    let text = range.as_str().trim();
    let version = Version::parse(text.strip_prefix('=').unwrap_or(text).trim_start().trim_start_matches('v'));
    // Build metadata takes no part in the choice of a version.
    version.ok().map(|version| Version { build: semver::BuildMetadata::EMPTY, ..version })
}

/// Returns the release as the resolver takes it. Ranges were checked when it was published.
pub(super) fn choice(release: &Release) -> resolve::Release {
    let dependency = |dependency: &domain::addons::Dependency| {
        let range = dependency.version.parse().ok()?;
        Some(resolve::Dependency {
            addon: dependency.addon_id.to_string(),
            range,
            optional: dependency.optional,
        })
    };
    resolve::Release {
        version: release.version.clone(),
        dependencies: release.dependencies().filter_map(dependency).collect(),
    }
}

fn root(addon: &Addon) -> Option<Root> {
    let (newest, _) = addon.current().filter(|(_, standing)| standing.status == AddonStatus::Active)?;
    let rules = if newest.kind.is_injected() { rules(newest) } else { Vec::new() };
    if rules.is_empty() {
        return None;
    }
    // A prerelease runs by itself only if there is no release.
    let is_prerelease = !newest.version.pre.is_empty();
    let versions = |statuses: &[AddonStatus]| {
        let with_status = addon.versions().filter(|(_, standing)| statuses.contains(&standing.status));
        let older = with_status.filter(|(release, _)| release.version <= newest.version || is_prerelease);
        let versions = older.filter(|(release, _)| is_prerelease || release.version.pre.is_empty());
        versions.map(|(release, _)| release.version.to_string()).collect::<Vec<_>>().join(" || ")
    };
    Some(Root {
        id: addon.id.clone(),
        range: versions(&[AddonStatus::Active]).parse().ok()?,
        with_deprecated: versions(&[AddonStatus::Active, AddonStatus::Deprecated]).parse().ok()?,
        rules,
    })
}

/// The addons that are reachable from some by dependencies of any version.
pub(super) fn reachable<'a>(
    catalog: &'a resolve::Catalog,
    from: impl Iterator<Item = &'a str>,
) -> BTreeMap<&'a str, ()> {
    let mut open: Vec<&str> = from.collect();
    let mut seen = BTreeMap::new();
    while let Some(id) = open.pop() {
        if seen.insert(id, ()).is_none() {
            let releases = catalog.get(id).into_iter().flatten();
            open.extend(releases.flat_map(|one| &one.dependencies).map(|one| one.addon.as_str()));
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addons::testing::{catalog, release};
    use domain::addons::AddonStatus::{Active, Beta, Deprecated, Inactive};

    fn found(library: &Library, range: Option<&str>) -> Option<String> {
        let range = range.map(|range| range.parse().unwrap());
        library.find(&"a".parse().unwrap(), range.as_ref()).map(|(release, _)| release.version.to_string())
    }

    #[test]
    fn reader_gets_what_the_status_allows() {
        let library = Library::new(catalog(&[
            (release("a", "1.0.0"), Active),
            (release("a", "1.1.0"), Active),
            (release("a", "1.2.0"), Deprecated),
            (release("a", "2.0.0"), Beta),
            (release("a", "3.0.0"), Inactive),
            (release("a", "4.0.0-rc.1"), Active),
        ]));
        for (range, expected) in [
            (None, Some("1.1.0")),
            (Some("^1"), Some("1.1.0")),
            (Some(">=1.2 <2"), Some("1.2.0")),
            (Some("1.2.0"), Some("1.2.0")),
            (Some("2.0.0"), Some("2.0.0")),
            (Some("=2.0.0"), Some("2.0.0")),
            (Some("^2"), None),
            (Some("3.0.0"), None),
            (Some("4.0.0-rc.1"), Some("4.0.0-rc.1")),
            (Some(">=4.0.0-rc.0"), Some("4.0.0-rc.1")),
            (Some("9.9.9"), None),
        ] {
            assert_eq!(found(&library, range).as_deref(), expected, "{range:?}");
        }
        let gone = Library::new(catalog(&[(release("a", "1.0.0"), Inactive)]));
        assert_eq!(found(&gone, None), None);
        let old = Library::new(catalog(&[(release("a", "1.0.0"), Deprecated)]));
        assert_eq!(found(&old, None).as_deref(), Some("1.0.0"));
    }
}
