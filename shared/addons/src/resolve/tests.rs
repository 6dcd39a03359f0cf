#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

type Needs<'a> = &'a [(&'a str, &'a str)];

/// A catalog from `addon version` and what it needs; `?` before an addon makes it optional.
fn catalog(releases: &[(&str, &str, Needs<'_>)]) -> Catalog {
    let mut catalog = Catalog::new();
    for (addon, version, needs) in releases {
        let dependency = |(addon, range): &(&str, &str)| Dependency {
            addon: addon.trim_start_matches('?').to_owned(),
            range: range.parse().unwrap(),
            optional: addon.starts_with('?'),
        };
        let dependencies = needs.iter().map(dependency).collect();
        let release = Release { version: version.parse().unwrap(), dependencies };
        catalog.entry((*addon).to_owned()).or_default().push(release);
    }
    catalog
}

/// The choice for a page that asks for any release of these addons, as `addon version`.
fn chosen(catalog: &Catalog, roots: &[&str]) -> Result<Vec<String>, String> {
    let roots: Vec<_> = roots.iter().map(|name| (*name, VersionRange::any())).collect();
    let chosen = resolve(catalog, &roots).map_err(|error| error.to_string())?;
    Ok(chosen.iter().map(|(name, release)| format!("{name} {}", release.version)).collect())
}

#[test]
fn newest_release_of_each_is_chosen_with_all_it_needs() {
    let catalog = catalog(&[
        ("app", "1.0.0", &[("mid", "^1")]),
        ("mid", "1.0.0", &[]),
        ("mid", "1.10.0", &[("base", "1.x")]),
        ("mid", "1.9.0", &[]),
        ("mid", "2.0.0", &[]),
        ("base", "1.2.0", &[]),
        ("base", "1.3.0-beta", &[]),
        ("unrelated", "1.0.0", &[]),
    ]);
    assert_eq!(chosen(&catalog, &["app"]).unwrap(), ["app 1.0.0", "base 1.2.0", "mid 1.10.0"]);
    assert_eq!(chosen(&catalog, &[]).unwrap(), [""; 0]);
}

#[test]
fn older_release_is_chosen_where_the_newest_conflicts() {
    let catalog = catalog(&[
        ("a", "1.0.0", &[("base", "^1")]),
        ("a", "2.0.0", &[("base", "^2")]),
        ("b", "1.0.0", &[("base", "^1")]),
        ("base", "1.0.0", &[]),
        ("base", "2.0.0", &[]),
    ]);
    assert_eq!(chosen(&catalog, &["b", "a"]).unwrap(), ["a 1.0.0", "b 1.0.0", "base 1.0.0"]);
}

#[test]
fn conflict_says_who_wants_what_and_what_is_published() {
    let releases = catalog(&[
        ("top", "1.0.0", &[("mid", "^1")]),
        ("mid", "1.0.0", &[("base", "^1.0")]),
        ("side", "3.0.0", &[("base", "^2.0")]),
        ("base", "2.1.0", &[]),
        ("base", "1.0.0", &[]),
        ("base", "1.4.0", &[]),
        ("base", "2.0.0", &[]),
    ]);
    assert_eq!(
        chosen(&releases, &["top", "side"]).unwrap_err(),
        "no version of \"base\" fits: mid 1.0.0 needs ^1.0; side 3.0.0 needs ^2.0; published: 1.0.0, 1.4.0, 2.0.0, 2.1.0"
    );
    let missing = catalog(&[("app", "1.0.0", &[("gone", "*")])]);
    assert_eq!(
        chosen(&missing, &["app"]).unwrap_err(),
        "no version of \"gone\" fits: app 1.0.0 needs *; published: none"
    );
    assert_eq!(
        chosen(&missing, &["nothing"]).unwrap_err(),
        "no version of \"nothing\" fits: * is asked for; published: none"
    );
}

#[test]
fn optional_addon_is_added_if_it_fits_and_changes_no_choice() {
    let releases = catalog(&[
        ("app", "1.0.0", &[("?extra", "^1"), ("?gone", "*"), ("?big", "*"), ("base", "*")]),
        ("extra", "1.0.0", &[("?more", "*")]),
        ("extra", "2.0.0", &[]),
        ("more", "1.0.0", &[]),
        ("big", "1.0.0", &[("base", "^1")]),
        ("base", "1.0.0", &[]),
        ("base", "2.0.0", &[]),
    ]);
    assert_eq!(
        chosen(&releases, &["app"]).unwrap(),
        ["app 1.0.0", "base 2.0.0", "extra 1.0.0", "more 1.0.0"],
        "big would need an older base"
    );
    assert_eq!(
        chosen(&releases, &["app", "extra"]).unwrap(),
        ["app 1.0.0", "base 2.0.0", "extra 1.0.0", "more 1.0.0"],
        "an optional addon that is chosen for another reason fits the range too"
    );
}

#[test]
fn search_goes_back_to_the_cause_of_a_conflict() {
    // Forty addons with eight releases each lie between the cause and the conflict. Step by step, the search
    // would try 8^40 choices.
    let mut releases = catalog(&[
        ("a-cause", "2.0.0", &[("z-base", "^2"), ("m00", "*")]),
        ("a-cause", "1.0.0", &[("z-base", "^1"), ("m00", "*")]),
        ("z-base", "1.0.0", &[]),
        ("z-base", "2.0.0", &[("z-none", "^9"), ("z-other", "*")]),
        ("z-none", "1.0.0", &[]),
        ("z-none", "9.0.0", &[("z-late", "^7")]),
        ("z-late", "1.0.0", &[]),
        ("z-other", "1.0.0", &[]),
    ]);
    for number in 0..40 {
        for minor in 0..8 {
            let next = Dependency {
                addon: format!("m{:02}", number + 1),
                range: VersionRange::any(),
                optional: false,
            };
            let release = Release { version: Version::new(1, minor, 0), dependencies: vec![next] };
            releases.entry(format!("m{number:02}")).or_default().push(release);
        }
    }
    releases.insert("m40".into(), vec![Release { version: Version::new(1, 0, 0), dependencies: vec![] }]);
    let chosen = chosen(&releases, &["a-cause"]).unwrap();
    assert!(chosen.contains(&"a-cause 1.0.0".to_owned()), "{chosen:?}");
    assert!(chosen.contains(&"m00 1.7.0".to_owned()), "{chosen:?}");
}

#[test]
fn hopeless_search_ends_after_its_steps() {
    // Nine addons want different releases of seven: no choice exists, and every order must be tried.
    let mut releases = Catalog::new();
    for pigeon in 0..10 {
        for hole in 0..9u64 {
            let taken = |other: u64| if other == hole { u64::try_from(pigeon).unwrap() } else { 99 };
            let dependencies = (0..9).filter(|other| *other == hole).map(|other| Dependency {
                addon: format!("hole{other}"),
                range: format!("={}.0.0", taken(other)).parse().unwrap(),
                optional: false,
            });
            let release = Release { version: Version::new(1, hole, 0), dependencies: dependencies.collect() };
            releases.entry(format!("pigeon{pigeon}")).or_default().push(release);
        }
    }
    for hole in 0..9 {
        let all = (0..10).map(|pigeon| Release { version: Version::new(pigeon, 0, 0), dependencies: vec![] });
        releases.insert(format!("hole{hole}"), all.collect());
    }
    let names: Vec<_> = (0..10).map(|pigeon| format!("pigeon{pigeon}")).collect();
    let roots: Vec<_> = names.iter().map(|name| (name.as_str(), VersionRange::any())).collect();
    let error = resolve(&releases, &roots).unwrap_err();
    assert!(matches!(error, ResolveError::TooTangled(_)), "{error}");
    assert!(error.to_string().contains("too tangled"), "{error}");
}

/// A small catalog: each release of addons 0 to 4 needs some of the others.
fn small_catalog() -> impl Strategy<Value = Catalog> {
    let range = prop::sample::select(vec!["^1", "^2", "1.x || 2.x", "*", ">1.0.0", "<2", "=1.0.0", "^3"]);
    let dependency = (0..5usize, range, prop::bool::weighted(0.2));
    let release = (prop::collection::vec(dependency, 0..3), 0..4usize);
    prop::collection::vec(prop::collection::vec(release, 0..4), 5).prop_map(|addons| {
        let versions = ["1.0.0", "1.1.0", "2.0.0", "3.0.0"];
        let mut catalog = Catalog::new();
        for (number, releases) in addons.into_iter().enumerate() {
            let mut all: BTreeMap<&str, Release> = BTreeMap::new();
            for (dependencies, version) in releases {
                let dependencies = dependencies.into_iter().map(|(to, range, optional)| Dependency {
                    addon: format!("p{to}"),
                    range: range.parse().unwrap(),
                    optional,
                });
                let version = versions[version];
                let release =
                    Release { version: version.parse().unwrap(), dependencies: dependencies.collect() };
                all.insert(version, release);
            }
            if !all.is_empty() {
                catalog.insert(format!("p{number}"), all.into_values().collect());
            }
        }
        catalog
    })
}

/// Whether the choice is allowed: the roots and everything needed are there, and every range holds.
fn is_allowed(chosen: &Chosen<'_>, roots: &[&str]) -> bool {
    let holds = |one: &Dependency| match chosen.get(one.addon.as_str()) {
        Some(release) => one.range.contains(&release.version),
        None => one.optional,
    };
    roots.iter().all(|root| chosen.contains_key(root))
        && chosen.values().flat_map(|release| &release.dependencies).all(holds)
}

/// Whether any choice is allowed, by trying all of them.
fn exists(catalog: &Catalog, roots: &[&str]) -> bool {
    let names: Vec<&str> = catalog.keys().map(String::as_str).collect();
    let counts: Vec<usize> = names.iter().map(|name| catalog[*name].len() + 1).collect();
    (0..counts.iter().product::<usize>()).any(|mut number| {
        let mut chosen = Chosen::new();
        for (name, count) in names.iter().zip(&counts) {
            if let Some(release) = (number % count).checked_sub(1).map(|index| &catalog[*name][index]) {
                chosen.insert(name, release);
            }
            number /= count;
        }
        is_allowed(&chosen, roots)
    })
}

proptest! {
    #[test]
    fn choice_is_found_exactly_if_one_exists(catalog in small_catalog(), root in 0..5usize) {
        let names = [format!("p{root}"), "p0".to_owned()];
        let roots: Vec<&str> = names.iter().map(String::as_str).collect();
        // A page asks for any release, so that those without a release in `*` do not exist.
        let asked: Vec<_> = roots.iter().map(|name| (*name, VersionRange::any())).collect();
        let result = resolve(&catalog, &asked);
        prop_assert_eq!(result.is_ok(), exists(&catalog, &roots), "{:?}", result);
        if let Ok(chosen) = result {
            prop_assert!(is_allowed(&chosen, &roots), "{:?}", chosen);
            let reversed: Catalog = catalog
                .iter()
                .map(|(name, all)| (name.clone(), all.iter().rev().cloned().collect()))
                .collect();
            let again: Vec<_> = asked.iter().rev().cloned().collect();
            let again = resolve(&reversed, &again).unwrap();
            prop_assert_eq!(chosen, again, "the order of the input does not matter");
        }
    }
}
