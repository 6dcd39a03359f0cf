//! What must hold after a change of the catalog, so that it is refused when it is made, and never met when a page asks.

use std::collections::BTreeSet;

use addons::order::{Entry, order};
use addons::range::VersionRange;
use addons::resolve;
use domain::FieldError;
use domain::addons::{AddonId, AddonStatus, Catalog, Release};
use semver::Version;

use crate::addons::library::{Library, choice, reachable};
use crate::addons::page::{Page, PageError, choose};

/// The most bytes that the addons of one page may have, as JSON.
pub const MAX_PAGE_BYTES: usize = 4_000_000;

/// Pages of which a message tells, before it only counts the others.
const TOLD: usize = 3;

/// Returns the faults of the dependencies of a release that is to be published into `library`: what is missing, what no
/// version satisfies, what clashes and what is a circle.
#[must_use]
pub fn dependency_faults(library: &Library, release: &Release) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for (index, dependency) in release.dependencies().enumerate() {
        let path = format!("dependencies[{index}]");
        let id = &dependency.addon_id;
        if *id == release.addon_id {
            faults.push(FieldError::new(format!("{path}.addonId"), "is the addon itself"));
            continue;
        }
        let Some(releases) = library.usable.get(id.as_str()) else {
            if !dependency.optional {
                let message = format!("there is no addon {id} with a version that may be used");
                faults.push(FieldError::new(format!("{path}.addonId"), message));
            }
            continue;
        };
        let of_background = library.catalog.addon(id).and_then(|addon| addon.face());
        if release.kind.is_injected() && of_background.is_some_and(|(needed, _)| !needed.kind.is_injected()) {
            let message = format!("{id} is a background_script, which is never on a page");
            faults.push(FieldError::new(format!("{path}.addonId"), message));
            continue;
        }
        // A range that cannot be read is a fault of the parser's.
        let Ok(range) = dependency.version.parse::<VersionRange>() else { continue };
        if !dependency.optional && !releases.iter().any(|one| range.contains(&one.version)) {
            let mut published: Vec<_> = releases.iter().map(|one| one.version.clone()).collect();
            published.sort();
            let message = format!("no version of {id} satisfies {range}; published: {}", list(&published));
            faults.push(FieldError::new(format!("{path}.version"), message));
        }
    }
    if faults.is_empty()
        && let Err(error) = alone(library, release)
    {
        faults.push(FieldError::new("dependencies", error.to_string()));
    }
    faults
}

/// Checks that a page could have this release and all that it needs.
fn alone(library: &Library, release: &Release) -> Result<(), PageError> {
    let id = release.addon_id.as_str();
    let wanted = [(id, exactly(&release.version))];
    let with = |catalog: &resolve::Catalog| {
        let mut catalog = catalog.clone();
        // No other version of it: a circle would be hidden behind one that is not in it.
        catalog.insert(id.to_owned(), vec![choice(release)]);
        catalog
    };
    let (active, usable) = (with(&library.active), with(&library.usable));
    let (catalog, chosen) = match choose(&active, &wanted) {
        Ok(chosen) => (&active, chosen),
        Err(_) => (&usable, choose(&usable, &wanted)?),
    };
    let needs = |id: &str, version: &Version| -> Vec<&str> {
        let releases = catalog.get(id).into_iter().flatten();
        let release = releases.into_iter().find(|one| one.version == *version);
        release.into_iter().flat_map(|one| &one.dependencies).map(|one| one.addon.as_str()).collect()
    };
    let entries: Vec<_> = chosen
        .iter()
        .map(|(id, version)| Entry { id, priority: 0, dependencies: needs(id, version) })
        .collect();
    Ok(order(&entries).map(|_| ())?)
}

fn exactly(version: &Version) -> VersionRange {
    version.to_string().parse().unwrap_or_else(|_| VersionRange::any())
}

fn list(versions: &[Version]) -> String {
    versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", ")
}

