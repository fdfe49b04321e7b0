//! Branches that stay in their loop on the second way, where the other one leaves it: code
//! generators put a block's second way right behind it, so the loop stays together.

use super::fold::opposite;
use super::graph::Graph;
use super::region;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{BlockId, End, Function, Inst, Op};
use std::collections::HashSet;

/// Requires: SSA form without unreachable blocks.
pub fn turn(function: &mut Function) {
    let graph = Graph::new(function);
    let loops = region::innermost_loops(&graph);
    if loops.is_empty() {
        return;
    }
    let n_uses = function.count_uses();
    for of in loops {
        let inside: HashSet<BlockId> = of.blocks.iter().copied().collect();
        for &block in of.blocks.iter().filter(|block| **block != of.latch) {
            let End::Branch { then, otherwise, .. } = &function.blocks[block.index()].end else { continue };
            if inside.contains(&then.block) && !inside.contains(&otherwise.block) {
                turn_block(function, block, &n_uses);
            }
        }
    }
}

fn turn_block(function: &mut Function, block: BlockId, n_uses: &[u32]) {
    let of = &mut function.blocks[block.index()];
    let End::Branch { condition, then, otherwise } = &mut of.end else { return };
    std::mem::swap(then, otherwise);
    let compare = of.insts.iter_mut().find(|inst| inst.results.contains(condition));
    if let Some(Inst { op: Op::Numeric(numeric), .. }) = compare
        && n_uses.get(condition.index()) == Some(&1)
        && let Some(opposite) = opposite(*numeric)
    {
        *numeric = opposite;
        return;
    }
    let wanted = *condition;
    let result = function.new_value(Numeric::I32Eqz.result());
    let of = &mut function.blocks[block.index()];
    let op = Op::Numeric(Numeric::I32Eqz);
    of.insts.push(Inst { op, args: vec![wanted], results: vec![result], position: of.end_position });
    if let End::Branch { condition, .. } = &mut of.end {
        *condition = result;
    }
}
