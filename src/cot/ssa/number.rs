//! Value numbering: what was computed already, on every way to a place, is not computed there
//! again.

use super::graph::Graph;
use super::rename::Renaming;
use crate::cot::ir::{BlockId, Effect, Function, Op, Value};
use std::collections::HashMap;

/// Requires: SSA form. Leaves: no two instructions without effect, one dominating the other, with
/// the same operator and arguments, of which both are used.
pub fn number(function: &mut Function) {
    let graph = Graph::new(function);
    // The last place where something was computed.
    let mut known: HashMap<(Op, [Value; 3]), (Value, BlockId)> = HashMap::new();
    let mut renaming = Renaming::new(function);
    for block in &graph.order {
        for inst in &mut function.blocks[block.index()].insts {
            inst.args.iter_mut().for_each(|arg| *arg = renaming.get(*arg));
            if inst.op.effect() != Effect::None {
                continue;
            }
            let mut args = [Value(u32::MAX); 3];
            args[..inst.args.len()].copy_from_slice(&inst.args);
            let key = (inst.op.clone(), args);
            match known.get(&key) {
                Some((same, at)) if graph.dominates(*at, *block) => renaming.replace(inst.results[0], *same),
                _ => drop(known.insert(key, (inst.results[0], *block))),
            }
        }
    }
    renaming.apply(function);
}
