//! Loop inversion: a loop that tests its condition at the beginning tests it once before and then
//! at the end of each round, which is a jump less per round, and lets code generators move out of
//! the loop what does not change in it.
//!
//! The block that tests is copied. What it defines has two definitions then: outside it such
//! values go through variables, which `construct` turns into block parameters.

use super::graph::Graph;
use crate::cot::ir::{Block, BlockId, Edge, Effect, End, Function, Inst, Op, Value, Variable};
use std::collections::{HashMap, HashSet};

/// Instructions, without constants, that a test may have to be copied.
const SMALL: usize = 12;

/// Requires: SSA form without unreachable blocks. Leaves: SSA form, where no loop begins with a
/// small test whether to leave it.
pub fn rotate(function: &mut Function) {
    let tests = find_tests(function);
    if tests.is_empty() {
        return;
    }
    separate(function, &tests);
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
    let n_insts = block.insts.iter().filter(|inst| !matches!(inst.op, Op::Const(_))).count();
    let is_plain = || block.insts.iter().all(|inst| inst.op.effect() != Effect::Any);
    matches!(block.end, End::Branch { .. }) && n_insts <= SMALL && is_plain()
}

/// Whether exactly one way from the block leads out of the loop that it begins.
fn leaves(function: &Function, graph: &Graph, block: BlockId, latches: &[BlockId]) -> bool {
    let mut inside = HashSet::from([block]);
    let mut work = latches.to_vec();
    while let Some(next) = work.pop() {
        if inside.insert(next) {
            work.extend(&graph.predecessors[next.index()]);
        }
    }
    let ways = function.blocks[block.index()].end.successors();
    ways.filter(|way| inside.contains(way)).count() == 1
}

/// Lets what the tests define be read through variables in all other blocks.
fn separate(function: &mut Function, tests: &[Test]) {
    let mut home: HashMap<Value, BlockId> = HashMap::new();
    for Test { block, .. } in tests {
        let Block { params, insts, .. } = &function.blocks[block.index()];
        let defined = params.iter().chain(insts.iter().flat_map(|inst| &inst.results));
        home.extend(defined.map(|value| (*value, *block)));
    }
    let mut variables: HashMap<Value, Variable> = HashMap::new();
    for number in 0..function.blocks.len() {
        let mut block = std::mem::replace(&mut function.blocks[number], empty());
        let mut gets: HashMap<Value, Value> = HashMap::new();
        let mut get = |value: Value| match home.get(&value) {
            Some(at) if at.index() != number => *gets.entry(value).or_insert_with(|| {
                variables.entry(value).or_insert_with(|| {
                    function.variables.push(function.values[value.index()]);
                    Variable(function.variables.len() as u32 - 1)
                });
                function.new_value(function.values[value.index()])
            }),
            _ => value,
        };
        block.insts.iter_mut().flat_map(|inst| &mut inst.args).for_each(|arg| *arg = get(*arg));
        block.end.map_args(get);
        let mut reads: Vec<_> = gets.into_iter().collect();
        reads.sort();
        let read = |(value, result)| {
            let op = Op::Get(variables[&value]);
            Inst { op, args: Vec::new(), results: vec![result], position: None }
        };
        block.insts.splice(0..0, reads.into_iter().map(read));
        function.blocks[number] = block;
    }
    let mut variables: Vec<_> = variables.into_iter().collect();
    variables.sort();
    for (value, variable) in variables {
        let insts = &mut function.blocks[home[&value].index()].insts;
        insts.push(Inst { op: Op::Set(variable), args: vec![value], results: Vec::new(), position: None });
    }
}

/// The ends of the rounds lead to a copy of the test.
fn copy(function: &mut Function, test: &Test) {
    let mut block = function.blocks[test.block.index()].clone();
    let mut values: HashMap<Value, Value> = HashMap::new();
    let results = block.insts.iter_mut().flat_map(|inst| &mut inst.results);
    for value in block.params.iter_mut().chain(results) {
        let new = function.new_value(function.values[value.index()]);
        values.insert(*value, new);
        *value = new;
    }
    let map = |value: Value| values.get(&value).copied().unwrap_or(value);
    block.insts.iter_mut().flat_map(|inst| &mut inst.args).for_each(|arg| *arg = map(*arg));
    block.end.map_args(map);
    let copy = BlockId(function.blocks.len() as u32);
    function.blocks.push(block);
    let is_round = |edge: &&mut Edge| edge.block == test.block;
    for latch in &test.latches {
        let edges = function.blocks[latch.index()].end.edges_mut();
        edges.filter(is_round).for_each(|edge| edge.block = copy);
    }
}

/// Stands in for a block while it is in work.
fn empty() -> Block {
    Block { params: Vec::new(), insts: Vec::new(), end: End::Unreachable, end_position: None }
}
