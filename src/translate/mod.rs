//! Translation: from the operators of a function body to CLIF.
//!
//! In: a [`Module`] with its [`Facts`] and [`Layout`]. Out: one [`ir::Function`] a call, named by
//! its encoded [`Symbol`], every instruction carrying the byte offset of its operator in the module
//! file. Bodies are validated here, operator by operator, so that they are read once. Functions
//! call each other in the convention [`CallConv::Tail`]; the platform's C convention is spoken to
//! imports, to the runtime and in thunks. No context is passed anywhere: memories, tables and
//! globals are symbols.
//!
//! One file per area of operators; `operator.rs` holds the table that says which is which. To add
//! an operator: an arm there, and a method in its area. Settings that the code generator must have:
//! `enable_multi_ret_implicit_sret`, for functions with more results than registers;
//! `preserve_frame_pointers`, for functions that hold tail calls.
//!
//! [`CallConv::Tail`]: cranelift_codegen::isa::CallConv::Tail
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod allocate;
mod arrays;
mod atomic;
mod body;
mod bulk;
pub mod c_abi;
mod call;
mod callback;
mod cast;
mod control;
mod convention;
mod entry;
mod exception;
mod foreign;
mod frames;
pub mod initialize;
mod interrupt;
mod keep;
mod legacy;
pub mod locals;
mod memory;
mod numeric;
mod operator;
mod pointer;
pub mod profile;
mod reference;
pub mod signature;
mod simd;
mod structs;
pub mod symbols;
mod table;
mod thunk;
mod translator;
mod types;
mod variadic;

use crate::abi::builtin::Builtin;
use crate::abi::trap::Trap;
use crate::analyze::Facts;
use crate::debug::stacked::Stacked;
use crate::foreign::Foreign;
use crate::layout::{Layout, Symbol};
use crate::profile::Profiling;
use crate::resolve::Linkage;
use crate::wasm::{FuncIndex, Module};
use anyhow::{Context, Result, bail};
use c_abi::CAbi;
use cranelift_codegen::ir;
use cranelift_codegen::ir::TrapCode;
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::FunctionBuilderContext;
use locals::{Locals, Notes};
use profile::Passes;
use std::collections::BTreeSet;
use wasmparser::{FuncValidatorAllocations, ValType};

/// What every function of a module is translated with.
#[derive(Copy, Clone)]
pub struct Env<'a> {
    pub module: &'a Module<'a>,
    pub facts: &'a Facts,
    pub layout: &'a Layout,
    /// Which imports other modules of the program define.
    pub linkage: &'a Linkage,
    /// How C functions that are declared want their arguments.
    pub foreign: &'a Foreign,
    /// What the platform's C convention asks for beyond what Cranelift knows of it.
    pub c: CAbi,
    /// Function imports that nothing defines: a call is a trap.
    pub undefined: &'a BTreeSet<FuncIndex>,
    /// Function imports that get the host's pointer before their arguments.
    pub with_data: &'a BTreeSet<FuncIndex>,
    /// Functions for the host take an instance before their arguments, which says where their code
    /// is: they pass over it.
    pub instances: bool,
    pub target: TargetFrontendConfig,
    /// Mask what a compare found outside; see `Translator::guard`.
    pub spectre_masks: bool,
    /// Code reads the page [`Symbol::PollPage`] where it can be interrupted.
    pub interruptible: bool,
    pub profiling: &'a Profiling,
    /// What debuggers are told of locals.
    pub locals: Locals,
    /// And of the operand stack.
    pub stacked: &'a [Stacked],
    pub machine: Machine,
}

/// What translation must know of the processor.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub architecture: Architecture,
    /// It has registers of 128 bits; without them `v128` is not supported.
    pub vectors: bool,
    /// A store of 128 bits that faults in its second page may have written to the first. Arm does
    /// not rule it out (<https://github.com/WebAssembly/design/issues/1490>); on RISC-V, vector
    /// instructions that fault have done all elements before `vstart` ("V" 1.0, section 17.1).
    pub may_tear_vectors: bool,
    /// An access to the first page of the address space is a trap.
    pub null_faults: bool,
    /// The generator holds references, or addresses inside of objects; see `keep.rs`.
    pub keeps_references: bool,
    /// Relaxed SIMD may multiply and add in one instruction.
    pub fused_multiply_add: bool,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// With the instructions up to SSE4.1.
    X86_64,
    Aarch64,
    Riscv64,
    S390x,
}

/// Allocations that outlive a function: make one per thread and pass it again and again.
#[derive(Default)]
pub struct State {
    builder: FunctionBuilderContext,
    validator: FuncValidatorAllocations,
    scratch: translator::Scratch,
}

impl State {
    /// Whether the function that was translated last depends on an entry of a table that never
    /// changes.
    pub fn knows_entries(&self) -> bool {
        self.scratch.knows_entries
    }

    /// How often the function that was translated last was entered, and its branches went which
    /// way, as far as that is known.
    pub fn passes(&self) -> &Passes {
        &self.scratch.passes
    }

