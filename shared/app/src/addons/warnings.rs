//! What the author of a release should know, although it is published.

use std::collections::{BTreeMap, BTreeSet};

use domain::addons::{AddonId, Release};
use semver::Version;

use crate::addons::changes::dependants;
use crate::addons::library::{Library, reachable};
use crate::addons::release_rules::rule_warnings;

/// Returns what the author of a release should know, although it is published: rules that do not hold as they are
/// written, names that a dependant uses but that are not shared, and pages on which an older version is taken.
#[must_use]
pub fn warnings(before: &Library, after: &Library, release: &Release) -> Vec<String> {
    let mut warnings = rule_warnings(release);
    let mut hidden_from = |user: &Release, owner: &Release| {
        for name in user.names.free.intersection(&owner.names.hidden) {
            warnings.push(format!(
                "{} {} uses `{name}`, which {} {} declares at its top level but does not share: each addon runs in a \
                 function of its own; to share it, {} must assign it to globalThis",
                user.addon_id, user.version, owner.addon_id, owner.version, owner.addon_id
            ));
        }
    };
    for dependency in release.dependencies() {
        let Ok(range) = dependency.version.parse() else { continue };
        if let Some((needed, _)) = after.find(&dependency.addon_id, Some(&range)) {
            hidden_from(release, needed);
        }
    }
    for id in dependants(&after.catalog, &release.addon_id) {
        if let Some((user, _)) = after.find(&id, None) {
            hidden_from(user, release);
        }
    }
    let is_newest =
        after.find(&release.addon_id, None).is_some_and(|(newest, _)| newest.version == release.version);
    if is_newest {
        warnings.extend(kept_back(after, release));
    }
    warnings.extend(pulled_back(before, after, release));
    warnings
}

/// Tells of the other addons that get an older version on some pages than they had.
fn pulled_back(before: &Library, after: &Library, release: &Release) -> Vec<String> {
    let mut pulled: BTreeMap<(AddonId, Version, Version), BTreeSet<String>> = BTreeMap::new();
    for host in after.example_hosts() {
        let (Ok(page), Ok(old)) = (after.page(&host), before.page(&host)) else { continue };
        if !page.members.iter().any(|member| member.release.addon_id == release.addon_id) {
            continue;
        }
        let had: BTreeMap<_, _> =
            old.members.iter().map(|member| (&member.release.addon_id, &member.release.version)).collect();
        for member in page.members.iter().filter(|member| member.release.addon_id != release.addon_id) {
            let (id, now) = (&member.release.addon_id, &member.release.version);
            if let Some(had) = had.get(id).filter(|had| **had > now) {
                let change = (id.clone(), (*had).clone(), now.clone());
                pulled.entry(change).or_default().insert(host.clone());
            }
        }
    }
    let told = |((id, had, now), hosts): ((AddonId, Version, Version), BTreeSet<String>)| {
        format!("{id} goes back from {had} to {now} on pages of {}, because of this version", names(&hosts))
    };
    pulled.into_iter().map(told).collect()
}

/// One host, and how many others there are.
fn names(hosts: &BTreeSet<String>) -> String {
    let example = hosts.first().map(String::as_str).unwrap_or_default();
    if hosts.len() > 1 { format!("{example} and {} more", hosts.len() - 1) } else { example.to_owned() }
}

/// Tells of the pages on which an older version of the addon stays, because others need it.
fn kept_back(after: &Library, release: &Release) -> Option<String> {
    let id = release.addon_id.as_str();
    let mut pages: BTreeMap<Version, BTreeSet<String>> = BTreeMap::new();
    for host in after.example_hosts() {
        let roots: Vec<&str> = after.roots_of(&host).map(|root| root.id.as_str()).collect();
        if !reachable(&after.usable, roots.into_iter()).contains_key(id) {
            continue;
        }
        let Ok(page) = after.page(&host) else { continue };
        let here = page.members.iter().find(|member| member.release.addon_id == release.addon_id);
        if let Some(member) = here.filter(|member| member.release.version != release.version) {
            pages.entry(member.release.version.clone()).or_default().insert(host);
        }
    }
    let (version, hosts) = pages.into_iter().next()?;
    let hosts = names(&hosts);
    Some(format!("{id} stays at {version} on pages of {hosts}, because another addon needs an older version"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addons::testing::{active, needs, on, release};

    #[test]
    fn author_is_told_of_names_that_are_not_shared_and_of_older_versions_that_stay() {
        let mut lib = release("lib", "1.0.0");
        lib.names.hidden = ["helper".to_owned(), "own".to_owned()].into();
        let mut app = on(needs(release("app", "1.0.0"), &["lib@^1"]), &["a.example"]);
        app.names.free = ["helper".to_owned(), "document".to_owned()].into();
        let both = active(&[lib.clone(), app.clone()]);
        for published in [&lib, &app] {
            let told = warnings(&both, &both, published);
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].starts_with("app 1.0.0 uses `helper`, which lib 1.0.0 declares"), "{told:?}");
        }
        let lib2 = on(release("lib", "2.0.0"), &["a.example"]);
        let after = active(&[release("lib", "1.0.0"), lib2.clone(), app]);
        let told = warnings(&both, &after, &lib2);
        let expected =
            "lib stays at 1.0.0 on pages of a.example, because another addon needs an older version";
        assert_eq!(told, [expected]);
    }

    #[test]
    fn author_is_told_of_other_addons_that_go_back_to_an_older_version() {
        let lib = [release("lib", "1.0.0"), on(release("lib", "2.0.0"), &["a.example", "b.example"])];
        let before = active(&lib);
        let app = on(needs(release("app", "1.0.0"), &["lib@^1"]), &["a.example"]);
        let after = active(&[&lib[..], std::slice::from_ref(&app)].concat());
        let expected = "lib goes back from 2.0.0 to 1.0.0 on pages of a.example, because of this version";
        assert_eq!(warnings(&before, &after, &app), [expected]);
    }
}
