//! Loop inversion: a loop that tests its condition at the beginning tests it once before and then
//! at the end of each round, which is a jump less per round, and lets code generators move out of
//! the loop what does not change in it.
//!
//! The block that tests is copied. What it defines has two definitions then: outside it such
//! values go through variables, which `construct` turns into block parameters.

use super::graph::Graph;
use super::region;
use crate::cot::ir::{Block, BlockId, Effect, End, Function};

/// Instructions, without constants, that a test may have to be copied.
const SMALL: usize = 12;

/// Requires: SSA form without unreachable blocks. Leaves: SSA form, where no loop begins with a
/// small test whether to leave it.
pub fn rotate(function: &mut Function) {
    let tests = find_tests(function);
    if tests.is_empty() {
        return;
    }
    let part = (0..).zip(&tests).map(|(number, test)| (test.block, number)).collect();
    region::separate(function, &part);
    for test in tests {
        copy(function, &test);
    }
    super::construct::construct(function);
}

/// A block that begins a loop and tests whether to leave it, and the ends of the rounds.
struct Test {
    block: BlockId,
    latches: Vec<BlockId>,
}

fn find_tests(function: &Function) -> Vec<Test> {
    let graph = Graph::new(function);
    let test = |block: &BlockId| {
        let before = graph.predecessors[block.index()].iter();
        let latches: Vec<_> = before.filter(|it| graph.is_back_edge(**it, *block)).copied().collect();
        let is_loop = !latches.is_empty() && !latches.contains(block);
        (is_loop && leaves(function, &graph, *block, &latches)).then_some(Test { block: *block, latches })
    };
    graph.order.iter().filter(|block| is_small(&function.blocks[block.index()])).filter_map(test).collect()
}

fn is_small(block: &Block) -> bool {
    let is_plain = || block.insts.iter().all(|inst| inst.op.effect() != Effect::Any);
    matches!(block.end, End::Branch { .. }) && block.n_insts() <= SMALL && is_plain()
}

/// Whether exactly one way from the block leads out of the loop that it begins.
fn leaves(function: &Function, graph: &Graph, block: BlockId, latches: &[BlockId]) -> bool {
    let inside = region::inside(graph, block, latches);
    let ways = function.blocks[block.index()].end.successors();
    ways.filter(|way| inside.contains(way)).count() == 1
}

/// The ends of the rounds lead to a copy of the test.
fn copy(function: &mut Function, test: &Test) {
    let copy = region::copy(function, &[test.block]).blocks[&test.block];
    for latch in &test.latches {
        let edges = function.blocks[latch.index()].end.edges_mut();
        edges.filter(|edge| edge.block == test.block).for_each(|edge| edge.block = copy);
    }
}
