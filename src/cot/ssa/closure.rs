//! Calls of closures that are known: of one that the function makes itself, or of a function's
//! name, whose object is static data. Such a call needs no look at the table.
//!
//! The first word of a closure's object is the index of its function in the table. It is written
//! where the object is made and never changes; so a call through the word at an address, which
//! passes that very address on, calls the function whose index was written there.

use crate::cot::ir::module::Module;
use crate::cot::ir::{Access, Const, FuncId, Function, Inst, Op, Value};
use std::collections::HashMap;

/// The functions of the closures that a function makes or names, and what is made by constants.
struct Closures {
    constants: HashMap<Value, i32>,
    /// By the address of an object; none where two different indices are written.
    made: HashMap<Value, Option<FuncId>>,
    /// The address that a word was loaded from.
    loaded: HashMap<Value, Value>,
}

impl Closures {
    fn find(function: &Function, module: &Module) -> Closures {
        let mut found = Closures { constants: HashMap::new(), made: HashMap::new(), loaded: HashMap::new() };
        let insts = || function.blocks.iter().flat_map(|block| &block.insts);
        for inst in insts() {
            if let Op::Const(Const::I32(number)) = inst.op {
                found.constants.insert(inst.results[0], number);
            } else if inst.op == (Op::Load { access: Access::Pointer, offset: 0 }) {
                found.loaded.insert(inst.results[0], inst.args[0]);
            }
        }
        for inst in insts().filter(|inst| inst.op == (Op::Store { access: Access::Pointer, offset: 0 })) {
            let index = found.constants.get(&inst.args[1]);
            let func = index.and_then(|index| module.table.get((*index as u32 as usize).checked_sub(1)?)).copied();
            let known = found.made.entry(inst.args[0]).or_insert(func);
            *known = known.filter(|it| Some(*it) == func);
        }
        found
    }

    fn function_of(&self, closure: Value, module: &Module) -> Option<FuncId> {
        let named = || module.closures.get(&(*self.constants.get(&closure)? as u32)).copied();
        self.made.get(&closure).copied().flatten().or_else(named)
    }

    /// What a call through the table calls, with the same types.
    fn callee(&self, inst: &Inst, module: &Module) -> Option<FuncId> {
        let Op::CallIndirect(signature) = &inst.op else { return None };
        let (closure, index) = (*inst.args.first()?, inst.args.last()?);
        let func = self.function_of(closure, module).filter(|_| self.loaded.get(index) == Some(&closure))?;
        (module.functions[func.0 as usize].signature == *signature).then_some(func)
    }
}

/// Requires: SSA form. Leaves: no call through the table of a closure that is known. Returns the
/// blocks with calls that are direct now.
pub fn call_directly(function: &mut Function, module: &Module) -> Vec<usize> {
    let is_indirect = |inst: &Inst| matches!(inst.op, Op::CallIndirect(_));
    if !function.blocks.iter().flat_map(|block| &block.insts).any(is_indirect) {
        return Vec::new();
    }
    let closures = Closures::find(function, module);
    let mut changed = Vec::new();
    for (number, block) in function.blocks.iter_mut().enumerate() {
        for inst in &mut block.insts {
            if let Some(func) = closures.callee(inst, module) {
                inst.op = Op::Call(func);
                inst.args.pop();
                changed.push(number);
            }
        }
    }
    changed.dedup();
    changed
}

/// The functions whose closures a function makes or names: what it may come to call directly.
pub fn made_in(function: &Function, module: &Module) -> Vec<FuncId> {
    if module.table.is_empty() {
        return Vec::new();
    }
    let closures = Closures::find(function, module);
    let named = closures.constants.values().filter_map(|address| module.closures.get(&(*address as u32)));
    let mut all: Vec<_> = closures.made.values().flatten().chain(named).copied().collect();
    all.sort();
    all.dedup();
    all
}