    /// Which values the locals of the function that was translated last have, for debuggers.
    pub fn take_notes(&mut self) -> Notes {
        std::mem::take(&mut self.scratch.notes)
    }
}

/// Validates and translates the body of `func`.
///
/// # Panics
/// When `func` is imported.
pub fn translate_function(env: &Env, func: FuncIndex, state: &mut State, out: &mut ir::Function) -> Result<()> {
    let result = body::translate(env, func, state, out);
    if result.is_err() {
        // What was begun is of no use to the next function.
        *state = State::default();
    }
    result.with_context(|| env.module.describe(func))
}

/// Validates the body of `func` without translating it: for functions that nothing can call.
///
/// # Panics
/// When `func` is imported.
pub fn validate_function(env: &Env, func: FuncIndex, state: &mut State) -> Result<()> {
    body::validate(env, func, state).with_context(|| env.module.describe(func))
}

/// Translates the function that `symbol` names, whatever its kind. `false`, and `out` unchanged, if
/// there is nothing to do: instantiation may have no work at run time.
///
/// # Errors
/// As [`translate_function`].
///
/// # Panics
/// When `symbol` is not a function's, or a function's that is not made of CLIF.
pub fn translate(env: &Env, symbol: Symbol, state: &mut State, out: &mut ir::Function) -> Result<bool> {
    // Only bodies have counts.
    state.scratch.passes.clear();
    state.scratch.notes.clear();
    match symbol {
        Symbol::Function(func) if env.module.functions[func].definition.is_import() => {
            thunk::import(env, func, out);
        }
        Symbol::Function(func) => translate_function(env, func, state, out)?,
        Symbol::Export(func) => thunk::export(env, func, out),
        Symbol::ArrayEntry(func) => thunk::array_entry(env, func, out),
        Symbol::Callback(callback) => callback::common(env, callback, out),
        Symbol::CallbackSlot(callback, slot) => callback::slot(env, callback, slot, out),
        Symbol::Main => entry::main(env, out),
        Symbol::LibraryInit => entry::library_init(env, out),
        Symbol::LibraryConfigure => entry::library_configure(env, out),
        Symbol::LibraryReset => entry::library_reset(env, out),
        Symbol::LibraryInterrupt => entry::library_interrupt(env, symbol, out),
        Symbol::LibraryCancelInterrupt => entry::library_interrupt(env, symbol, out),
        Symbol::LibraryRefNew => entry::library_reference(env, symbol, Builtin::RefNew, out),
        Symbol::LibraryRefGet => entry::library_reference(env, symbol, Builtin::RefGet, out),
        Symbol::LibraryRefDrop => entry::library_reference(env, symbol, Builtin::RefDrop, out),
        Symbol::MemoryBase(memory) => entry::memory_base(env, memory, out),
        Symbol::MemoryGrowth(memory) => entry::memory_growth(env, memory, out),
        Symbol::MemorySize(memory) => entry::memory_size(env, memory, out),
        Symbol::InitializePart(part) => initialize::translate_part(env, part, out),
        Symbol::Initialize if !initialize::is_needed(env) => return Ok(false),
        Symbol::Initialize => initialize::translate(env, out),
        other => panic!("{other:?} is not a function to translate"),
    }
    Ok(true)
}

/// Whether the machine has registers for the parameters and results of the function that `symbol`
/// names.
///
/// # Errors
/// When one is a `v128` and there are no vectors: names the flag that helps.
pub fn check_signature(env: &Env, symbol: Symbol) -> Result<()> {
    let (Symbol::Function(func) | Symbol::Export(func) | Symbol::ArrayEntry(func)) = symbol else { return Ok(()) };
    let ty = env.module.function_type(func);
    check_vectors(env, ty.params()).and_then(|()| check_vectors(env, ty.results()))
}

fn check_vectors(env: &Env, types: &[ValType]) -> Result<()> {
    if !env.machine.vectors && types.contains(&ValType::V128) {
        bail!(
            "v128 needs vector registers, which riscv64 has with the extension V only\nhelp: --cpu rv64gcv compiles for it"
        );
    }
    Ok(())
}

/// The trap of a code in CLIF, ours or Cranelift's own.
pub fn trap_of(code: TrapCode) -> Trap {
    match code {
        TrapCode::STACK_OVERFLOW => Trap::StackExhausted,
        TrapCode::INTEGER_OVERFLOW => Trap::IntegerOverflow,
        TrapCode::HEAP_OUT_OF_BOUNDS => Trap::MemoryOutOfBounds,
        TrapCode::INTEGER_DIVISION_BY_ZERO => Trap::IntegerDivideByZero,
        TrapCode::BAD_CONVERSION_TO_INTEGER => Trap::InvalidConversionToInteger,
        code => Trap::of(code.as_raw().get()).expect("translation uses the numbers of abi::trap::Trap"),
    }
}

/// Makes `out` an empty function of that name and signature.
fn begin(out: &mut ir::Function, symbol: Symbol, signature: ir::Signature) {
    out.clear();
    out.name = ir::UserFuncName::User(symbol.encode());
    out.signature = signature;
}
