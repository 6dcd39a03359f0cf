//! What a page gets: one version of each of its addons, in the order in which they load.

use std::collections::{BTreeMap, BTreeSet};

use addons::injection::{Placement, Rule, Script, World, place};
use addons::order::{Cycle, Entry, order};
use addons::range::VersionRange;
use addons::resolve::{self, ResolveError, resolve};
use domain::addons::{AddonStatus, AddonType, Release};

use crate::addons::library::{Library, Root};
use crate::addons::release_rules::rules;

/// The addons of the pages of one domain, in the order in which they load.
#[derive(Debug)]
pub struct Page<'a> {
    pub members: Vec<Member<'a>>,
}

/// An addon of a page.
#[derive(Debug)]
pub struct Member<'a> {
    pub release: &'a Release,
    /// Empty if it is there for others alone.
    pub rules: Vec<Rule>,
    /// The addons of the page that it needs.
    pub needs: Vec<&'a str>,
}

/// A release, and where and when it runs.
pub type Placed<'a> = (&'a Release, Placement<'a>);

/// Why a page cannot have its addons. Publishing prevents that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    #[error(transparent)]
    Versions(#[from] ResolveError),
    #[error(transparent)]
    Cycle(#[from] Cycle),
}

impl Library {
    /// Returns the addons of the pages of `host`, which is in canonical form.
    ///
    /// # Errors
    ///
    /// If there is no choice of versions. Every change of the catalog is checked, so that this does not happen.
    pub fn page(&self, host: &str) -> Result<Page<'_>, PageError> {
        let roots: Vec<&Root> = self.roots_of(host).collect();
        let chosen = self.choose(&roots)?;
        let mut members: BTreeMap<&str, Member<'_>> = BTreeMap::new();
        let mut priorities: BTreeMap<&str, i64> = BTreeMap::new();
        for (id, version) in &chosen {
            let Some((release, standing)) = self.version(id, version) else { continue };
            // A deprecated version is there for others alone.
            let is_active = standing.status == AddonStatus::Active;
            let here: Vec<_> = match is_active && roots.iter().any(|root| root.id.as_str() == *id) {
                true => rules(release).into_iter().filter(|rule| rule.matches_host(host)).collect(),
                false => Vec::new(),
            };
            priorities.insert(id, here.iter().map(|rule| i64::from(rule.priority)).max().unwrap_or_default());
            let rules = here.iter().filter_map(|rule| rule.within(host)).collect();
            let needs = release.dependencies().map(|one| one.addon_id.as_str());
            let needs = needs.filter(|needed| chosen.contains_key(needed)).collect();
            members.insert(release.addon_id.as_str(), Member { release, rules, needs });
        }
        // An older version was chosen for the sake of others, and may not run here by itself.
        let wanted = needed_by(&members);
        members.retain(|id, _| wanted.contains(id));
        let entries: Vec<_> = members
            .iter()
            .map(|(id, member)| Entry { id, priority: priorities[id], dependencies: member.needs.clone() })
            .collect();
        let ordered = order(&entries)?;
        let members = ordered.into_iter().filter_map(|id| members.remove(id)).collect();
        Ok(Page { members })
    }

    pub(super) fn roots_of(&self, host: &str) -> impl Iterator<Item = &Root> {
        self.roots.iter().filter(move |root| root.rules.iter().any(|rule| rule.matches_host(host)))
    }

    /// Chooses among the active versions; if those do not do, among the deprecated ones too for what others need, and
    /// at last also in place of a newer version that would run by itself.
    fn choose(&self, roots: &[&Root]) -> Result<BTreeMap<&str, semver::Version>, ResolveError> {
        let wanted = |range: fn(&Root) -> &VersionRange| -> Vec<(&str, VersionRange)> {
            roots.iter().map(|root| (root.id.as_str(), range(root).clone())).collect()
        };
        let active = wanted(|root| &root.range);
        choose(&self.active, &active)
            .or_else(|_| choose(&self.usable, &active))
            .or_else(|fault| choose(&self.usable, &wanted(|root| &root.with_deprecated)).map_err(|_| fault))
    }
}

/// Chooses one version of each of `roots` and of what they need.
pub(super) fn choose<'a>(
    catalog: &'a resolve::Catalog,
    roots: &[(&str, VersionRange)],
) -> Result<BTreeMap<&'a str, semver::Version>, ResolveError> {
    let chosen = resolve(catalog, roots)?;
    let own = |(id, release): (&str, &resolve::Release)| {
        Some((catalog.get_key_value(id)?.0.as_str(), release.version.clone()))
    };
    Ok(chosen.into_iter().filter_map(own).collect())
}

