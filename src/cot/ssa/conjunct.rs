//! Conditions lose the parts that hold already: below a branch on a conjunction all its parts are
//! true.

use super::graph::Graph;
use super::rename::Renaming;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{BlockId, Const, End, Function, Op, Type, Value};
use std::collections::{HashMap, HashSet};

const TRUE: Const = Const::I32(1);

/// Parts of one condition that are noted.
const MOST_PARTS: usize = 200;

/// Requires: SSA form without unreachable blocks. Leaves: SSA form.
pub fn simplify(function: &mut Function) {
    let parts = conjunctions(function);
    if parts.is_empty() {
        return;
    }
    let graph = Graph::new(function);
    let known = find(function, &graph, &parts);
    let holds = |value: Value, block: BlockId| {
        known.get(&value).is_some_and(|from| from.iter().any(|it| graph.dominates(*it, block)))
    };
    let mut renaming = Renaming::new(function);
    for block in &graph.order {
        for inst in &function.blocks[block.index()].insts {
            let [result] = inst.results[..] else { continue };
            match parts.get(&result) {
                Some([left, right]) if holds(*left, *block) => renaming.replace(result, *right),
                Some([left, right]) if holds(*right, *block) => renaming.replace(result, *left),
                _ => {}
            }
        }
    }
    renaming.apply(function);
}

/// By their results, the operands of conjunctions of values that are 0 or 1.
fn conjunctions(function: &Function) -> HashMap<Value, [Value; 2]> {
    let mut parts = HashMap::new();
    let mut truths: HashSet<Value> = HashSet::new();
    for block in super::graph::order(function) {
        for inst in &function.blocks[block.index()].insts {
            let is_truth = match inst.op {
                Op::Const(constant) => constant == TRUE,
                Op::Numeric(Numeric::I32And) => inst.args.iter().all(|arg| truths.contains(arg)),
                Op::Numeric(numeric) => is_comparison(numeric),
                _ => false,
            };
            if is_truth {
                truths.extend(&inst.results);
            }
            if is_truth && inst.op == Op::Numeric(Numeric::I32And) {
                parts.insert(inst.results[0], [inst.args[0], inst.args[1]]);
            }
        }
    }
    parts
}

/// Of 64-bit integers: those that tests before loops are made of.
fn is_comparison(numeric: Numeric) -> bool {
    numeric.parameters() == [Type::I64, Type::I64] && numeric.result() == Type::I32
}

/// From which blocks on a value is known to be 1.
fn find(function: &Function, graph: &Graph, parts: &HashMap<Value, [Value; 2]>) -> HashMap<Value, Vec<BlockId>> {
    let mut known: HashMap<Value, Vec<BlockId>> = HashMap::new();
    for block in &graph.order {
        for inst in function.blocks[block.index()].insts.iter().filter(|inst| inst.op == Op::Const(TRUE)) {
            known.entry(inst.results[0]).or_default().push(*block);
        }
        let [before] = graph.predecessors[block.index()][..] else { continue };
        let End::Branch { condition, then, otherwise } = &function.blocks[before.index()].end else { continue };
        if then.block != *block || otherwise.block == *block || !parts.contains_key(condition) {
            continue;
        }
        let mut seen = HashSet::new();
        let mut work = vec![*condition];
        while let Some(value) = work.pop().filter(|_| seen.len() < MOST_PARTS) {
            if seen.insert(value) {
                known.entry(value).or_default().push(*block);
                work.extend(parts.get(&value).into_iter().flatten());
            }
        }
    }
    known
}
