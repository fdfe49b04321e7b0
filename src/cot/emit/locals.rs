//! Gives every value that needs one a local of WebAssembly: two values share a local if they never
//! live at the same time. Linear scan over the blocks in reverse postorder; a value's interval
//! reaches from its first to its last point of life there, so the order decides quality only.

use super::stack::{Placement, Stack};
use crate::cot::ir::{Function, Type, Value};
use crate::cot::ssa::graph::Graph;
use std::collections::HashMap;

/// The locals of a function.
pub struct Locals {
    /// By value; meaningless for values without a local.
    pub of: Vec<u32>,
    /// Types of the locals after the parameters.
    pub declared: Vec<Type>,
    /// By variable.
    pub of_variables: Vec<u32>,
    /// Of locals that are locals of the source, ascending.
    pub names: Vec<(u32, String)>,
}

#[derive(Copy, Clone, Debug)]
struct Interval {
    value: Value,
    start: usize,
    end: usize,
}

impl Locals {
    pub fn assign(function: &Function, graph: &Graph, stack: &Stack) -> Locals {
        let mut intervals = Lifetimes::find(function, graph, stack);
        intervals.sort_by_key(|interval| (interval.start, interval.value));
        let hints = hints(function, stack);
        let n_params = function.signature.params.len();
        let mut types: Vec<Type> = function.signature.params.clone();
        let mut of = vec![u32::MAX; function.values.len()];
        // Variables are where parameters were.
        let keeps_params = !function.variables.is_empty() || !function.described.is_empty();
        let n_kept = if keeps_params { n_params as u32 } else { 0 };
        // Until when each local is taken.
        let mut taken: Vec<usize> = vec![usize::MAX; n_params];
        for (index, param) in function.blocks[0].params.iter().enumerate() {
            of[param.index()] = index as u32;
            taken[index] = 0;
        }
        for interval in intervals {
            let ty = function.ty(interval.value);
            let is_free = |taken: &[usize], local: u32| {
                local >= n_kept && taken[local as usize] <= interval.start && types[local as usize] == ty
            };
            if of[interval.value.index()] != u32::MAX {
                taken[of[interval.value.index()] as usize] = interval.end;
                continue;
            }
            let wanted = hints.get(&interval.value).into_iter().flatten();
            let wanted = wanted.map(|other| of[other.index()]).find(|it| *it != u32::MAX && is_free(&taken, *it));
            let local = wanted.or_else(|| (0..types.len() as u32).find(|local| is_free(&taken, *local)));
            let local = local.unwrap_or_else(|| {
                types.push(ty);
                taken.push(0);
                types.len() as u32 - 1
            });
            of[interval.value.index()] = local;
            taken[local as usize] = interval.end;
        }
        Locals { of, declared: types.split_off(n_params), of_variables: Vec::new(), names: Vec::new() }
    }

    /// Gives each variable a local of its own, which may be a parameter's.
    pub fn add_variables(&mut self, function: &Function) {
        let n_params = function.signature.params.len();
        let named = || function.named.iter().filter(|it| (it.variable.0 as usize) < function.variables.len());
        let mut params = vec![None; function.variables.len()];
        named().for_each(|it| params[it.variable.0 as usize] = it.param);
        for (param, ty) in params.into_iter().zip(&function.variables) {
            let local = param.unwrap_or_else(|| {
                self.declared.push(*ty);
                (n_params + self.declared.len() - 1) as u32
            });
            self.of_variables.push(local);
        }
        self.names.extend(named().map(|it| (self.of_variables[it.variable.0 as usize], it.name.clone())));
        self.names.sort();
    }
}

/// A parameter and its arguments would like the same local, which saves the move.
fn hints(function: &Function, stack: &Stack) -> HashMap<Value, Vec<Value>> {
    let mut hints: HashMap<Value, Vec<Value>> = HashMap::new();
    for edge in function.blocks.iter().flat_map(|block| block.end.edges()) {
        let params = &function.blocks[edge.block.index()].params;
        for (param, arg) in params.iter().zip(&edge.args) {
            if stack.placement[arg.index()] == Placement::Local {
                hints.entry(*param).or_default().push(*arg);
                hints.entry(*arg).or_default().push(*param);
            }
        }
    }
    hints
}

