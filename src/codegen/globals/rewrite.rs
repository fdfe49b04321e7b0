//! Moves the stores of a global.

use super::access::Place;
use super::flow::Changes;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Block, BlockCall, Function, Inst, InstBuilder, Value, types};

/// Makes the changes.
pub fn apply(func: &mut Function, place: &Place, changes: Changes) {
    for &(block, value) in &changes.at_start {
        let first = func.layout.first_inst(block).expect("a block has a terminator");
        store_before(func, place, first, value);
    }
    for (block, ways) in &changes.between {
        for &(next, value) in ways {
            store_between(func, place, *block, next, value);
        }
    }
    for &(load, value) in &changes.known {
        let result = func.dfg.first_result(load);
        func.dfg.clear_results(load);
        func.dfg.change_to_alias(result, value);
        func.layout.remove_inst(load);
    }
    for store in changes.removed {
        func.layout.remove_inst(store);
    }
}

fn store_before(func: &mut Function, place: &Place, inst: Inst, value: Value) {
    let flags = func.dfg.mem_flags[place.flags];
    let location = func.srcloc(inst);
    let mut cursor = FuncCursor::new(func).at_inst(inst).with_srcloc(location);
    let address = match place.per_thread {
        true => cursor.ins().tls_value(types::I64, place.symbol),
        false => cursor.ins().symbol_value(types::I64, place.symbol),
    };
    cursor.ins().store(flags, value, address, 0);
}

/// A store on the way from a block to another.
fn store_between(func: &mut Function, place: &Place, from: Block, to: Block, value: Value) {
    let branch = func.layout.last_inst(from).expect("a block has a terminator");
    let targets = func.dfg.insts[branch].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables);
    if targets.iter().all(|it| it.block(&func.dfg.value_lists) == to) {
        store_before(func, place, branch, value);
        return;
    }
    let ways: Vec<usize> = (0..targets.len()).filter(|&it| targets[it].block(&func.dfg.value_lists) == to).collect();
    for way in ways {
        let between = func.dfg.make_block();
        func.layout.insert_block_after(between, from);
        let empty = BlockCall::new(between, [], &mut func.dfg.value_lists);
        let dfg = &mut func.dfg;
        let targets = dfg.insts[branch].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
        let target = std::mem::replace(&mut targets[way], empty);
        let arguments: Vec<_> = target.args(&func.dfg.value_lists).collect();
        let location = func.srcloc(branch);
        let jump = FuncCursor::new(func).at_bottom(between).with_srcloc(location).ins().jump(to, &arguments);
        store_before(func, place, jump, value);
    }
}
