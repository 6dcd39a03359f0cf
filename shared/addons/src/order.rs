//! The order in which addons load: dependencies before dependants, then by priority, then by id.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// An addon that is to be ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    pub id: &'a str,
    /// The higher is loaded first.
    pub priority: i64,
    /// The addons that it needs. Those that are not ordered with it are ignored.
    pub dependencies: Vec<&'a str>,
}

/// Addons that need each other: each needs the next, and the last needs the first.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("addons need each other: {}", .0.iter().chain(.0.first()).map(String::as_str).collect::<Vec<_>>().join(" → "))]
pub struct Cycle(pub Vec<String>);

/// Returns the ids in the order in which they load. Each id is given once.
///
/// # Errors
///
/// If addons need each other, with one such circle.
pub fn order<'a>(entries: &[Entry<'a>]) -> Result<Vec<&'a str>, Cycle> {
    let known: BTreeMap<&str, &Entry<'a>> = entries.iter().map(|entry| (entry.id, entry)).collect();
    let mut dependants: BTreeMap<&str, Vec<&Entry<'a>>> = BTreeMap::new();
    let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in known.values() {
        let needed: BTreeSet<&str> =
            entry.dependencies.iter().copied().filter(|id| known.contains_key(id)).collect();
        missing.insert(entry.id, needed.len());
        for id in needed {
            dependants.entry(id).or_default().push(entry);
        }
    }
    let rank = |entry: &Entry<'a>| (entry.priority, Reverse(entry.id));
    let free = known.values().filter(|entry| missing[entry.id] == 0);
    let mut ready: BinaryHeap<_> = free.map(|entry| rank(entry)).collect();
    let mut ordered = Vec::with_capacity(known.len());
    while let Some((_, Reverse(id))) = ready.pop() {
        ordered.push(id);
        missing.remove(id);
        for dependant in dependants.remove(id).into_iter().flatten() {
            let left = missing.entry(dependant.id).or_default();
            *left -= 1;
            if *left == 0 {
                ready.push(rank(dependant));
            }
        }
    }
    match missing.keys().next() {
        None => Ok(ordered),
        Some(first) => Err(cycle(first, &known, &missing)),
    }
}

/// Follows dependencies that are never loaded until one comes again.
fn cycle(first: &str, known: &BTreeMap<&str, &Entry<'_>>, waiting: &BTreeMap<&str, usize>) -> Cycle {
    let mut path: Vec<&str> = vec![first];
    loop {
        let last = known[path[path.len() - 1]];
        let mut waits_for = last.dependencies.iter().copied().filter(|id| waiting.contains_key(id));
        let Some(next) = waits_for.next() else { return Cycle(Vec::new()) };
        if let Some(start) = path.iter().position(|id| *id == next) {
            // Begin with the smallest id, so that the same circle is always told alike.
            let mut circle = path.split_off(start);
            let smallest = circle.iter().enumerate().min_by_key(|(_, id)| **id).map_or(0, |(at, _)| at);
            circle.rotate_left(smallest);
            return Cycle(circle.into_iter().map(str::to_owned).collect());
        }
        path.push(next);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn entry<'a>(id: &'a str, priority: i64, dependencies: &[&'a str]) -> Entry<'a> {
        Entry { id, priority, dependencies: dependencies.to_vec() }
    }

    #[test]
    fn dependencies_come_first_then_priority_then_id() {
        let entries = [
            entry("app", 100, &["mid", "not-in-this-list"]),
            entry("mid", 0, &["base", "base"]),
            entry("base", -5, &[]),
            entry("b", 1, &[]),
            entry("a", 1, &[]),
            entry("urgent", 9, &[]),
        ];
        let expected = ["urgent", "a", "b", "base", "mid", "app"];
        assert_eq!(order(&entries).unwrap(), expected);
        let reversed: Vec<_> = entries.into_iter().rev().collect();
        assert_eq!(order(&reversed).unwrap(), expected, "the order of the list does not matter");
        assert_eq!(order(&[]).unwrap(), [""; 0]);
    }

    #[test]
    fn circle_is_refused_with_its_path() {
        let entries = [
            entry("outside", 0, &["c"]),
            entry("c", 0, &["a"]),
            entry("a", 0, &["b"]),
            entry("b", 0, &["leaf", "c"]),
            entry("leaf", 0, &[]),
        ];
        let circle = order(&entries).unwrap_err();
        assert_eq!(circle.0, ["a", "b", "c"]);
        assert_eq!(circle.to_string(), "addons need each other: a → b → c → a");
        assert_eq!(order(&[entry("self", 0, &["self"])]).unwrap_err().0, ["self"]);
    }
}
