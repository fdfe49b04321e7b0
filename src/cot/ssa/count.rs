//! Redundant reference counting: a retain and the release of the same object behind it, with nothing in between that could release it or
//! look
//! at its count, cancel each other out.

use crate::cot::ir::{Block, Effect, Function, Op};

/// Requires: SSA form. Leaves: fewer retains and releases.
pub fn remove_pairs(function: &mut Function) {
    for block in &mut function.blocks {
        while let Some((retain, release)) = find_pair(block) {
            block.insts.remove(release);
            block.insts.remove(retain);
        }
    }
}

fn find_pair(block: &Block) -> Option<(usize, usize)> {
    for (start, retain) in block.insts.iter().enumerate().filter(|(_, inst)| inst.op == Op::Retain) {
        for (offset, inst) in block.insts[start + 1..].iter().enumerate() {
            match &inst.op {
                Op::Release if inst.args == retain.args => return Some((start, start + 1 + offset)),
                // Neither runs code of the program.
                Op::Retain | Op::Store { .. } | Op::MemoryCopy | Op::MemoryFill => {}
                op if op.effect() != Effect::Any => {}
                _ => break,
            }
        }
    }
    None
}
