//! Tidies a function that bodies were copied into.
//!
//! Requires: all aliases may be there still. Leaves: no block that only one jump leads to, if that
//! jump comes from a block as likely as this; one declaration for each symbol, so that addresses
//! are merged, and with them loads. A loop that was one block before is one block again, if what
//! was copied into it is.

use super::insts;
use cranelift_codegen::ir::{
    Block, BlockArg, ExternalName, Function, GlobalValue, GlobalValueData, InstructionData, Opcode, Value,
};
use cranelift_codegen::packed_option::PackedOption;
use cranelift_entity::SecondaryMap;
use std::collections::HashMap;

pub fn straighten(func: &mut Function) {
    func.dfg.resolve_all_aliases();
    unite_symbols(func);
    unite_blocks(func);
    func.dfg.resolve_all_aliases();
}

/// Copies bring their own declarations.
fn unite_symbols(func: &mut Function) {
    let mut first: HashMap<(ExternalName, i64, bool), GlobalValue> = HashMap::new();
    let mut same: SecondaryMap<GlobalValue, PackedOption<GlobalValue>> = SecondaryMap::new();
    for (value, data) in func.global_values.iter() {
        if let GlobalValueData::Symbol { name, offset, colocated: true, tls } = data {
            same[value] = (*first.entry((name.clone(), offset.bits(), *tls)).or_insert(value)).into();
        }
    }
    for inst in insts(func) {
        if let InstructionData::UnaryGlobalValue { global_value, .. } = &mut func.dfg.insts[inst]
            && let Some(first) = same[*global_value].expand()
        {
            *global_value = first;
        }
    }
}

/// The block that a block always goes on to, and the values of its parameters.
fn goes_on(func: &Function, block: Block) -> Option<(Block, Vec<Value>)> {
    let inst = func.layout.last_inst(block)?;
    let InstructionData::Jump { opcode: Opcode::Jump, destination } = func.dfg.insts[inst] else { return None };
    let args: Option<Vec<Value>> = destination.args(&func.dfg.value_lists).map(|it| BlockArg::as_value(&it)).collect();
    Some((destination.block(&func.dfg.value_lists), args?))
}

/// Appends blocks to the only block that leads to them.
fn unite_blocks(func: &mut Function) {
    let blocks: Vec<_> = func.layout.blocks().collect();
    let mut n_ways: SecondaryMap<Block, u32> = SecondaryMap::new();
    for &block in &blocks {
        let Some(inst) = func.layout.last_inst(block) else { continue };
        let dfg = &func.dfg;
        for call in dfg.insts[inst].branch_destination(&dfg.jump_tables, &dfg.exception_tables) {
            let count = &mut n_ways[call.block(&dfg.value_lists)];
            *count = count.saturating_add(1);
        }
    }
    let entry = func.layout.entry_block();
    let follows = |func: &Function, block: Block| {
        let (next, args) = goes_on(func, block)?;
        let is_alone = n_ways[next] == 1 && Some(next) != entry && next != block;
        (is_alone && func.layout.is_cold(next) == func.layout.is_cold(block)).then_some((next, args))
    };
    // Rows of blocks are taken from their first, so that every instruction is moved once.
    let mut is_first: SecondaryMap<Block, bool> = SecondaryMap::with_default(true);
    for &block in &blocks {
        if let Some((next, _)) = follows(func, block) {
            is_first[next] = false;
        }
    }
    for &block in blocks.iter().filter(|block| is_first[**block]) {
        while let Some((next, args)) = follows(func, block) {
            append(func, block, next, &args);
        }
    }
}

/// Moves the instructions of `next` to the end of `block`, in the place of its jump.
fn append(func: &mut Function, block: Block, next: Block, args: &[Value]) {
    let jump = func.layout.last_inst(block).expect("it ends with a jump");
    func.layout.remove_inst(jump);
    let params: Vec<Value> = func.dfg.block_params(next).to_vec();
    func.dfg.detach_block_params(next);
    for (param, arg) in params.into_iter().zip(args) {
        func.dfg.change_to_alias(param, *arg);
    }
    while let Some(inst) = func.layout.first_inst(next) {
        func.layout.remove_inst(inst);
        func.layout.append_inst(inst, block);
    }
    func.layout.remove_block(next);
}
