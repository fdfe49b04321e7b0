//! What a function does with its globals, block by block.

use crate::abi::builtin::Builtin;
use crate::layout::{Layout, Symbol};
use crate::wasm::GlobalIndex;
use cranelift_codegen::ir::{
    Block, ExternalName, Function, GlobalValue, GlobalValueData, Inst, InstructionData, MemFlags, Opcode, Value,
};
use cranelift_entity::SecondaryMap;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What matters to a global.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Load(GlobalIndex),
    /// The global gets this value.
    Store(GlobalIndex, Value),
    /// Others may read and write every global: a call, or the end of the function.
    Others,
}

/// How a global is reached.
#[derive(Copy, Clone, Debug)]
pub struct Place {
    pub symbol: GlobalValue,
    pub per_thread: bool,
    /// Of the first store.
    pub flags: MemFlags,
}

/// The events of a function.
pub struct Accesses {
    pub by_block: SecondaryMap<Block, Vec<(Inst, Event)>>,
    /// Of the globals that the function stores.
    pub places: BTreeMap<GlobalIndex, Place>,
    /// Globals whose address goes elsewhere.
    escaped: BTreeSet<GlobalIndex>,
}

impl Accesses {
    /// The events of the globals of this module that no host reaches.
    pub fn read(func: &Function, layout: &Layout) -> Accesses {
        let mut it = Accesses { by_block: SecondaryMap::new(), places: BTreeMap::new(), escaped: BTreeSet::new() };
        let mut addresses: HashMap<Value, (GlobalIndex, GlobalValue, bool)> = HashMap::new();
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                if let InstructionData::UnaryGlobalValue { opcode, global_value } = func.dfg.insts[inst] {
                    let global = global_of(func, global_value).filter(|it| !layout.globals_shown.contains(*it));
                    if let Some(global) = global {
                        let per_thread = opcode == Opcode::TlsValue;
                        addresses.insert(func.dfg.first_result(inst), (global, global_value, per_thread));
                    }
                }
            }
        }
        if addresses.is_empty() {
            return it;
        }
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                let value = |value| func.dfg.resolve_aliases(value);
                let (address, event): (bool, Option<Event>) = match func.dfg.insts[inst] {
                    InstructionData::Load { opcode: Opcode::Load, arg, offset, .. } if i32::from(offset) == 0 => {
                        let found = addresses.get(&value(arg));
                        (true, found.map(|found| Event::Load(found.0)))
                    }
                    InstructionData::Store { opcode: Opcode::Store, args: [stored, address], offset, flags }
                        if i32::from(offset) == 0 =>
                    {
                        let found = addresses.get(&value(address)).copied();
                        if let Some((global, symbol, per_thread)) = found {
                            it.places.entry(global).or_insert(Place { symbol, per_thread, flags });
                        }
                        (true, found.map(|found| Event::Store(found.0, value(stored))))
                    }
                    _ => (false, is_for_others(func, inst).then_some(Event::Others)),
                };
                // The last operand of an access is its address; any other use is not understood.
                let others = func.dfg.inst_values(inst).rev().skip(usize::from(address)).map(value);
                it.escaped.extend(others.filter_map(|it| addresses.get(&it)).map(|found| found.0));
                it.by_block[block].extend(event.map(|event| (inst, event)));
            }
        }
        it
    }

    /// The globals that the function stores, in order.
    pub fn stored(&self) -> impl Iterator<Item = GlobalIndex> {
        self.places.keys().copied().filter(|it| !self.escaped.contains(it))
    }

    /// What matters to a global in a block, in order.
    pub fn of(&self, block: Block, global: GlobalIndex) -> impl Iterator<Item = (Inst, Event)> {
        let events = self.by_block[block].iter().copied();
        events.filter(move |(_, event)| match *event {
            Event::Load(it) | Event::Store(it, _) => it == global,
            Event::Others => true,
        })
    }

    pub fn n_stores(&self, global: GlobalIndex) -> usize {
        let events = self.by_block.values().flatten();
        events.filter(|(_, event)| matches!(event, Event::Store(it, _) if *it == global)).count()
    }
}

fn global_of(func: &Function, value: GlobalValue) -> Option<GlobalIndex> {
    match &func.global_values[value] {
        GlobalValueData::Symbol { name: ExternalName::User(name), .. } => match symbol(func, *name) {
            Symbol::Global(global) => Some(global),
            _ => None,
        },
        _ => None,
    }
}

fn symbol(func: &Function, name: cranelift_codegen::ir::UserExternalNameRef) -> Symbol {
    Symbol::decode(&func.params.user_named_funcs()[name])
}

/// Whether an instruction may lead to code that reads globals.
fn is_for_others(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    if opcode.is_return() {
        return true;
    }
    if !opcode.is_call() {
        return false;
    }
    let callee = match func.dfg.insts[inst] {
        InstructionData::Call { func_ref, .. } => match func.dfg.ext_funcs[func_ref].name {
            ExternalName::User(name) => Some(symbol(func, name)),
            _ => None,
        },
        _ => None,
    };
    let Some(Symbol::Builtin(builtin)) = callee else { return true };
    !matches!(
        builtin,
        Builtin::MemoryGrow
            | Builtin::TableGrow
            | Builtin::TableFill
            | Builtin::Memmove
            | Builtin::Memset
            | Builtin::Memcpy
            | Builtin::RaiseTrap
            | Builtin::MemoryWait32
            | Builtin::MemoryWait64
            | Builtin::MemoryNotify
    )
}
