//! Where functions stand in the text: each behind the function that calls it most, so that code
//! that runs together shares cache lines and pages.
//!
//! Clusters of call chains, after Ottoni and Maher, "Optimizing Function Placement for Large-Scale
//! Data-Center Applications" (CGO 2017), section 4, where the name is C³: functions are taken by
//! how often they are called, and the cluster of each is put behind the cluster of its likeliest
//! caller. Without a profile each call counts once, and callees are taken before their callers, so
//! that a function is followed by all that it attracts. Clusters stay in the order of their first
//! functions, which is the order of the module.

use crate::code::{CompiledFunction, RelocationTarget};
use crate::layout::Symbol;
use crate::profile::{Counts, Heat};
use crate::wasm::FuncIndex;
use cranelift_entity::SecondaryMap;
use std::cmp::Reverse;

/// A cluster takes no function in once both have more bytes. Beyond some pages nothing is near.
const LARGEST: u64 = 1 << 14;

/// A caller that makes less than this part of a function's calls does not attract it.
const LEAST_PART: u64 = 10;

/// Puts functions in their order. What a profile found to be hot comes first, and what never ran
/// last.
pub fn arrange(functions: Vec<CompiledFunction>, counts: Option<&Counts>) -> Vec<CompiledFunction> {
    let mut clusters = Clusters::of(functions.iter().map(|function| function.bytes.len() as u64));
    for (callee, caller) in attractions(&functions, counts) {
        clusters.join(caller, callee);
    }
    let mut order = clusters.order();
    if let Some(counts) = counts {
        order.sort_by_key(|&number| heat(counts, functions[number].symbol));
    }
    let mut functions: Vec<_> = functions.into_iter().map(Some).collect();
    order.into_iter().filter_map(|number| functions[number].take()).collect()
}

fn heat(counts: &Counts, symbol: Symbol) -> Heat {
    match symbol {
        Symbol::Function(func) => counts.heat(func),
        _ => Heat::Usual,
    }
}

/// Who calls a function.
#[derive(Copy, Clone, Default)]
struct Calls {
    /// How many calls there are, weighted by how often their functions run.
    total: u64,
    /// The most of one caller, and the caller.
    most: Option<(u64, usize)>,
}

/// Pairs of a callee and the caller that it belongs to, as numbers of functions, in the order in
/// which they are to be joined.
fn attractions(functions: &[CompiledFunction], counts: Option<&Counts>) -> Vec<(usize, usize)> {
    let mut numbers: SecondaryMap<FuncIndex, Option<usize>> = SecondaryMap::new();
    for (number, function) in functions.iter().enumerate() {
        if let Symbol::Function(func) = function.symbol {
            numbers[func] = Some(number);
        }
    }
    let mut calls = vec![Calls::default(); functions.len()];
    for (caller, function) in functions.iter().enumerate() {
        let Symbol::Function(func) = function.symbol else { continue };
        let runs = counts.and_then(|counts| counts.of(func)).map_or(1, |counts| counts[0]);
        let targets = function.relocations.iter().filter_map(|relocation| match relocation.target {
            RelocationTarget::Symbol(Symbol::Function(callee)) => numbers[callee],
            _ => None,
        });
        let mut callees: Vec<_> = targets.filter(|&callee| callee != caller).collect();
        callees.sort_unstable();
        for same in callees.chunk_by(|one, next| one == next) {
            let weight = runs.saturating_mul(same.len() as u64);
            let calls = &mut calls[same[0]];
            calls.total = calls.total.saturating_add(weight);
            if weight > calls.most.map_or(0, |(most, _)| most) {
                calls.most = Some((weight, caller));
            }
        }
    }
    let caller = |calls: &Calls| {
        let (most, caller) = calls.most?;
        (most.saturating_mul(LEAST_PART) >= calls.total).then_some(caller)
    };
    let callers: Vec<_> = calls.iter().map(caller).collect();
    let depths = depths(&callers);
    let weight = |callee: usize| counts.map(|_| calls[callee].total);
    let mut callees: Vec<_> = (0..functions.len()).collect();
    callees.sort_by_key(|&callee| Reverse((weight(callee), depths[callee])));
    callees.into_iter().filter_map(|callee| Some((callee, callers[callee]?))).collect()
}

