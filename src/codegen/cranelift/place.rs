//! Places of instructions that the optimizer made. They have none, and one that gets a load as a
//! part of it would be where a trap is reported.

use cranelift_codegen::ir::{Function, Inst, SourceLoc, Value, ValueDef};

/// Gives instructions without a place that of a load whose result they use.
pub fn complete(func: &mut Function) {
    let mut block = func.layout.entry_block();
    while let Some(current) = block {
        let mut inst = func.layout.first_inst(current);
        while let Some(current) = inst {
            if func.srcloc(current).is_default()
                && let Some(place) = of_load(func, current)
            {
                func.set_srcloc(current, place);
            }
            inst = func.layout.next_inst(current);
        }
        block = func.layout.next_block(current);
    }
}

/// The place of the first load among the operands that can trap.
fn of_load(func: &Function, inst: Inst) -> Option<SourceLoc> {
    let load = |&operand: &Value| match func.dfg.value_def(operand) {
        ValueDef::Result(load, _) if func.dfg.insts[load].opcode().can_load() => {
            let flags = func.dfg.insts[load].memflags();
            let traps = flags.is_some_and(|flags| func.dfg.mem_flags[flags].trap_code().is_some());
            Some(func.srcloc(load)).filter(|place| traps && !place.is_default())
        }
        _ => None,
    };
    func.dfg.inst_args(inst).iter().find_map(load)
}
