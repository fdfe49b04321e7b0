//! What is done to loops, innermost ones first, and to what that leaves.

use super::{branch, conjunct, copy, dead, fold, graph, jam, narrow, number, reduce, version};
use crate::cot::ir::Function;

/// Requires: SSA form without unreachable blocks, loops that test at the end. Leaves: SSA form.
pub fn optimize(function: &mut Function) {
    if !graph::has_loop(function) {
        return;
    }
    // Constants and equal values are found first.
    clean(function);
    let mut is_changed = false;
    for step in [version::remove_checks, jam::jam, version::remove_outer_checks] {
        if step(function) {
            clean(function);
            is_changed = true;
        }
    }
    if is_changed {
        conjunct::simplify(function);
        dead::remove(function);
    }
    reduce::reduce(function);
    narrow::narrow(function);
}

fn clean(function: &mut Function) {
    copy::propagate(function);
    fold::fold(function);
    number::number(function);
    branch::follow(function);
    dead::remove(function);
}
