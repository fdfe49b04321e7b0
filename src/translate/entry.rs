//! Where the outside enters, besides exports: C's `main` of a program, and what a library defines
//! for its host on its own.

use super::thunk::{own_parameters, thunk};
use super::translator::Translator;
use super::types::POINTER;
use super::{Env, begin, convention};
use crate::abi::builtin::Builtin;
use crate::abi::memory::Memory;
use crate::abi::program::{Program, READY};
use crate::layout::Symbol;
use crate::number::to_displacement;
use crate::wasm::{FuncIndex, MemoryIndex};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, InstBuilder, MemFlagsData, Signature, StackSlotData, StackSlotKind, Type, Value, types,
};
use std::mem::offset_of;

/// `int main(int argc, char **argv, char **envp)`: hands over to the runtime, with the program's
/// description.
pub fn main(env: &Env, out: &mut ir::Function) {
    begin(out, Symbol::Main, signature(env, &[types::I32, POINTER, POINTER], types::I32));
    thunk(env, out, |it, params| {
        let program = it.address_of(Symbol::Program);
        let status = it.call_builtin(Builtin::Main, &[params[0], params[1], params[2], program]);
        it.builder.ins().return_(&[status.expect("the runtime returns the exit status")]);
    });
}

/// `int PREFIX_init(void)`.
pub fn library_init(env: &Env, out: &mut ir::Function) {
    begin(out, Symbol::LibraryInit, host_signature(env, &[], types::I32));
    thunk(env, out, |it, _| {
        let program = it.address_of(Symbol::Program);
        let status = it.call_builtin(Builtin::LibraryInit, &[program]);
        it.builder.ins().return_(&[status.expect("the runtime returns 0 or an error")]);
    });
}

/// `int PREFIX_reset(void)`.
pub fn library_reset(env: &Env, out: &mut ir::Function) {
    begin(out, Symbol::LibraryReset, host_signature(env, &[], types::I32));
    thunk(env, out, |it, _| {
        let program = it.address_of(Symbol::Program);
        let status = it.call_builtin(Builtin::LibraryReset, &[program]);
        it.builder.ins().return_(&[status.expect("the runtime returns 0 or an error")]);
    });
}

/// `int PREFIX_configure(const w2n_config *config)`.
pub fn library_configure(env: &Env, out: &mut ir::Function) {
    begin(out, Symbol::LibraryConfigure, host_signature(env, &[POINTER], types::I32));
    thunk(env, out, |it, params| {
        let program = it.address_of(Symbol::Program);
        let status = it.call_builtin(Builtin::LibraryConfigure, &[program, own_parameters(env, params)[0]]);
        it.builder.ins().return_(&[status.expect("the runtime returns 0 or an error")]);
    });
}

/// `int PREFIX_interrupt(void)`, and `int PREFIX_cancel_interrupt(void)`.
pub fn library_interrupt(env: &Env, symbol: Symbol, out: &mut ir::Function) {
    begin(out, symbol, host_signature(env, &[], types::I32));
    thunk(env, out, |it, _| {
        let program = it.address_of(Symbol::Program);
        let is_wanted = it.iconst(types::I32, i64::from(symbol == Symbol::LibraryInterrupt));
        let status = it.call_builtin(Builtin::LibraryInterrupt, &[program, is_wanted]);
        it.builder.ins().return_(&[status.expect("the runtime returns 0 or an error")]);
    });
}

/// `void *PREFIX_memory(void)`.
pub fn memory_base(env: &Env, memory: MemoryIndex, out: &mut ir::Function) {
    memory_field(env, Symbol::MemoryBase(memory), memory, offset_of!(Memory, base), out);
}

/// `size_t PREFIX_memory_size(void)`.
pub fn memory_size(env: &Env, memory: MemoryIndex, out: &mut ir::Function) {
    memory_field(env, Symbol::MemorySize(memory), memory, offset_of!(Memory, bytes), out);
}

