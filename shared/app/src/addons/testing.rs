//! Addons for tests.

use domain::Timestamp;
use domain::addons::{
    Addon, AddonStatus, AddonType, Catalog, Content, Dependency, Form, InjectionRule, Release, ReleaseNames,
    RunAt,
};

use crate::addons::library::Library;

pub(super) fn release(id: &str, version: &str) -> Release {
    let form = || Form {
        hash: "00".repeat(32),
        integrity: "sha384-".into(),
        bytes: 100,
        gzip_bytes: 50,
        brotli_bytes: 40,
        signature: String::new(),
    };
    Release {
        addon_id: id.parse().unwrap(),
        version: version.parse().unwrap(),
        name: id.to_owned(),
        description: String::new(),
        kind: AddonType::ContentScript,
        author: None,
        domain_patterns: None,
        injection_rules: None,
        dependencies: None,
        config: None,
        content: Content {
            publication: uuid::Uuid::nil(),
            source: form(),
            minified: form(),
            source_map: None,
            page_bytes: 100,
        },
        run: uuid::Uuid::nil(),
        names: ReleaseNames::default(),
        warnings: Vec::new(),
        created_at: Timestamp::from_millis(1),
    }
}

pub(super) fn on(release: Release, domains: &[&str]) -> Release {
    Release { domain_patterns: Some(domains.iter().map(|one| (*one).to_owned()).collect()), ..release }
}

/// Adds dependencies: `id@range`, with a question mark at the end if it is optional.
pub(super) fn needs(release: Release, dependencies: &[&str]) -> Release {
    let read = |text: &&str| {
        let (id, range) = text.split_once('@').unwrap();
        let required = range.trim_end_matches('?');
        Dependency { addon_id: id.parse().unwrap(), version: required.into(), optional: required != range }
    };
    Release { dependencies: Some(dependencies.iter().map(read).collect()), ..release }
}

pub(super) fn rule(domains: &[&str], priority: i32) -> InjectionRule {
    InjectionRule {
        id: "r".into(),
        priority,
        domains: domains.iter().map(|one| (*one).to_owned()).collect(),
        url_patterns: None,
        exclude_patterns: None,
        run_at: RunAt::DocumentIdle,
        all_frames: None,
        conditions: None,
    }
}

pub(super) fn catalog(all: &[(Release, AddonStatus)]) -> Catalog {
    let mut catalog = Catalog::default();
    for (release, status) in all {
        let id = release.addon_id.clone();
        let addon = catalog.addons.entry(id.clone());
        addon.or_insert_with(|| Addon::new(id, release.created_at)).add(release.clone(), *status);
    }
    catalog
}

/// A library in which all these are active.
pub(super) fn active(all: &[Release]) -> Library {
    Library::new(catalog(&all.iter().map(|one| (one.clone(), AddonStatus::Active)).collect::<Vec<_>>()))
}
