//! Parts of a function that are copied: which blocks make a loop, their copies, and values that
//! leave a part which will have two definitions of them.

use super::graph::Graph;
use crate::cot::ir::{Block, BlockId, End, Function, Inst, Op, Value, Variable};
use std::collections::{HashMap, HashSet};

/// A loop with one way back to its beginning.
pub struct Loop {
    pub header: BlockId,
    /// Where the way back starts.
    pub latch: BlockId,
    /// The header and all others, in the order of the graph.
    pub blocks: Vec<BlockId>,
}

/// Loops without another loop inside. Requires: no unreachable blocks.
pub fn innermost_loops(graph: &Graph) -> Vec<Loop> {
    loops(graph, 1)
}

/// Loops in which others lie, but no deeper ones. Requires: no unreachable blocks.
pub fn loops_around_innermost(graph: &Graph) -> Vec<Loop> {
    loops(graph, 2)
}

/// Loops of a height: 1 for innermost ones.
fn loops(graph: &Graph, height: usize) -> Vec<Loop> {
    let latches = |block: BlockId| {
        let before = graph.predecessors[block.index()].iter();
        before.filter(move |it| graph.is_back_edge(**it, block)).copied()
    };
    let mut heights: HashMap<BlockId, usize> = HashMap::new();
    let mut found = Vec::new();
    // Inner headers come after outer ones.
    for &header in graph.order.iter().rev() {
        let latches: Vec<_> = latches(header).collect();
        if latches.is_empty() {
            continue;
        }
        let inside = inside(graph, header, &latches);
        let below = inside.iter().filter_map(|block| heights.get(block)).max();
        let own = 1 + below.copied().unwrap_or(0);
        heights.insert(header, own);
        let is_entered_above = inside.iter().all(|it| graph.dominates(header, *it));
        if let [latch] = latches[..]
            && own == height
            && is_entered_above
        {
            let mut blocks: Vec<_> = inside.into_iter().collect();
            blocks.sort_by_key(|block| graph.place(*block));
            found.push(Loop { header, latch, blocks });
        }
    }
    found.reverse();
    found
}

/// The blocks on the ways from a loop's beginning to the ends of its rounds.
pub fn inside(graph: &Graph, header: BlockId, latches: &[BlockId]) -> HashSet<BlockId> {
    let mut inside = HashSet::from([header]);
    let mut work = latches.to_vec();
    while let Some(next) = work.pop() {
        if inside.insert(next) {
            work.extend(&graph.predecessors[next.index()]);
        }
    }
    inside
}

/// What blocks define: the instruction; none for a parameter.
pub fn definitions(function: &Function, blocks: &[BlockId]) -> HashMap<Value, Option<Inst>> {
    let blocks = blocks.iter().map(|block| &function.blocks[block.index()]);
    let insts = blocks.clone().flat_map(|block| &block.insts);
    let results = insts.flat_map(|inst| inst.results.iter().map(move |it| (*it, Some(inst.clone()))));
    let params = blocks.flat_map(|block| &block.params).map(|param| (*param, None));
    results.chain(params).collect()
}

/// Lets what the blocks of a part define be read through variables outside of it; `part` numbers
/// the part of a block. `construct` turns the variables into values again.
pub fn separate(function: &mut Function, part: &HashMap<BlockId, usize>) {
    let mut home: HashMap<Value, BlockId> = HashMap::new();
    for block in part.keys() {
        let Block { params, insts, .. } = &function.blocks[block.index()];
        let defined = params.iter().chain(insts.iter().flat_map(|inst| &inst.results));
        home.extend(defined.map(|value| (*value, *block)));
    }
    let mut variables: HashMap<Value, Variable> = HashMap::new();
    for block_id in function.block_ids() {
        let mut block = std::mem::replace(&mut function.blocks[block_id.index()], empty());
        let mut gets: HashMap<Value, Value> = HashMap::new();
        let mut get = |value: Value| match home.get(&value) {
            Some(at) if part.get(&block_id) != part.get(at) => *gets.entry(value).or_insert_with(|| {
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
        function.blocks[block_id.index()] = block;
    }
    let mut variables: Vec<_> = variables.into_iter().collect();
    variables.sort();
    for (value, variable) in variables {
        let insts = &mut function.blocks[home[&value].index()].insts;
        insts.push(Inst { op: Op::Set(variable), args: vec![value], results: Vec::new(), position: None });
    }
}

/// What stands for blocks and values in a copy.
#[derive(Default)]
pub struct Copied {
    pub blocks: HashMap<BlockId, BlockId>,
    pub values: HashMap<Value, Value>,
}

impl Copied {
    pub fn value(&self, value: Value) -> Value {
        self.values.get(&value).copied().unwrap_or(value)
    }
}

/// Copies blocks, none of which ends in a switch, after all others. Ways between them lead to the
/// copies.
pub fn copy(function: &mut Function, blocks: &[BlockId]) -> Copied {
    let mut copied = Copied::default();
    for &block in blocks {
        copied.blocks.insert(block, BlockId(function.blocks.len() as u32));
        let mut copy = function.blocks[block.index()].clone();
        for value in copy.params.iter_mut().chain(copy.insts.iter_mut().flat_map(|inst| &mut inst.results)) {
            let new = function.new_value(function.values[value.index()]);
            copied.values.insert(*value, new);
            *value = new;
        }
        function.blocks.push(copy);
    }
    for copy in copied.blocks.values() {
        let block = &mut function.blocks[copy.index()];
        block.insts.iter_mut().flat_map(|inst| &mut inst.args).for_each(|arg| *arg = copied.value(*arg));
        block.end.map_args(|arg| copied.value(arg));
        for edge in block.end.edges_mut() {
            edge.block = copied.blocks.get(&edge.block).copied().unwrap_or(edge.block);
        }
    }
    copied
}

/// Stands in for a block while it is in work.
fn empty() -> Block {
    Block { params: Vec::new(), insts: Vec::new(), end: End::Unreachable, end_position: None }
}
