//! Where, when and in which world each addon of a page runs, as `chrome.userScripts.register` takes it.
//!
//! Chromium runs the scripts of one call in the order of their ids, whatever their order in the list; scripts of
//! an earlier `runAt` run first whatever their ids; two worlds share no globals; and `matches` and `allFrames`
//! hold for one script alone (measured with Chromium 156). So an addon that others need must run at least where
//! they run, at least as early, and in their world.

use std::collections::{BTreeMap, BTreeSet};

use crate::area::{Area, Region};

/// When a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunAt {
    DocumentStart,
    DocumentEnd,
    DocumentIdle,
}

impl RunAt {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DocumentStart => "document_start",
            Self::DocumentEnd => "document_end",
            Self::DocumentIdle => "document_idle",
        }
    }
}

/// The world of a script: its own, or that of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum World {
    UserScript,
    Main,
}

impl World {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserScript => "USER_SCRIPT",
            Self::Main => "MAIN",
        }
    }
}

/// On which pages an addon runs by itself, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub region: Region,
    pub run_at: RunAt,
    pub all_frames: bool,
}

/// An addon of a page. Style sheets and addons that are never injected have no place here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script<'a> {
    pub id: &'a str,
    pub world: World,
    /// Empty if the addon is only there for others.
    pub rules: &'a [Rule],
    /// The addons of the page that it needs.
    pub needs: Vec<&'a str>,
}

/// One script of a page, in one world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement<'a> {
    /// `0003.my-addon`: the position makes Chromium run the scripts in this order.
    pub script_id: String,
    pub addon: &'a str,
    pub world: World,
    pub area: Area<'a>,
    pub run_at: RunAt,
    pub all_frames: bool,
}

/// What is asked of an addon in one world. Several rules of one addon are one script, which Chromium runs once on a
/// page: as early as any of them asks.
#[derive(Clone)]
struct Wanted {
    /// By their position among the regions of all rules.
    regions: BTreeSet<usize>,
    run_at: RunAt,
    all_frames: bool,
}

impl Wanted {
    fn extend(&mut self, other: &Self) {
        self.regions.extend(&other.regions);
        self.run_at = self.run_at.min(other.run_at);
        self.all_frames |= other.all_frames;
    }
}

/// Places the scripts of a page. `scripts` are in the order in which they load, so dependencies come before those
/// that need them. A script that is needed in two worlds is placed once for each; one that neither has a rule nor
/// is needed is not placed.
#[must_use]
pub fn place<'a>(scripts: &[Script<'a>]) -> Vec<Placement<'a>> {
    let mut wanted: BTreeMap<(&str, World), Wanted> = BTreeMap::new();
    let mut regions: Vec<&'a Region> = Vec::new();
    // Dependants first, so that what is asked of them is complete when it is handed on.
    for script in scripts.iter().rev() {
        for rule in script.rules {
            let own = Wanted {
                regions: BTreeSet::from([regions.len()]),
                run_at: rule.run_at,
                all_frames: rule.all_frames,
            };
            regions.push(&rule.region);
            extend(&mut wanted, (script.id, script.world), &own);
        }
        for world in [World::UserScript, World::Main] {
            let Some(asked) = wanted.get(&(script.id, world)).cloned() else { continue };
            for needed in &script.needs {
                extend(&mut wanted, (needed, world), &asked);
            }
        }
    }
    let placed =
        scripts.iter().flat_map(|script| [World::UserScript, World::Main].map(|world| (script.id, world)));
    let placed = placed
        .filter_map(|(addon, world)| wanted.remove(&(addon, world)).map(|wanted| (addon, world, wanted)));
    let placement = |(position, (addon, world, wanted)): (usize, (&'a str, World, Wanted))| Placement {
        script_id: format!("{position:04}.{addon}"),
        addon,
        world,
        area: Area::new(wanted.regions.iter().map(|at| regions[*at]).collect()),
        run_at: wanted.run_at,
        all_frames: wanted.all_frames,
    };
    placed.enumerate().map(placement).collect()
}