/// How many callers are above each function, where each has one at most. In a circle each function
/// but one is deeper than its caller.
fn depths(callers: &[Option<usize>]) -> Vec<usize> {
    let mut depths = vec![None; callers.len()];
    for start in 0..callers.len() {
        let mut path = Vec::new();
        let mut above = Some(start);
        while let Some(function) = above.filter(|&function| depths[function].is_none()) {
            depths[function] = Some(0);
            path.push(function);
            above = callers[function];
        }
        let mut depth = above.and_then(|function| depths[function]);
        for function in path.into_iter().rev() {
            depth = Some(depth.map_or(0usize, |depth| depth.saturating_add(1)));
            depths[function] = depth;
        }
    }
    depths.into_iter().map(Option::unwrap_or_default).collect()
}

/// Disjoint sequences of functions.
struct Clusters {
    /// A function of the same cluster, up to the first one, which is its own.
    parents: Vec<usize>,
    /// The function behind each in its cluster.
    next: Vec<Option<usize>>,
    /// The last function and the size of each cluster, at its first function.
    ends: Vec<(usize, u64)>,
}

impl Clusters {
    /// A cluster for each function of these sizes.
    fn of(sizes: impl ExactSizeIterator<Item = u64>) -> Clusters {
        let n_functions = sizes.len();
        Clusters {
            parents: (0..n_functions).collect(),
            next: vec![None; n_functions],
            ends: sizes.enumerate().collect(),
        }
    }

    /// The first function of the cluster.
    fn first(&mut self, mut function: usize) -> usize {
        while self.parents[function] != function {
            let above = self.parents[self.parents[function]];
            self.parents[function] = above;
            function = above;
        }
        function
    }

    /// Puts the cluster that begins with `callee` behind the one of `caller`, if it is another, and
    /// both are small enough. (No function is joined twice, so that each is the first of its own.)
    fn join(&mut self, caller: usize, callee: usize) {
        let (first, behind) = (self.first(caller), self.first(callee));
        let ((last, size), (end, more)) = (self.ends[first], self.ends[behind]);
        let size = size.saturating_add(more);
        if first == behind || behind != callee || size > LARGEST {
            return;
        }
        self.parents[behind] = first;
        self.next[last] = Some(behind);
        self.ends[first] = (end, size);
    }

    /// All functions, cluster by cluster.
    fn order(&self) -> Vec<usize> {
        let firsts = (0..self.parents.len()).filter(|&function| self.parents[function] == function);
        firsts.flat_map(|first| std::iter::successors(Some(first), |&function| self.next[function])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Clusters, LARGEST, depths};

    fn order(sizes: &[u64], joins: &[(usize, usize)]) -> Vec<usize> {
        let mut clusters = Clusters::of(sizes.iter().copied());
        joins.iter().for_each(|&(caller, callee)| clusters.join(caller, callee));
        clusters.order()
    }

    #[test]
    fn callees_stand_behind_their_callers() {
        assert_eq!(order(&[1; 5], &[]), [0, 1, 2, 3, 4]);
        assert_eq!(order(&[1; 5], &[(4, 1), (0, 4)]), [0, 4, 1, 2, 3]);
        assert_eq!(order(&[1; 5], &[(4, 1), (1, 0), (0, 2)]), [3, 4, 1, 0, 2]);
    }

    #[test]
    fn depths_count_callers() {
        assert_eq!(depths(&[None, Some(0), Some(1), Some(0), None]), [0, 1, 2, 1, 0]);
        assert_eq!(depths(&[Some(1), Some(2), None]), [2, 1, 0]);
        // 0 is in the circle of 0, 1, 2; 3 hangs on it.
        assert_eq!(depths(&[Some(1), Some(2), Some(0), Some(0)]), [3, 2, 1, 4]);
    }

    #[test]
    fn circles_end() {
        assert_eq!(order(&[1; 3], &[(0, 2), (2, 0)]), [0, 2, 1]);
        assert_eq!(order(&[1; 3], &[(0, 2), (2, 1), (1, 0)]), [0, 2, 1]);
    }

    #[test]
    fn clusters_have_a_largest_size() {
        assert_eq!(order(&[LARGEST - 1, 1, 1], &[(0, 2), (0, 1)]), [0, 2, 1]);
        assert_eq!(order(&[LARGEST - 1, 1, 1], &[(1, 2), (0, 1)]), [0, 1, 2]);
        assert_eq!(order(&[u64::MAX, 1, 1], &[(0, 2)]), [0, 1, 2]);
    }
}