/// First and last points of life. A point is twice a place in the order of all instructions, plus
/// one after it.
struct Lifetimes<'a> {
    graph: &'a Graph,
    /// Point at which each block starts, and ends.
    bounds: Vec<(usize, usize)>,
    defined_in: Vec<usize>,
    intervals: Vec<Option<Interval>>,
    /// Per block, the value for which it was visited last.
    visited: Vec<Option<Value>>,
}

impl Lifetimes<'_> {
    fn find(function: &Function, graph: &Graph, stack: &Stack) -> Vec<Interval> {
        let n_blocks = function.blocks.len();
        let mut lifetimes = Lifetimes {
            graph,
            bounds: vec![(0, 0); n_blocks],
            defined_in: vec![0; function.values.len()],
            intervals: vec![None; function.values.len()],
            visited: vec![None; n_blocks],
        };
        lifetimes.number(function);
        lifetimes.define(function, stack);
        let mut uses = Vec::new();
        for block in graph.order.iter().map(|block| block.index()) {
            let of = &function.blocks[block];
            let roots = &stack.root[block];
            for (inst, root) in of.insts.iter().zip(roots) {
                uses.extend(inst.args.iter().map(|arg| (*arg, block, *root)));
            }
            uses.extend(of.end.args().map(|arg| (arg, block, of.insts.len())));
        }
        // All uses of a value together, for the marks of visited blocks.
        uses.sort();
        for (value, block, root) in uses {
            if stack.placement[value.index()] == Placement::Local {
                lifetimes.use_at(value, block, root);
            }
        }
        lifetimes.intervals.into_iter().flatten().collect()
    }

    fn number(&mut self, function: &Function) {
        let mut at = 0;
        for block in &self.graph.order {
            let length = 2 * (function.blocks[block.index()].insts.len() + 2);
            self.bounds[block.index()] = (at, at + length - 1);
            at += length;
        }
    }

    fn point(&self, block: usize, root: usize) -> usize {
        self.bounds[block].0 + 2 * (root + 1)
    }

    fn define(&mut self, function: &Function, stack: &Stack) {
        for block in self.graph.order.iter().map(|block| block.index()) {
            let start = self.bounds[block].0;
            let params = function.blocks[block].params.iter().map(|param| (*param, start));
            let insts = function.blocks[block].insts.iter().zip(&stack.root[block]);
            let results =
                insts.flat_map(|(inst, root)| inst.results.iter().map(|it| (*it, self.point(block, *root) + 1)));
            for (value, start) in params.chain(results).collect::<Vec<_>>() {
                if stack.placement[value.index()] == Placement::Local {
                    self.defined_in[value.index()] = block;
                    self.intervals[value.index()] = Some(Interval { value, start, end: start + 1 });
                }
            }
        }
    }

    fn use_at(&mut self, value: Value, block: usize, root: usize) {
        let point = self.point(block, root);
        self.extend(value, point, point);
        let mut work = vec![block];
        while let Some(block) = work.pop() {
            let is_known = self.visited[block].replace(value) == Some(value);
            if is_known || self.defined_in[value.index()] == block {
                continue;
            }
            self.extend(value, self.bounds[block].0, self.bounds[block].0 + 1);
            for predecessor in &self.graph.predecessors[block] {
                let end = self.bounds[predecessor.index()].1;
                let interval = self.intervals[value.index()].as_mut().expect("a value with a local is defined");
                interval.end = interval.end.max(end);
                work.push(predecessor.index());
            }
        }
    }

    fn extend(&mut self, value: Value, from: usize, to: usize) {
        let interval = self.intervals[value.index()].as_mut().expect("a value with a local is defined");
        interval.start = interval.start.min(from);
        interval.end = interval.end.max(to);
    }
}