/// `int64_t PREFIX_memory_grow(uint64_t pages)`: as the instruction, which counts in the memory's
/// pages.
pub fn memory_growth(env: &Env, memory: MemoryIndex, out: &mut ir::Function) {
    begin(out, Symbol::MemoryGrowth(memory), host_signature(env, &[types::I64], types::I64));
    thunk(env, out, |it, params| {
        it.ensure_initialized();
        let descriptor = it.address_of(Symbol::Memory(memory));
        let old = it.call_builtin(Builtin::MemoryGrow, &[descriptor, own_parameters(env, params)[0]]);
        it.builder.ins().return_(&[old.expect("the runtime returns the old size")]);
    });
}

/// `w2n_handle PREFIX_ref_new(w2n_anyref reference)` and the others that concern handles.
pub fn library_reference(env: &Env, symbol: Symbol, builtin: Builtin, out: &mut ir::Function) {
    let mut signature = host_signature(env, &[POINTER], types::I64);
    if builtin.result().is_empty() {
        signature.returns.clear();
    }
    begin(out, symbol, signature);
    thunk(env, out, |it, params| {
        it.ensure_initialized();
        let heap = it.address_of(Symbol::Heap);
        let result = it.call_builtin(builtin, &[heap, own_parameters(env, params)[0]]);
        it.builder.ins().return_(result.as_slice());
    });
}

fn memory_field(env: &Env, symbol: Symbol, memory: MemoryIndex, offset: usize, out: &mut ir::Function) {
    begin(out, symbol, host_signature(env, &[], POINTER));
    thunk(env, out, |it, _| {
        it.ensure_initialized();
        let descriptor = it.address_of(Symbol::Memory(memory));
        let value = it.builder.ins().load(POINTER, MemFlagsData::trusted(), descriptor, to_displacement(offset));
        it.builder.ins().return_(&[value]);
    });
}

fn signature(env: &Env, params: &[Type], result: Type) -> Signature {
    let mut signature = Signature::new(env.target.default_call_conv);
    signature.params.extend(params.iter().map(|&ty| convention::extended(env, ty)));
    signature.returns.push(convention::extended(env, result));
    signature
}

/// As [`signature`], of a function for the host of a library.
fn host_signature(env: &Env, params: &[Type], result: Type) -> Signature {
    let instance = if env.instances { &[POINTER][..] } else { &[] };
    signature(env, &[instance, params].concat(), result)
}

impl Translator<'_> {
    /// Calls a function for an export, and keeps [`Program::entered`] meanwhile.
    pub fn call_from_outside(&mut self, func: FuncIndex, args: &[Value]) -> Vec<Value> {
        self.ensure_initialized();
        let program = self.address_of(Symbol::Program);
        let slot = StackSlotData::new(StackSlotKind::ExplicitSlot, POINTER.bytes(), 3);
        let slot = self.builder.create_sized_stack_slot(slot);
        let entered = to_displacement(offset_of!(Program, entered));
        let around = self.builder.ins().load(POINTER, MemFlagsData::trusted(), program, entered);
        let word = self.builder.ins().stack_addr(POINTER, slot, 0);
        self.builder.ins().store(MemFlagsData::trusted(), around, word, 0);
        self.builder.ins().store(MemFlagsData::trusted(), word, program, entered);
        let results = self.call_any(func, args);
        let around = self.builder.ins().load(POINTER, MemFlagsData::trusted(), word, 0);
        self.builder.ins().store(MemFlagsData::trusted(), around, program, entered);
        results
    }

    /// A host may call an export before it has initialized the library: then this does it.
    pub fn ensure_initialized(&mut self) {
        let program = self.address_of(Symbol::Program);
        let state = self.iconst(POINTER, to_displacement(offset_of!(Program, state)).into());
        let state = self.builder.ins().iadd(program, state);
        // Another thread may have done it.
        let state = self.builder.ins().atomic_load(types::I32, MemFlagsData::trusted(), state);
        let ready = self.iconst(types::I32, i64::from(READY));
        let is_ready = self.builder.ins().icmp(IntCC::Equal, state, ready);
        let (start, go_on) = (self.builder.create_block(), self.builder.create_block());
        self.builder.set_cold_block(start);
        self.builder.ins().brif(is_ready, go_on, &[], start, &[]);
        self.builder.seal_block(start);
        self.builder.switch_to_block(start);
        self.call_builtin(Builtin::LibraryStart, &[program]);
        self.builder.ins().jump(go_on, &[]);
        self.builder.seal_block(go_on);
        self.builder.switch_to_block(go_on);
    }
}