/// The members that run by themselves, and all that they need.
fn needed_by<'a>(members: &BTreeMap<&'a str, Member<'a>>) -> BTreeSet<&'a str> {
    let mut open: Vec<&str> =
        members.iter().filter(|(_, member)| !member.rules.is_empty()).map(|(id, _)| *id).collect();
    let mut wanted = BTreeSet::new();
    while let Some(id) = open.pop() {
        if wanted.insert(id) {
            open.extend(members.get(id).into_iter().flat_map(|member| member.needs.iter().copied()));
        }
    }
    wanted
}

impl Page<'_> {
    /// Returns the scripts of the page as Chromium takes them, and then the style sheets, each with its release.
    #[must_use]
    pub fn placements(&self) -> (Vec<Placed<'_>>, Vec<Placed<'_>>) {
        let scripts: Vec<_> = self
            .members
            .iter()
            .filter(|member| member.release.kind.is_injected())
            .map(|member| Script {
                id: member.release.addon_id.as_str(),
                world: match member.release.kind {
                    AddonType::InjectedScript => World::Main,
                    AddonType::ContentScript | AddonType::BackgroundScript | AddonType::StyleSheet => {
                        World::UserScript
                    }
                },
                rules: &member.rules,
                needs: member.needs.clone(),
            })
            .collect();
        let releases: BTreeMap<&str, &Release> =
            self.members.iter().map(|member| (member.release.addon_id.as_str(), member.release)).collect();
        let (mut placed, mut styles): (Vec<Placed<'_>>, Vec<Placed<'_>>) = (Vec::new(), Vec::new());
        for placement in place(&scripts) {
            let Some(release) = releases.get(placement.addon).copied() else { continue };
            if release.kind.is_script() {
                placed.push((release, placement));
                continue;
            }
            // A style sheet has no world. It is where the scripts of either world need it.
            match styles.last_mut().filter(|(known, _)| known.addon_id == release.addon_id) {
                Some((_, known)) => known.area.extend(&placement.area),
                None => styles.push((release, placement)),
            }
        }
        (placed, styles)
    }

    /// The bytes of what the page gets, as JSON: about what an answer with all of it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// The fields of a script beside its code, except the patterns.
        const FIELDS: usize = 250;
        let (scripts, styles) = self.placements();
        let pattern = |pattern: &String| pattern.len() + 3;
        let one = |(release, placement): &Placed<'_>| {
            let (matches, excludes) = (placement.area.matches(), placement.area.excludes());
            let patterns = matches.iter().chain(&excludes).map(pattern).sum::<usize>();
            release.content.page_bytes + patterns + FIELDS
        };
        scripts.iter().chain(&styles).map(one).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addons::testing::{catalog, needs, on, release, rule};
    use domain::addons::AddonStatus::{Active, Deprecated};

    fn library(all: Vec<(Release, AddonStatus)>) -> Library {
        Library::new(catalog(&all))
    }

    fn active(all: Vec<Release>) -> Library {
        library(all.into_iter().map(|one| (one, Active)).collect())
    }

    fn listed(library: &Library, host: &str) -> Vec<String> {
        let page = library.page(host).unwrap();
        page.members.iter().map(|one| format!("{} {}", one.release.addon_id, one.release.version)).collect()
    }

    #[test]
    fn page_has_one_version_of_each_addon_with_dependencies_first() {
        let library = active(vec![
            on(release("app", "1.0.0"), &["example.com"]),
            on(needs(release("zeta", "1.0.0"), &["base@^1"]), &["*.example.com"]),
            release("base", "1.0.0"),
            release("base", "1.3.0"),
            release("base", "2.0.0"),
            release("unused", "1.0.0"),
            on(release("other", "1.0.0"), &["other.example"]),
        ]);
        assert_eq!(listed(&library, "example.com"), ["app 1.0.0", "base 1.3.0", "zeta 1.0.0"]);
        assert_eq!(listed(&library, "www.example.com"), ["base 1.3.0", "zeta 1.0.0"]);
        assert_eq!(listed(&library, "other.example"), ["other 1.0.0"]);
        assert!(listed(&library, "evil-example.com").is_empty());
    }

    #[test]
    fn priority_goes_before_the_id_and_dependencies_go_before_priority() {
        let with = |id: &str, priority| Release {
            injection_rules: Some(vec![rule(&["example.com"], priority)]),
            ..release(id, "1.0.0")
        };
        let library = active(vec![
            with("a", 0),
            with("b", 5),
            needs(with("c", 9), &["z@1"]),
            with("z", -3),
            with("d", 5),
        ]);
        let expected = ["b 1.0.0", "d 1.0.0", "a 1.0.0", "z 1.0.0", "c 1.0.0"];
        assert_eq!(listed(&library, "example.com"), expected);
    }

    #[test]
    fn deprecated_version_is_there_for_those_that_need_it() {
        let library = library(vec![
            (on(needs(release("app", "1.0.0"), &["lib@^2"]), &["a.example"]), Active),
            (on(needs(release("new", "1.0.0"), &["lib@*"]), &["b.example"]), Active),
            (release("lib", "1.0.0"), Active),
            (release("lib", "2.0.0"), Deprecated),
            (on(release("old", "1.0.0"), &["a.example"]), Deprecated),
        ]);
        assert_eq!(listed(&library, "a.example"), ["lib 2.0.0", "app 1.0.0"]);
        assert_eq!(listed(&library, "b.example"), ["lib 1.0.0", "new 1.0.0"]);
    }

    #[test]
    fn deprecated_version_takes_the_place_of_a_newer_one_that_another_addon_cannot_use() {
        let library = library(vec![
            (on(release("lib", "1.0.0"), &["a.example", "b.example"]), Deprecated),
            (on(release("lib", "2.0.0"), &["a.example", "b.example"]), Active),
            (on(needs(release("app", "1.0.0"), &["lib@^1"]), &["a.example"]), Active),
        ]);
        assert_eq!(listed(&library, "a.example"), ["lib 1.0.0", "app 1.0.0"]);
        assert!(library.page("a.example").unwrap().members[0].rules.is_empty(), "it runs for others alone");
        assert_eq!(listed(&library, "b.example"), ["lib 2.0.0"]);
    }

    #[test]
    fn prerelease_runs_by_itself_only_where_there_was_never_a_release() {
        let pages = ["a.example"];
        let one = on(release("one", "1.0.0"), &pages);
        let rc = on(release("one", "2.0.0-rc.1"), &pages);
        let with = |status| library(vec![(one.clone(), status), (rc.clone(), Active)]);
        assert_eq!(listed(&with(Active), "a.example"), ["one 1.0.0"]);
        assert!(listed(&with(Deprecated), "a.example").is_empty());
        let id = "one".parse().unwrap();
        let newest = |library: &Library| library.find(&id, None).unwrap().0.version.to_string();
        assert_eq!((newest(&with(Active)), newest(&with(Deprecated))), ("1.0.0".into(), "1.0.0".into()));
        assert_eq!(listed(&active(vec![rc.clone()]), "a.example"), ["one 2.0.0-rc.1"]);
    }

    #[test]
    fn older_version_that_does_not_run_here_is_left_out() {
        let library = active(vec![
            on(release("lib", "1.0.0"), &["a.example"]),
            on(release("lib", "2.0.0"), &["a.example", "b.example"]),
            on(needs(release("app", "1.0.0"), &["lib@^1"]), &["b.example"]),
        ]);
        assert_eq!(listed(&library, "b.example"), ["lib 1.0.0", "app 1.0.0"]);
        assert_eq!(listed(&library, "a.example"), ["lib 2.0.0"]);
        let page = library.page("b.example").unwrap();
        assert!(page.members[0].rules.is_empty());
    }

    #[test]
    fn style_sheet_is_where_scripts_of_either_world_need_it() {
        let kind = |release, kind| Release { kind, ..release };
        let library = active(vec![
            kind(release("look", "1.0.0"), AddonType::StyleSheet),
            on(needs(release("one", "1.0.0"), &["look@1"]), &["a.example"]),
            on(
                kind(needs(release("two", "1.0.0"), &["look@1"]), AddonType::InjectedScript),
                &["*.a.example"],
            ),
            on(kind(release("server", "1.0.0"), AddonType::BackgroundScript), &["a.example"]),
        ]);
        let page = library.page("a.example").unwrap();
        let (scripts, styles) = page.placements();
        let ids: Vec<_> = scripts.iter().map(|(_, one)| (one.addon, one.world.as_str())).collect();
        assert_eq!(ids, [("one", "USER_SCRIPT"), ("two", "MAIN")]);
        let [(look, place)] = &styles[..] else { panic!("{styles:?}") };
        assert_eq!(look.addon_id.as_str(), "look");
        assert_eq!(place.area.matches().iter().collect::<Vec<_>>(), ["*://*.a.example/*", "*://a.example/*"]);
        assert!(page.bytes() > 3 * 100);
    }
}
