//! Functions at the edge: from the C convention to the internal one, and back.

use super::signature;
use super::translator::{Translator, little_endian, trap_code};
use super::types::value_type;
use super::{Env, State, begin};
use crate::abi::builtin::Builtin;
use crate::abi::trap::Trap;
use crate::abi::value::Value as Slot;
use crate::layout::Symbol;
use crate::number::to_displacement;
use crate::wasm::{EntityIndex, FuncIndex};
use cranelift_codegen::ir::{self, InstBuilder, MemFlagsData, Value, types};

pub fn export(env: &Env, func: FuncIndex, out: &mut ir::Function) {
    let ty = env.module.function_type(func);
    begin(out, Symbol::Export(func), signature::export(env, ty));
    thunk(env, out, |it, params| {
        let params = own_parameters(env, params);
        if is_initializer(env, func) {
            it.ensure_initialized();
            it.builder.ins().return_(&[]);
            return;
        }
        if !signature::returns_structure(ty) {
            let args = it.take_from_host(ty.params(), params);
            let results = it.call_from_outside(func, &args);
            let results = it.pass_to_c(ty.results(), &results);
            it.builder.ins().return_(&results);
            return;
        }
        let (structure, params) = params.split_first().expect("the pointer to the results comes first");
        let args = it.take_from_host(ty.params(), params);
        let results = it.call_from_outside(func, &args);
        let (offsets, _) = signature::results_structure(env, ty);
        for (result, offset) in results.into_iter().zip(offsets) {
            it.builder.ins().store(MemFlagsData::trusted(), result, *structure, to_displacement(offset));
        }
        it.builder.ins().return_(&[]);
    });
}

/// What follows the instance.
pub fn own_parameters<'v>(env: &Env, params: &'v [Value]) -> &'v [Value] {
    if env.instances { &params[1..] } else { params }
}

/// Whether the function is a reactor's `_initialize` and nothing else. The library's initialization
/// calls it, and WASI wants it to be called once ("Current Unstable ABI" in WASI's application
/// ABI).
fn is_initializer(env: &Env, func: FuncIndex) -> bool {
    let ty = env.module.function_type(func);
    let mut names = env.module.exports.iter().filter(|export| export.entity == EntityIndex::Function(func));
    ty.params().is_empty() && ty.results().is_empty() && names.all(|export| export.name == "_initialize")
}

pub fn array_entry(env: &Env, func: FuncIndex, out: &mut ir::Function) {
    let ty = env.module.function_type(func);
    begin(out, Symbol::ArrayEntry(func), signature::array_entry(&env.target));
    thunk(env, out, |it, params| {
        let slots = params[0];
        let load =
            |(i, &param): (usize, _)| it.builder.ins().load(value_type(param), slot_flags(), slots, slot_offset(i));
        let args: Vec<_> = ty.params().iter().enumerate().map(load).collect();
        let results = it.call_any(func, &args);
        for (i, result) in results.into_iter().enumerate() {
            it.store_slot(result, slots, slot_offset(i));
        }
        it.builder.ins().return_(&[]);
    });
}

pub fn import(env: &Env, func: FuncIndex, out: &mut ir::Function) {
    begin(out, Symbol::Function(func), signature::internal(env.module.function_type(func)));
    thunk(env, out, |it, params| {
        if env.undefined.contains(&func) {
            return it.call_undefined(func);
        }
        let results = it.call_import(func, params);
        it.builder.ins().return_(&results);
    });
}

pub fn thunk(env: &Env, out: &mut ir::Function, body: impl FnOnce(&mut Translator, &[Value])) {
    let mut state = State::default();
    let (mut translator, _) = Translator::new(env, &mut state, out);
    let params = translator.open_entry();
    body(&mut translator, &params);
    translator.finish();
}

impl Translator<'_> {
    /// Calls a function, defined or imported.
    pub fn call_any(&mut self, func: FuncIndex, args: &[Value]) -> Vec<Value> {
        if self.is_foreign(func) {
            return self.call_import(func, args);
        }
        let callee = self.callee(Symbol::Function(func));
        let call = self.builder.ins().call(callee, args);
        self.results(call).to_vec()
    }

    /// The end of a call of an import that nothing defines. The runtime finds its name by its
    /// entry.
    fn call_undefined(&mut self, func: FuncIndex) {
        let entry = self.address_of(Symbol::Function(func));
        let callee = self.callee(Symbol::Builtin(Builtin::UndefinedImport));
        self.builder.ins().call(callee, &[entry]);
        self.builder.ins().trap(trap_code(Trap::Unreachable));
    }

    /// Fills a whole slot: the number in the low bytes, zero above.
    fn store_slot(&mut self, value: Value, slots: Value, offset: i32) {
        let value = match self.type_of(value) {
            types::F32 => self.builder.ins().bitcast(types::I32, little_endian(), value),
            types::F64 => self.builder.ins().bitcast(types::I64, little_endian(), value),
            _ => value,
        };
        if self.type_of(value).is_vector() {
            self.builder.ins().store(slot_flags(), value, slots, offset);
            return;
        }
        let low = self.widen(value);
        self.builder.ins().store(slot_flags(), low, slots, offset);
        let high = self.iconst(types::I64, 0);
        let above = offset.checked_add(8).expect("a type has at most 1000 results");
        self.builder.ins().store(slot_flags(), high, slots, above);
    }
}

fn slot_flags() -> MemFlagsData {
    MemFlagsData::trusted().with_endianness(ir::Endianness::Little)
}

fn slot_offset(i: usize) -> i32 {
    to_displacement(i.checked_mul(size_of::<Slot>()).expect("a type has at most 1000 parameters"))
}