/// Returns what a change breaks: pages that had their addons before, and have not after it. Each is told in words.
#[must_use]
pub fn broken_pages(before: &Library, after: &Library, changed: &AddonId) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let (mut broken, mut more) = (Vec::new(), 0);
    for host in before.example_hosts().union(&after.example_hosts()) {
        let roots: Vec<&str> = after.roots_of(host).map(|root| root.id.as_str()).collect();
        let rules_differ = before.roots_of(host).map(|root| root.id.as_str()).ne(roots.iter().copied());
        let is_reached = |library: &Library| {
            reachable(&library.usable, roots.iter().copied()).contains_key(changed.as_str())
        };
        if !rules_differ && !is_reached(before) && !is_reached(after) {
            continue;
        }
        if !seen.insert(roots) {
            continue;
        }
        let Some(fault) = new_fault(before.page(host), after.page(host)) else { continue };
        if broken.len() < TOLD { broken.push(format!("on pages of {host}: {fault}")) } else { more += 1 }
    }
    if more > 0 {
        broken.push(format!("and on {more} more"));
    }
    broken
}

/// Returns what is wrong with a page after a change, unless it was as wrong before.
fn new_fault(before: Result<Page<'_>, PageError>, after: Result<Page<'_>, PageError>) -> Option<String> {
    let page = match (&before, after) {
        (Err(_), Err(_)) => return None,
        (Ok(_), Err(error)) => return Some(error.to_string()),
        (_, Ok(page)) => page,
    };
    let (bytes, had) = (page.bytes(), before.map_or(0, |page| page.bytes()));
    // One that is too large already may become smaller, and not larger.
    (bytes > MAX_PAGE_BYTES.max(had)).then(|| {
        let largest = page.members.iter().max_by_key(|one| one.release.content.page_bytes);
        let largest = largest.map_or(String::new(), |one| {
            format!(", {} of them {}", one.release.content.page_bytes, one.release.addon_id)
        });
        format!("all addons together have {bytes} bytes, and may have {MAX_PAGE_BYTES}{largest}")
    })
}

/// Returns the active addons that need one of `removed`, and have no other version of that addon to take instead in
/// `after`.
#[must_use]
pub fn left_alone(after: &Library, changed: &AddonId) -> BTreeSet<AddonId> {
    let mut alone = BTreeSet::new();
    for addon in after.catalog.addons.values().filter(|addon| addon.id != *changed) {
        let active = addon.versions().filter(|(_, standing)| standing.status == AddonStatus::Active);
        let needed = active.flat_map(|(release, _)| release.dependencies());
        let needed = needed.filter(|one| one.addon_id == *changed && !one.optional);
        let has = |range: &VersionRange| {
            after.usable.get(changed.as_str()).into_iter().flatten().any(|one| range.contains(&one.version))
        };
        if needed.filter_map(|one| one.version.parse().ok()).any(|range| !has(&range)) {
            alone.insert(addon.id.clone());
        }
    }
    alone
}

