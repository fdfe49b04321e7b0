//! Addresses in loops are computed in 32 bits: the low half of a sum is the sum of the low halves.
//! Instructions of 32 bits clear the upper half, which saves its extension at each access.

use super::graph::Graph;
use super::region;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{BlockId, Function, Inst, Op, Type, Value};
use std::collections::{HashMap, HashSet};

/// Requires: SSA form without unreachable blocks. Leaves: SSA form.
pub fn narrow(function: &mut Function) {
    let graph = Graph::new(function);
    let loops = region::innermost_loops(&graph).into_iter().chain(region::loops_around_innermost(&graph));
    let blocks: HashSet<BlockId> = loops.flat_map(|of| of.blocks).collect();
    let n_uses = function.count_uses();
    for block in function.block_ids().filter(|block| blocks.contains(block)) {
        let insts = std::mem::take(&mut function.blocks[block.index()].insts);
        let insts = narrow_block(function, insts, &n_uses);
        function.blocks[block.index()].insts = insts;
    }
}

/// `wrap(add(a, b))` becomes `add(wrap(a), wrap(b))` where it is an address, and the sum nothing
/// else.
fn narrow_block(function: &mut Function, insts: Vec<Inst>, n_uses: &[u32]) -> Vec<Inst> {
    let accesses = insts.iter().filter(|inst| matches!(inst.op, Op::Load { .. } | Op::Store { .. }));
    let addresses: HashSet<Value> = accesses.map(|inst| inst.args[0]).collect();
    let sum = |inst: &Inst| match inst.op {
        Op::Numeric(Numeric::I64Add) if n_uses.get(inst.results[0].index()) == Some(&1) => {
            Some((inst.results[0], [inst.args[0], inst.args[1]]))
        }
        _ => None,
    };
    let sums: HashMap<Value, [Value; 2]> = insts.iter().filter_map(sum).collect();
    let mut narrowed = Vec::with_capacity(insts.len());
    for mut inst in insts {
        if inst.op == Op::Numeric(Numeric::I32WrapI64)
            && addresses.contains(&inst.results[0])
            && let Some(parts) = sums.get(&inst.args[0])
        {
            let op = Op::Numeric(Numeric::I32WrapI64);
            inst.args = parts
                .map(|part| {
                    let low = function.new_value(Type::I32);
                    narrowed.push(Inst {
                        op: op.clone(),
                        args: vec![part],
                        results: vec![low],
                        position: inst.position,
                    });
                    low
                })
                .to_vec();
            inst.op = Op::Numeric(Numeric::I32Add);
        }
        narrowed.push(inst);
    }
    narrowed
}
