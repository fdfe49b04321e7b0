//! Loops whose rounds each run an inner loop that adds up floating-point numbers: what `jam` takes.

use super::graph::Graph;
use super::region::{self, Loop};
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{BlockId, Effect, End, Function, Inst, Op, Value};
use std::collections::{HashMap, HashSet};

/// Instructions, without constants, that the inner loop, and the rest of a round, may have.
const LARGE: usize = 40;
/// Those of the path, which has the tests of `version`, and its blocks.
const LARGE_PATH: usize = 120;

/// A round of the outer loop goes along `path`, in whose last block it enters `inner`, and from
/// that through `rest` to the next round.
pub struct Nest {
    pub header: BlockId,
    /// From the header on: they compute, and branch.
    pub path: Vec<BlockId>,
    /// A loop of one block, which stores nothing.
    pub inner: BlockId,
    /// The first of `rest`.
    pub exit: BlockId,
    pub rest: Vec<BlockId>,
    /// The last of `rest`.
    pub latch: BlockId,
    /// What is neither in `rest` nor outside.
    pub front: Vec<BlockId>,
}

/// Requires: no unreachable blocks.
pub fn find(function: &Function, graph: &Graph) -> Vec<Nest> {
    let inner = region::innermost_loops(graph).into_iter().filter(|it| it.blocks.len() == 1 && adds_up(function, it));
    inner.filter_map(|it| around(function, graph, it.header)).collect()
}

/// Whether a sum or product of floating-point numbers goes from round to round, and nothing is
/// stored or called.
fn adds_up(function: &Function, of: &Loop) -> bool {
    let block = &function.blocks[of.header.index()];
    let is_plain = |inst: &Inst| matches!(inst.op, Op::Load { .. }) || inst.op.effect() == Effect::None;
    let Some(edge) = block.end.edges().find(|edge| edge.block == of.header) else { return false };
    let is_carried = |inst: &Inst| {
        let is_chain = matches!(
            inst.op,
            Op::Numeric(
                Numeric::F64Add
                    | Numeric::F64Sub
                    | Numeric::F64Mul
                    | Numeric::F32Add
                    | Numeric::F32Sub
                    | Numeric::F32Mul
            )
        );
        let mut carried = block.params.iter().zip(&edge.args).filter(|(_, next)| inst.results.contains(next));
        is_chain && carried.any(|(param, _)| inst.args.contains(param))
    };
    function.n_insts(&[of.header]) <= LARGE
        && matches!(block.end, End::Branch { .. })
        && block.insts.iter().all(is_plain)
        && block.insts.iter().any(is_carried)
}

/// The loop around an inner one.
fn around(function: &Function, graph: &Graph, inner: BlockId) -> Option<Nest> {
    let exit = function.blocks[inner.index()].end.edges().find(|edge| edge.block != inner)?.block;
    let entered_from = |block: BlockId| {
        let mut before = graph.predecessors[block.index()].iter().filter(|it| **it != block).copied();
        before.next().filter(|_| before.next().is_none())
    };
    let is_latch_of = |latch: BlockId, header: BlockId| graph.is_back_edge(latch, header);
    // Up to a block that something leads back to.
    let mut path = vec![entered_from(inner)?];
    let latch = loop {
        let top = *path.last().filter(|_| path.len() <= LARGE_PATH)?;
        let before = &graph.predecessors[top.index()];
        let mut latches = before.iter().filter(|it| is_latch_of(**it, top)).copied();
        match (latches.next(), latches.next()) {
            (Some(latch), None) => break latch,
            (None, _) => path.push(entered_from(top).filter(|it| !path.contains(it))?),
            (Some(_), Some(_)) => return None,
        }
    };
    path.reverse();
    let header = path[0];
    let is_pure = |inst: &Inst| inst.op.effect() == Effect::None;
    let computes = |block: &BlockId| {
        let of = &function.blocks[block.index()];
        let ends_well = matches!(of.end, End::Branch { .. } | End::Jump(_));
        ends_well && of.insts.iter().all(is_pure) && (*block == header || of.params.is_empty())
    };
    if function.n_insts(&path) > LARGE_PATH || !path.iter().all(computes) || !graph.dominates(exit, latch) {
        return None;
    }
    let inside = region::inside(graph, header, &[latch]);
    let is_entered_above = inside.iter().all(|it| graph.dominates(header, *it));
    if !is_entered_above || !inside.contains(&inner) || !inside.contains(&exit) {
        return None;
    }
    let mut inside: Vec<_> = inside.into_iter().collect();
    inside.sort_by_key(|block| graph.place(*block));
    let (rest, front): (Vec<_>, Vec<_>) = inside.into_iter().partition(|it| graph.dominates(exit, *it));
    let is_plain =
        |inst: &Inst| matches!(inst.op, Op::Load { .. } | Op::Store { .. }) || inst.op.effect() == Effect::None;
    let is_simple = |block: &BlockId| {
        let of = &function.blocks[block.index()];
        !matches!(of.end, End::Switch { .. }) && of.insts.iter().all(is_plain)
    };
    let is_fit = function.n_insts(&rest) <= LARGE
        && rest.iter().all(is_simple)
        && rest.iter().all(|it| *it == exit || graph.predecessors[it.index()].iter().all(|it| rest.contains(it)))
        && !front.contains(&latch);
    is_fit.then_some(Nest { header, path, inner, exit, rest, latch, front })
}

/// The parameters of the inner loop that are the same in two rounds of the outer one: they begin
/// with a value that `changes` does not have, and go on with what is made of such values.
pub fn shared_params(
    function: &Function,
    inner: BlockId,
    first: &[Value],
    changes: &HashMap<Value, Value>,
) -> HashSet<Value> {
    let block = &function.blocks[inner.index()];
    let begins = block.params.iter().zip(first).filter(|(_, first)| !changes.contains_key(first));
    let mut shared: HashSet<Value> = begins.map(|(param, _)| *param).collect();
    let edge = block.end.edges().find(|edge| edge.block == inner).expect("it is a loop");
    loop {
        let same = same_values(function, inner, &shared, changes);
        let is_same = |value: &Value| match same.get(value) {
            Some(is_same) => *is_same,
            None => !changes.contains_key(value),
        };
        let goes_on = block.params.iter().zip(&edge.args).filter(|(_, next)| is_same(next)).map(|(param, _)| *param);
        let next: HashSet<Value> = goes_on.filter(|param| shared.contains(param)).collect();
        if next.len() == shared.len() {
            return shared;
        }
        shared = next;
    }
}

/// For what the inner loop defines, whether it is the same in both rounds.
pub fn same_values(
    function: &Function,
    inner: BlockId,
    shared: &HashSet<Value>,
    changes: &HashMap<Value, Value>,
) -> HashMap<Value, bool> {
    let block = &function.blocks[inner.index()];
    let mut same: HashMap<Value, bool> = block.params.iter().map(|param| (*param, shared.contains(param))).collect();
    for inst in &block.insts {
        let is_same = |arg: &Value| same.get(arg).copied().unwrap_or(!changes.contains_key(arg));
        let all = inst.op.effect() == Effect::None && inst.args.iter().all(is_same);
        same.extend(inst.results.iter().map(|result| (*result, all)));
    }
    same
}