/// Returns the active addons of which a version needs `id`, optionally or not.
#[must_use]
pub fn dependants(catalog: &Catalog, id: &AddonId) -> BTreeSet<AddonId> {
    let active = catalog.addons.values().flat_map(|addon| addon.versions());
    let active = active.filter(|(_, standing)| standing.status == AddonStatus::Active);
    let needs = |release: &Release| {
        release.dependencies().any(|one| one.addon_id == *id && !one.optional) && release.addon_id != *id
    };
    active.filter(|(release, _)| needs(release)).map(|(release, _)| release.addon_id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addons::testing::{active, catalog, needs, on, release};
    use domain::addons::AddonStatus::{Active, Beta, Inactive};
    use domain::addons::AddonType;

    fn faults(library: &Library, release: &Release) -> Vec<(String, String)> {
        dependency_faults(library, release).into_iter().map(|one| (one.path, one.message)).collect()
    }

    fn fault(path: &str, message: &str) -> (String, String) {
        (path.to_owned(), message.to_owned())
    }

    #[test]
    fn missing_and_unsatisfiable_dependencies_are_named() {
        let server = Release { kind: AddonType::BackgroundScript, ..release("server", "1.0.0") };
        let library = active(&[release("lib", "1.2.0"), release("lib", "1.0.0"), server]);
        let new = needs(
            release("app", "1.0.0"),
            &["lib@^2", "none@1", "lib@^1", "gone@1?", "app@1", "server@1", "lib@^7?"],
        );
        assert_eq!(
            faults(&library, &new),
            [
                fault("dependencies[0].version", "no version of lib satisfies ^2; published: 1.0.0, 1.2.0"),
                fault("dependencies[1].addonId", "there is no addon none with a version that may be used"),
                fault("dependencies[4].addonId", "is the addon itself"),
                fault("dependencies[5].addonId", "server is a background_script, which is never on a page"),
            ]
        );
        assert!(faults(&library, &needs(release("app", "1.0.0"), &["lib@^1", "gone@1?"])).is_empty());
    }

    #[test]
    fn clash_tells_which_addon_wants_what_and_what_there_is() {
        let library = active(&[
            needs(release("mid", "1.0.0"), &["base@^1.0"]),
            needs(release("side", "3.0.0"), &["base@^2.0"]),
            release("base", "1.4.0"),
            release("base", "2.1.0"),
        ]);
        let new = needs(release("top", "1.0.0"), &["mid@1", "side@3"]);
        assert_eq!(
            faults(&library, &new),
            [fault(
                "dependencies",
                "no version of \"base\" fits: mid 1.0.0 needs ^1.0; side 3.0.0 needs ^2.0; published: 1.4.0, 2.1.0"
            )]
        );
    }

    #[test]
    fn circle_is_refused_and_its_path_named() {
        let library = active(&[
            needs(release("a", "1.0.0"), &["b@1"]),
            needs(release("b", "1.0.0"), &["c@>=1"]),
            release("c", "1.0.0"),
        ]);
        let new = needs(release("c", "1.1.0"), &["a@1"]);
        let expected = [fault("dependencies", "addons need each other: a → b → c → a")];
        assert_eq!(faults(&library, &new), expected);
    }

    #[test]
    fn change_that_breaks_a_page_is_told_and_only_that() {
        let lib = release("lib", "1.0.0");
        let app = on(needs(release("app", "1.0.0"), &["lib@^1"]), &["*.a.example"]);
        let other = on(release("other", "1.0.0"), &["b.example"]);
        let before = active(&[lib.clone(), app.clone(), other.clone()]);
        let with_lib = |status| {
            Library::new(catalog(&[(lib.clone(), status), (app.clone(), Active), (other.clone(), Active)]))
        };
        let id: AddonId = "lib".parse().unwrap();
        for status in [Inactive, Beta] {
            let after = with_lib(status);
            let broken = broken_pages(&before, &after, &id);
            assert_eq!(broken.len(), 1, "{broken:?}");
            assert!(
                broken[0].contains("a.example") && broken[0].contains("app 1.0.0 needs ^1"),
                "{broken:?}"
            );
            assert_eq!(left_alone(&after, &id).iter().map(AddonId::as_str).collect::<Vec<_>>(), ["app"]);
            assert!(
                broken_pages(&after, &after, &id).is_empty(),
                "what was broken before is no fault of a change"
            );
        }
        assert!(broken_pages(&before, &with_lib(AddonStatus::Deprecated), &id).is_empty());
        assert_eq!(dependants(&before.catalog, &id).len(), 1);
        assert!(dependants(&before.catalog, &"app".parse().unwrap()).is_empty());
    }

    #[test]
    fn addon_with_which_a_page_would_be_too_large_is_refused() {
        let sized = |id: &str, bytes| {
            let mut release = on(release(id, "1.0.0"), &["a.example"]);
            release.content.page_bytes = bytes;
            release
        };
        let first = sized("first", 3_000_000);
        let before = active(std::slice::from_ref(&first));
        let broken = |bytes| {
            let after = active(&[first.clone(), sized("second", bytes)]);
            broken_pages(&before, &after, &"second".parse().unwrap())
        };
        assert!(broken(999_000).is_empty());
        let (third, larger) = (sized("third", 999_000), sized("third", 999_001));
        let old = active(&[first.clone(), sized("second", 1_000_000), third]);
        let new = active(&[first.clone(), sized("second", 1_000_000), larger]);
        let id = "third".parse().unwrap();
        assert_eq!(broken_pages(&old, &new, &id).len(), 1, "what is too large may not grow");
        assert!(broken_pages(&new, &old, &id).is_empty());
        let told = broken(1_000_000);
        assert!(told[0].contains("4000") && told[0].contains("3000000 of them first"), "{told:?}");
    }
}
