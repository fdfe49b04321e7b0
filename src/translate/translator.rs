//! The state of one function's translation, and the operand stack.
//!
//! Invariant: while [`Translator::reachable`], `stack` holds exactly the operands that the
//! validator's stack holds, and the builder stands in an open block. In unreachable code nothing is
//! emitted and the stack is not kept.

use super::frames::{Frame, Scope, ScopeIndex};
use super::keep::Kept;
use super::locals::Notes;
use super::profile::{Counting, Passes};
use super::types::value_type;
use super::{Env, State};
use crate::layout::Symbol;
use crate::number::low_half;
use crate::wasm::TypeIndex;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    self, BlockArg, Endianness, FuncRef, GlobalValue, Inst, InstBuilder, InstructionData, MemFlagsData, Opcode, SigRef,
    TrapCode, Type, Value, types,
};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use std::collections::HashMap;
use wasmparser::{FuncValidatorAllocations, ValType};

pub struct Translator<'t> {
    pub env: &'t Env<'t>,
    pub builder: FunctionBuilder<'t>,
    pub scratch: &'t mut Scratch,
    /// The type of the reference that the operator at hand is about, as far as it is known; see
    /// `operator::subject`.
    pub subject: Option<ValType>,
    /// The code runs once: it is to be small, and simple to compile.
    pub runs_once: bool,
    /// Whether the operator at hand can be reached at all.
    pub reachable: bool,
    /// Whether the operator at hand is unlikely to be reached: blocks made there are laid aside.
    pub cold: bool,
    /// What the module says of the branch at hand: whether it is likely to be taken.
    pub hint: Option<bool>,
    pub counting: Counting<'t>,
    /// The first point of the operator at hand, see `profile.rs`.
    pub point: u32,
}

/// Collections that are reused from function to function.
#[derive(Default)]
pub struct Scratch {
    pub stack: Vec<Value>,
    pub control: Vec<Frame>,
    /// The `try`s that have begun, and the innermost around the operator at hand; see
    /// `exception.rs`.
    pub scopes: Vec<Scope>,
    pub scope: Option<ScopeIndex>,
    /// How many legacy `try`s have begun.
    pub n_tries: usize,
    /// Whether the code depends on an entry of a table that never changes.
    pub knows_entries: bool,
    /// How many checks the code has that look for an interrupt.
    pub n_polls: u32,
    /// Whether all ways to the operator at hand look for one.
    pub is_polled: bool,
    /// How often branches went which way, see `profile.rs`.
    pub passes: Passes,
    /// Where references are kept.
    pub kept: Kept,
    /// Which values locals have, see `locals.rs`.
    pub notes: Notes,
    /// What the function refers to so far; see `symbols.rs`.
    pub functions: HashMap<Symbol, FuncRef>,
    pub signatures: HashMap<TypeIndex, SigRef>,
    pub symbols: HashMap<Symbol, GlobalValue>,
    /// Arguments of the jump that is being built.
    pub jump_args: Vec<BlockArg>,
    /// Label depths of the `br_table` that is being built, and how often each occurs.
    pub depths: Vec<u32>,
}

impl<'t> Translator<'t> {
    pub fn new(
        env: &'t Env<'t>,
        state: &'t mut State,
        out: &'t mut ir::Function,
    ) -> (Translator<'t>, &'t mut FuncValidatorAllocations) {
        let State { builder, validator, scratch } = state;
        (Translator::with(env, builder, scratch, out), validator)
    }

