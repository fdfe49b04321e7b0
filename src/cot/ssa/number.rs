//! Value numbering: what was computed already, on every way to a place, is not computed there again.

use super::graph::Graph;
use crate::cot::ir::{BlockId, Effect, Function, Op, Value};
use std::collections::HashMap;

/// Requires: SSA form. Leaves: no two instructions without effect, one dominating the other, with the same operator and arguments, of
/// which both are used.
pub fn number(function: &mut Function) {
    let graph = Graph::new(function);
    // The last place where something was computed.
    let mut known: HashMap<(Op, Vec<Value>), (Value, BlockId)> = HashMap::new();
    let mut replaced: HashMap<Value, Value> = HashMap::new();
    for block in &graph.order {
        for inst in &mut function.blocks[block.index()].insts {
            inst.args.iter_mut().for_each(|arg| *arg = replaced.get(arg).copied().unwrap_or(*arg));
            if inst.op.effect() != Effect::None {
                continue;
            }
            let key = (inst.op.clone(), inst.args.clone());
            match known.get(&key) {
                Some((same, at)) if graph.dominates(*at, *block) => drop(replaced.insert(inst.results[0], *same)),
                _ => drop(known.insert(key, (inst.results[0], *block))),
            }
        }
    }
    super::replace_values(function, |value| replaced.get(&value).copied());
}
