//! Conflict-directed backjumping.

use std::collections::BTreeSet;

use super::problem::{Addon, Edge, Index, Problem};
use super::{Conflict, MAX_STEPS, ResolveError};

/// The release that asks for something; `None` is the page itself.
type Asker = Option<(Addon, Index)>;

/// Returns the chosen release of each addon.
pub(super) fn solve<'a>(problem: &'a Problem<'a>) -> Result<Vec<Option<Index>>, ResolveError> {
    let mut search = Search::new(problem);
    for root in &problem.roots {
        search.ask(None, root);
    }
    match search.run() {
        Outcome::Solved => {}
        // The first conflict is about the newest releases, which an author understands best.
        Outcome::Back(_) => return Err(ResolveError::Conflict(search.describe(search.first.as_ref()))),
        Outcome::TooManySteps => return Err(ResolveError::TooTangled(search.describe(search.last.as_ref()))),
    }
    search.add_optional();
    Ok(search.chosen)
}

enum Outcome {
    Solved,
    /// Another choice must be made for one of these addons.
    Back(BTreeSet<Addon>),
    TooManySteps,
}

/// A conflict that was met: the addon, and all that is asked of it.
struct Met<'a> {
    addon: Addon,
    wanted: Vec<(Asker, &'a Edge<'a>)>,
}

struct Search<'a> {
    problem: &'a Problem<'a>,
    chosen: Vec<Option<Index>>,
    /// What the chosen releases ask of each addon.
    wanted: Vec<Vec<(Asker, &'a Edge<'a>)>>,
    /// By addon and release: how many of the ranges exclude it.
    excluded: Vec<Vec<u32>>,
    /// How many releases of each addon no range excludes.
    fitting: Vec<usize>,
    /// How many need the addon.
    needed: Vec<u32>,
    steps: usize,
    first: Option<Met<'a>>,
    last: Option<Met<'a>>,
}

impl<'a> Search<'a> {
    fn new(problem: &'a Problem<'a>) -> Self {
        let releases: Vec<usize> = problem.candidates.iter().map(Vec::len).collect();
        Self {
            problem,
            chosen: vec![None; releases.len()],
            wanted: vec![Vec::new(); releases.len()],
            excluded: releases.iter().map(|count| vec![0; *count]).collect(),
            needed: vec![0; releases.len()],
            fitting: releases,
            steps: 0,
            first: None,
            last: None,
        }
    }

    fn ask(&mut self, asker: Asker, edge: &'a Edge<'a>) {
        self.wanted[edge.to].push((asker, edge));
        self.needed[edge.to] += u32::from(!edge.optional);
        for (excluded, _) in
            self.excluded[edge.to].iter_mut().zip(&edge.allowed).filter(|(_, allowed)| !**allowed)
        {
            *excluded += 1;
            self.fitting[edge.to] -= usize::from(*excluded == 1);
        }
    }

    /// Takes back the last that was asked of the addon.
    fn take_back(&mut self, edge: &'a Edge<'a>) {
        self.wanted[edge.to].pop();
        self.needed[edge.to] -= u32::from(!edge.optional);
        for (excluded, _) in
            self.excluded[edge.to].iter_mut().zip(&edge.allowed).filter(|(_, allowed)| !**allowed)
        {
            *excluded -= 1;
            self.fitting[edge.to] += usize::from(*excluded == 0);
        }
    }

    /// The addon to choose next: one with the fewest releases that fit, so that conflicts show early.
    fn next(&self) -> Option<Addon> {
        let open =
            (0..self.chosen.len()).filter(|addon| self.needed[*addon] > 0 && self.chosen[*addon].is_none());
        open.min_by_key(|addon| self.fitting[*addon])
    }

    fn run(&mut self) -> Outcome {
        let Some(addon) = self.next() else { return Outcome::Solved };
        let mut culprits = self.askers(addon);
        if self.fitting[addon] == 0 {
            self.met(addon);
        }
        for index in 0..self.problem.candidates[addon].len() {
            if self.excluded[addon][index] > 0 {
                continue;
            }
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return Outcome::TooManySteps;
            }
            match self.choose(addon, index) {
                Outcome::Back(mut others) => {
                    if !others.remove(&addon) {
                        // Another release of this addon does not help.
                        return Outcome::Back(others);
                    }
                    culprits.append(&mut others);
                }
                outcome @ (Outcome::Solved | Outcome::TooManySteps) => return outcome,
            }
        }
        Outcome::Back(culprits)
    }

    /// Tries one release: `Back` always names the addon itself if another release of it may help.
    fn choose(&mut self, addon: Addon, index: Index) -> Outcome {
        let problem = self.problem;
        let edges = &problem.candidates[addon][index].edges;
        self.chosen[addon] = Some(index);
        let mut outcome = None;
        let mut asked = 0;
        for edge in edges {
            self.ask(Some((addon, index)), edge);
            asked += 1;
            let fits = match self.chosen[edge.to] {
                Some(chosen) => edge.allowed[chosen],
                None => self.needed[edge.to] == 0 || self.fitting[edge.to] > 0,
            };
            if !fits {
                self.met(edge.to);
                let mut culprits = self.askers(edge.to);
                if self.chosen[edge.to].is_some() {
                    // Another choice there may help too.
                    culprits.insert(edge.to);
                }
                culprits.insert(addon);
                outcome = Some(Outcome::Back(culprits));
                break;
            }
        }
        let outcome = outcome.unwrap_or_else(|| self.run());
        if !matches!(outcome, Outcome::Solved) {
            for edge in edges[..asked].iter().rev() {
                self.take_back(edge);
            }
            self.chosen[addon] = None;
        }
        outcome
    }

    fn askers(&self, addon: Addon) -> BTreeSet<Addon> {
        self.wanted[addon].iter().filter_map(|(asker, _)| asker.map(|(asker, _)| asker)).collect()
    }

    fn met(&mut self, addon: Addon) {
        let met = || Met { addon, wanted: self.wanted[addon].clone() };
        if self.first.is_none() {
            self.first = Some(met());
        }
        self.last = Some(met());
    }

    fn describe(&self, met: Option<&Met<'a>>) -> Conflict {
        met.map_or_else(Conflict::default, |met| self.problem.conflict(met.addon, &met.wanted))
    }

    /// Adds optional addons, one by one, without another choice for those that are chosen.
    fn add_optional(&mut self) {
        let mut tried = BTreeSet::new();
        while let Some(edge) = self.open_option(&tried) {
            tried.insert(edge.to);
            let before = self.chosen.clone();
            self.needed[edge.to] += 1;
            // Choices made before are not open any more, so the search cannot change them.
            if !matches!(self.run(), Outcome::Solved) {
                self.needed[edge.to] -= 1;
                self.chosen = before;
            }
        }
    }

    /// An optional addon of a chosen release that is not chosen and was not tried.
    fn open_option(&self, tried: &BTreeSet<Addon>) -> Option<&'a Edge<'a>> {
        let problem = self.problem;
        let chosen =
            self.chosen.iter().zip(&problem.candidates).filter_map(|(index, all)| Some(&all[(*index)?]));
        let options = chosen.flat_map(|candidate| &candidate.edges).filter(|edge| edge.optional);
        options
            .filter(|edge| self.chosen[edge.to].is_none() && !tried.contains(&edge.to))
            .min_by_key(|edge| edge.to)
    }
}
