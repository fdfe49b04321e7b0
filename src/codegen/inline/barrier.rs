//! Keeps traps of accesses in the function that they are in.
//!
//! Cranelift makes one instruction of a load and what uses it, which has one place: that of the
//! user. Where the two are in different copies, a trap would be reported of the wrong function. So
//! an instruction without code, which nothing is merged across, stands between them.

use super::origin::Origins;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Function, InstBuilder, Opcode};

/// Separates loads that may trap from what follows them in another function.
pub fn separate(func: &mut Function, origins: &Origins) {
    if origins.inlined().is_empty() {
        return;
    }
    let mut cursor = FuncCursor::new(func);
    while cursor.next_block().is_some() {
        // Where a load is from that nothing stands after yet.
        let mut load = None;
        while let Some(inst) = cursor.next_inst() {
            let place = cursor.func.srcloc(inst);
            let scope = origins.origin(place).scope;
            let opcode = cursor.func.dfg.insts[inst].opcode();
            // Nothing is merged with these.
            let is_end = matches!(opcode, Opcode::Return | Opcode::Jump);
            if load.is_some_and(|load| load != scope) && !is_end {
                cursor.ins().sequence_point();
                load = None;
            }
            if opcode.is_call() || opcode.can_store() {
                load = None;
            } else if opcode.can_load() && cursor.func.dfg.insts[inst].memflags_trap_code(&cursor.func.dfg).is_some() {
                load = Some(scope);
            }
        }
    }
}
