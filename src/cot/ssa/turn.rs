//! Branches that stay in their loop on the second way, where the other one leaves it: code
//! generators put a block's second way right behind it, so the loop stays together.

use super::graph::Graph;
use super::region;
use crate::cot::ir::numeric::Numeric;
use crate::cot::ir::{BlockId, End, Function, Inst, Op, Value};
use std::collections::{HashMap, HashSet};

/// Requires: SSA form without unreachable blocks.
pub fn turn(function: &mut Function) {
    let graph = Graph::new(function);
    let loops = region::innermost_loops(&graph);
    if loops.is_empty() {
        return;
    }
    let uses = count_uses(function);
    for of in loops {
        let inside: HashSet<BlockId> = of.blocks.iter().copied().collect();
        for &block in of.blocks.iter().filter(|block| **block != of.latch) {
            let End::Branch { then, otherwise, .. } = &function.blocks[block.index()].end else { continue };
            if inside.contains(&then.block) && !inside.contains(&otherwise.block) {
                turn_block(function, block, &uses);
            }
        }
    }
}

fn count_uses(function: &Function) -> HashMap<Value, usize> {
    let mut uses: HashMap<Value, usize> = HashMap::new();
    for block in &function.blocks {
        let args = block.insts.iter().flat_map(|inst| inst.args.iter().copied());
        args.chain(block.end.args()).for_each(|value| *uses.entry(value).or_default() += 1);
    }
    uses
}

fn turn_block(function: &mut Function, block: BlockId, uses: &HashMap<Value, usize>) {
    let of = &mut function.blocks[block.index()];
    let End::Branch { condition, then, otherwise } = &mut of.end else { return };
    std::mem::swap(then, otherwise);
    let compare = of.insts.iter_mut().find(|inst| inst.results.contains(condition));
    if let Some(Inst { op: Op::Numeric(numeric), .. }) = compare
        && uses.get(condition) == Some(&1)
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

/// The comparison of integers that is true where another one is not.
fn opposite(numeric: Numeric) -> Option<Numeric> {
    use Numeric::*;
    const PAIRS: [(Numeric, Numeric); 10] = [
        (I32Eq, I32Ne),
        (I32LtS, I32GeS),
        (I32LtU, I32GeU),
        (I32GtS, I32LeS),
        (I32GtU, I32LeU),
        (I64Eq, I64Ne),
        (I64LtS, I64GeS),
        (I64LtU, I64GeU),
        (I64GtS, I64LeS),
        (I64GtU, I64LeU),
    ];
    PAIRS.iter().find_map(|&(one, other)| match numeric {
        it if it == one => Some(other),
        it if it == other => Some(one),
        _ => None,
    })
}