    pub fn with(
        env: &'t Env<'t>,
        context: &'t mut FunctionBuilderContext,
        scratch: &'t mut Scratch,
        out: &'t mut ir::Function,
    ) -> Translator<'t> {
        let Scratch {
            stack,
            control,
            scopes,
            scope,
            n_tries,
            knows_entries,
            n_polls,
            is_polled,
            passes,
            kept,
            notes,
            functions,
            signatures,
            symbols,
            jump_args,
            depths,
        } = scratch;
        *kept = Kept::default();
        stack.clear();
        control.clear();
        scopes.clear();
        (*scope, *n_tries, *knows_entries) = (None, 0, false);
        (*n_polls, *is_polled) = (0, false);
        passes.clear();
        notes.clear();
        functions.clear();
        signatures.clear();
        symbols.clear();
        jump_args.clear();
        depths.clear();
        Translator {
            subject: None,
            runs_once: false,
            env,
            builder: FunctionBuilder::new(out, context),
            scratch,
            reachable: true,
            cold: false,
            hint: None,
            counting: Counting::Off,
            point: 0,
        }
    }

    /// Opens the entry block and returns the function's parameters.
    pub fn open_entry(&mut self) -> Vec<Value> {
        let entry = self.builder.create_block();
        self.builder.append_block_params_for_function_params(entry);
        self.builder.switch_to_block(entry);
        self.builder.seal_block(entry);
        self.builder.block_params(entry).to_vec()
    }

    /// A block for something that is as likely as the operator at hand.
    pub fn create_block(&mut self) -> ir::Block {
        self.create_block_that(self.cold)
    }

    pub fn create_block_that(&mut self, is_cold: bool) -> ir::Block {
        let block = self.builder.create_block();
        if is_cold {
            self.builder.set_cold_block(block);
        }
        block
    }

    /// Closes a function that does not return results.
    pub fn finish(self) {
        self.builder.finalize(self.env.target);
    }

    pub fn push(&mut self, value: Value) {
        self.scratch.stack.push(value);
    }

    /// Pushes a value of which nothing but the type is known: all references come into the function
    /// here or by [`Translator::define`].
    pub fn push_typed(&mut self, value: Value, ty: ValType) {
        self.define(value, ty);
        self.push(value);
    }

    /// Every value of Wasm type that does not stem from other values passes here: the place to tell
    /// a collector about references.
    pub fn define(&mut self, value: Value, ty: ValType) {
        debug_assert_eq!(self.type_of(value), value_type(ty));
        self.keep_new(value, ty);
    }

    pub fn pop(&mut self) -> Value {
        self.scratch.stack.pop().expect("validated: an operand")
    }

    pub fn pop2(&mut self) -> (Value, Value) {
        let second = self.pop();
        (self.pop(), second)
    }

    pub fn pop3(&mut self) -> (Value, Value, Value) {
        let third = self.pop();
        let (first, second) = self.pop2();
        (first, second, third)
    }

    /// Pops a `v128` as a vector of that type.
    pub fn pop_vector(&mut self, ty: Type) -> Value {
        let value = self.pop();
        self.as_vector(value, ty)
    }

    pub fn pop_vectors(&mut self, ty: Type) -> (Value, Value) {
        let second = self.pop_vector(ty);
        (self.pop_vector(ty), second)
    }

    /// The same 128 bits as another vector type.
    pub fn as_vector(&mut self, value: Value, ty: Type) -> Value {
        if self.type_of(value) == ty {
            return value;
        }
        self.builder.ins().bitcast(ty, little_endian(), value)
    }

    /// Gives vectors among the topmost `n` operands the type they have between blocks; returns
    /// where these operands begin.
    pub fn canonicalise(&mut self, n: usize) -> usize {
        let start = self.scratch.stack.len().checked_sub(n).expect("validated: enough operands");
        for i in start..self.scratch.stack.len() {
            self.scratch.stack[i] = self.canonical(self.scratch.stack[i]);
        }
        start
    }

    pub fn canonical(&mut self, value: Value) -> Value {
        if self.type_of(value).is_vector() { self.as_vector(value, types::I8X16) } else { value }
    }

    pub fn type_of(&self, value: Value) -> Type {
        self.builder.func.dfg.value_type(value)
    }

    /// The value to branch on: a comparison itself where `value` is one, so that it is never made a
    /// number.
    pub fn condition(&self, value: Value) -> Value {
        match self.definition(value) {
            Some(InstructionData::Unary { opcode: Opcode::Uextend, arg }) if self.type_of(arg) == types::I8 => arg,
            _ => value,
        }
    }

    /// The number that `value` is known to be.
    pub fn known_integer(&self, value: Value) -> Option<i64> {
        match self.definition(value)? {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => Some(imm.bits()),
            _ => None,
        }
    }

    /// The length or index that `value` is known to be.
    pub fn known_unsigned(&self, value: Value) -> Option<u64> {
        let known = self.known_integer(value)?.cast_unsigned();
        Some(if self.type_of(value) == types::I32 { low_half(known).into() } else { known })
    }

    fn definition(&self, value: Value) -> Option<InstructionData> {
        let dfg = &self.builder.func.dfg;
        Some(dfg.insts[dfg.value_def(value).inst()?])
    }

    pub fn results(&self, inst: Inst) -> &[Value] {
        self.builder.func.dfg.inst_results(inst)
    }

    pub fn iconst(&mut self, ty: Type, value: i64) -> Value {
        self.builder.ins().iconst(ty, value)
    }

    /// The zero of a CLIF type that values have.
    pub fn zero(&mut self, ty: Type) -> Value {
        match ty {
            types::F32 => self.builder.ins().f32const(0.0),
            types::F64 => self.builder.ins().f64const(0.0),
            _ if ty.is_vector() => self.vector_constant(ty, [0; 16]),
            _ => self.iconst(ty, 0),
        }
    }

    pub fn vector_constant(&mut self, ty: Type, bytes: [u8; 16]) -> Value {
        let constant = self.builder.func.dfg.constants.insert(bytes.to_vec().into());
        self.builder.ins().vconst(ty, constant)
    }

    /// Zero-extends to 64 bits: addresses and counts are unsigned.
    pub fn widen(&mut self, value: Value) -> Value {
        match self.type_of(value) {
            types::I64 => value,
            _ => self.builder.ins().uextend(types::I64, value),
        }
    }

    /// The low bits of an `i64`, where `ty` is an `i32`.
    pub fn narrow(&mut self, value: Value, ty: Type) -> Value {
        if ty == types::I64 { value } else { self.builder.ins().ireduce(ty, value) }
    }

    /// The sum of two addresses or counts as an `i64`; traps where it does not fit.
    pub fn add_or_trap(&mut self, a: Value, b: Value, trap: crate::abi::trap::Trap) -> Value {
        let cannot_wrap = self.is_small(a) && self.is_small(b);
        let (a, b) = (self.widen(a), self.widen(b));
        match cannot_wrap {
            true => self.builder.ins().iadd(a, b),
            false => self.builder.ins().uadd_overflow_trap(a, b, trap_code(trap)),
        }
    }

    /// Whether an address or a count is known to be a number of 33 bits at most: sums of them don't
    /// wrap.
    fn is_small(&self, value: Value) -> bool {
        self.type_of(value) == types::I32
            || match self.definition(value) {
                Some(InstructionData::UnaryImm { opcode: Opcode::Iconst, imm }) => imm.bits() >> 33 == 0,
                Some(InstructionData::Unary { opcode: Opcode::Uextend, arg }) => self.type_of(arg).bits() <= 32,
                _ => false,
            }
    }

    /// Traps if `a` > `b`, both unsigned.
    /// Returns the comparison, for [`Translator::guard`].
    pub fn trap_if_above(&mut self, a: Value, b: Value, trap: crate::abi::trap::Trap) -> Value {
        let above = self.builder.ins().icmp(IntCC::UnsignedGreaterThan, a, b);
        self.builder.ins().trapnz(above, trap_code(trap));
        above
    }

    /// `address`, or null where `outside` is not zero: a processor that guesses the check before it
    /// wrongly does not go where the program may not (Spectre, variant 1). Only if asked for: a
    /// program is its own only tenant.
    pub fn guard(&mut self, outside: Value, address: Value) -> Value {
        if !self.env.spectre_masks {
            return address;
        }
        let null = self.iconst(self.type_of(address), 0);
        self.builder.ins().select_spectre_guard(outside, null, address)
    }
}

pub fn trap_code(trap: crate::abi::trap::Trap) -> TrapCode {
    TrapCode::unwrap_user(trap as u8)
}

/// Wasm's byte order, whatever the machine's.
pub fn little_endian() -> MemFlagsData {
    MemFlagsData::new().with_endianness(Endianness::Little)
}
