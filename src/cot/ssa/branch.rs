//! Branches whose way is known: below a branch on the same condition, and where a block that only
//! branches on its parameter is reached with an argument that is known.

use super::graph::Graph;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{BlockId, Const, Edge, End, Function, Inst, Op, Value};
use std::collections::HashMap;

/// Requires: SSA form without unreachable blocks, no branch on a negation (`fold` turns those
/// around). Leaves: no branch whose way is known, other than at the beginning of a loop.
pub fn follow(function: &mut Function) {
    let graph = Graph::new(function);
    let facts = Facts::find(function, &graph);
    for block in &graph.order {
        if let End::Branch { condition, then, otherwise } = &function.blocks[block.index()].end
            && let Some(is_true) = facts.at(*condition, *block, &graph)
        {
            let taken = if is_true { then } else { otherwise };
            function.blocks[block.index()].end = End::Jump(taken.clone());
        }
    }
    thread(function, &graph, &facts);
    super::dead::remove_unreachable(function);
}

/// What is known to be zero (false) or not (true).
struct Facts {
    constants: HashMap<Value, bool>,
    /// What a value is the negation of.
    negated: HashMap<Value, Value>,
    /// From which block on, by value.
    below: HashMap<Value, Vec<(BlockId, bool)>>,
}

impl Facts {
    fn find(function: &Function, graph: &Graph) -> Facts {
        let insts = function.blocks.iter().flat_map(|block| &block.insts);
        let constant = |inst: &Inst| match inst.op {
            Op::Const(Const::I32(number)) => Some((inst.results[0], number != 0)),
            _ => None,
        };
        let constants = insts.clone().filter_map(constant).collect();
        let is_negation = |inst: &&Inst| inst.op == Op::Numeric(Numeric::I32Eqz);
        let negated = insts.filter(is_negation).map(|inst| (inst.results[0], inst.args[0])).collect();
        let mut below: HashMap<Value, Vec<(BlockId, bool)>> = HashMap::new();
        for block in &graph.order {
            let [before] = graph.predecessors[block.index()][..] else { continue };
            let End::Branch { condition, then, otherwise } = &function.blocks[before.index()].end else { continue };
            if then.block == otherwise.block {
                continue;
            }
            below.entry(*condition).or_default().push((*block, then.block == *block));
        }
        Facts { constants, negated, below }
    }

    /// What a value is if another one is known.
    fn follows(&self, value: Value, known: (Value, bool)) -> Option<bool> {
        let (of, is_true) = known;
        match self.negated.get(&value) {
            _ if value == of => Some(is_true),
            Some(inner) if *inner == of => Some(!is_true),
            _ => None,
        }
    }

    fn at(&self, value: Value, block: BlockId, graph: &Graph) -> Option<bool> {
        let of = self.below.get(&value).map_or(&[][..], Vec::as_slice);
        let below = || of.iter().find(|(at, _)| graph.dominates(*at, block)).map(|(_, is_true)| *is_true);
        self.constants.get(&value).copied().or_else(below)
    }
}

/// Leads ways past blocks that only branch, where their condition is known on that way.
fn thread(function: &mut Function, graph: &Graph, facts: &Facts) {
    let passable = passable(function, graph);
    for block in &graph.order {
        let end = &function.blocks[block.index()].end;
        // What the way itself says about the condition of the branch at its beginning.
        let branched = if let End::Branch { condition, .. } = end { Some(*condition) } else { None };
        let mut edges: Vec<Edge> = end.edges().cloned().collect();
        for (number, edge) in edges.iter_mut().enumerate() {
            if !passable[edge.block.index()] {
                continue;
            }
            let of = &function.blocks[edge.block.index()];
            let End::Branch { condition, then, otherwise } = &of.end else { continue };
            let arg_of = |value: Value| of.params.iter().position(|param| *param == value).map(|at| edge.args[at]);
            let condition = arg_of(*condition).unwrap_or(*condition);
            let by_way = branched.and_then(|branched| facts.follows(condition, (branched, number == 0)));
            let Some(is_true) = by_way.or_else(|| facts.at(condition, *block, graph)) else { continue };
            let onward = if is_true { then } else { otherwise };
            let args = onward.args.iter().map(|arg| arg_of(*arg).unwrap_or(*arg)).collect();
            *edge = Edge { block: onward.block, args };
        }
        for (edge, new) in function.blocks[block.index()].end.edges_mut().zip(edges) {
            *edge = new;
        }
    }
}

/// Blocks that do nothing but branch, with parameters that nothing else uses. To lead past the
/// beginning of a loop would give the loop a second one.
fn passable(function: &Function, graph: &Graph) -> Vec<bool> {
    let mut passable: Vec<_> = function.blocks.iter().map(|it| it.insts.is_empty() && is_branch(&it.end)).collect();
    let mut param_of: HashMap<Value, usize> = HashMap::new();
    for (number, block) in function.blocks.iter().enumerate() {
        param_of.extend(block.params.iter().map(|param| (*param, number)));
    }
    for (number, block) in function.blocks.iter().enumerate() {
        let args = block.insts.iter().flat_map(|inst| inst.args.iter().copied()).chain(block.end.args());
        for of in args.filter_map(|arg| param_of.get(&arg)).filter(|of| **of != number) {
            passable[*of] = false;
        }
    }
    for block in &graph.order {
        for successor in function.blocks[block.index()].end.successors() {
            passable[successor.index()] &= !graph.is_back_edge(*block, successor);
        }
    }
    passable[BlockId::ENTRY.index()] = false;
    passable
}

fn is_branch(end: &End) -> bool {
    matches!(end, End::Branch { .. })
}