fn extend<'a>(wanted: &mut BTreeMap<(&'a str, World), Wanted>, key: (&'a str, World), asked: &Wanted) {
    wanted.entry(key).and_modify(|known| known.extend(asked)).or_insert_with(|| asked.clone());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(path: &str) -> crate::pattern::MatchPattern {
        format!("*://a.example/{path}").parse().unwrap()
    }

    fn rule(matches: &[&str], excludes: &[&str], run_at: RunAt, all_frames: bool) -> Rule {
        let read = |list: &[&str]| list.iter().map(|one| pattern(one)).collect();
        Rule { region: Region { matches: read(matches), excludes: read(excludes) }, run_at, all_frames }
    }

    fn script<'a>(id: &'a str, world: World, rules: &'a [Rule], needs: &[&'a str]) -> Script<'a> {
        Script { id, world, rules, needs: needs.to_vec() }
    }

    fn text(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(|one| one.strip_prefix("*://a.example/").unwrap()).collect()
    }

    #[test]
    fn dependency_runs_wherever_and_as_early_as_those_that_need_it() {
        let (mid, app, alone) = (
            [rule(&["b*"], &[], RunAt::DocumentIdle, false)],
            [rule(&["a*"], &["bx", "ax"], RunAt::DocumentStart, true)],
            [rule(&["c", "c"], &["y"], RunAt::DocumentEnd, false)],
        );
        let placed = place(&[
            script("base", World::UserScript, &[], &[]),
            script("mid", World::UserScript, &mid, &["base"]),
            script("app", World::UserScript, &app, &["mid"]),
            script("alone", World::UserScript, &alone, &[]),
            script("unused", World::UserScript, &[], &[]),
        ]);
        let ids: Vec<_> = placed.iter().map(|one| one.script_id.as_str()).collect();
        assert_eq!(ids, ["0000.base", "0001.mid", "0002.app", "0003.alone"]);
        for one in &placed[..2] {
            assert_eq!(text(&one.area.matches()), ["a*", "b*"], "{one:?}");
            assert_eq!(text(&one.area.excludes()), ["ax"], "mid runs on bx by its own rule");
            assert_eq!((one.run_at, one.all_frames), (RunAt::DocumentStart, true), "{one:?}");
        }
        let (app, alone) = (&placed[2], &placed[3]);
        assert_eq!((text(&app.area.matches()), text(&app.area.excludes())), (vec!["a*"], vec!["ax", "bx"]));
        assert_eq!((text(&alone.area.matches()), alone.run_at), (vec!["c"], RunAt::DocumentEnd));
        assert!(!alone.all_frames);
    }

    #[test]
    fn addon_needed_in_two_worlds_is_placed_in_each() {
        let own = |path| [rule(&[path], &["x"], RunAt::DocumentIdle, false)];
        let (page, content) = (own("m"), own("u"));
        let placed = place(&[
            script("lib", World::UserScript, &[], &[]),
            script("page", World::Main, &page, &["lib"]),
            script("content", World::UserScript, &content, &["lib"]),
        ]);
        let found: Vec<_> = placed
            .iter()
            .map(|one| (one.script_id.as_str(), one.world.as_str(), one.area.matches()))
            .collect();
        let found: Vec<_> = found.iter().map(|(id, world, matches)| (*id, *world, text(matches))).collect();
        assert_eq!(
            found,
            [
                ("0000.lib", "USER_SCRIPT", vec!["u"]),
                ("0001.lib", "MAIN", vec!["m"]),
                ("0002.page", "MAIN", vec!["m"]),
                ("0003.content", "USER_SCRIPT", vec!["u"]),
            ]
        );
        assert_eq!(text(&placed[0].area.excludes()), ["x"]);
    }

    #[test]
    fn rules_of_one_addon_are_one_script() {
        let rules = [
            rule(&["b*", "a*"], &["ax", "cx"], RunAt::DocumentIdle, false),
            rule(&["c*"], &["y"], RunAt::DocumentStart, true),
        ];
        let placed = place(&[script("app", World::Main, &rules, &[])]);
        assert_eq!(placed.len(), 1);
        assert_eq!(text(&placed[0].area.matches()), ["a*", "b*", "c*"]);
        assert_eq!(text(&placed[0].area.excludes()), ["ax", "y"], "the other rule runs on cx");
        assert_eq!((placed[0].run_at.as_str(), placed[0].all_frames), ("document_start", true));
    }

    #[test]
    fn ids_sort_in_the_order_in_which_scripts_run() {
        let ids: Vec<String> = (0..1_200).map(|number| format!("z{}", 1_200 - number)).collect();
        let rules = [rule(&["a"], &[], RunAt::DocumentIdle, false)];
        let scripts: Vec<_> = ids.iter().map(|id| script(id, World::UserScript, &rules, &[])).collect();
        let placed = place(&scripts);
        assert!(placed.is_sorted_by(|one, next| one.script_id.as_bytes() < next.script_id.as_bytes()));
        assert!(placed.iter().zip(&ids).all(|(one, id)| one.addon == id));
    }
}
