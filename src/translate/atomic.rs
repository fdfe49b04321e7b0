//! Atomic operators (threads proposal): loads, stores, read-modify-write, wait and notify.
//!
//! All are sequentially consistent, whether the memory is shared or not. Narrow ones work on values
//! of their own width and extend the result with zeros. An address that is not a multiple of the
//! width traps, before anything is asked of the memory.

use super::Architecture;
use super::memory::{MemoryOperand, memory_of};
use super::translator::{Translator, trap_code};
use crate::abi::builtin::Builtin;
use crate::abi::trap::Trap;
use crate::layout::Symbol;
use cranelift_codegen::ir::types::{I8, I16, I32, I64};
use cranelift_codegen::ir::{AtomicRmwOp, InstBuilder, MemFlagsData, Type, Value};
use wasmparser::{MemArg, Operator as Op};

/// Translates an atomic operator; false if `op` is none.
pub fn translate(it: &mut Translator, op: &Op) -> bool {
    match op {
        Op::AtomicFence { .. } => {
            it.builder.ins().fence();
        }
        Op::MemoryAtomicNotify { memarg } => it.notify(memarg),
        Op::MemoryAtomicWait32 { memarg } => it.wait(Builtin::MemoryWait32, memarg),
        Op::MemoryAtomicWait64 { memarg } => it.wait(Builtin::MemoryWait64, memarg),

        Op::I32AtomicLoad { memarg } => it.atomic_load(I32, I32, memarg),
        Op::I64AtomicLoad { memarg } => it.atomic_load(I64, I64, memarg),
        Op::I32AtomicLoad8U { memarg } => it.atomic_load(I8, I32, memarg),
        Op::I32AtomicLoad16U { memarg } => it.atomic_load(I16, I32, memarg),
        Op::I64AtomicLoad8U { memarg } => it.atomic_load(I8, I64, memarg),
        Op::I64AtomicLoad16U { memarg } => it.atomic_load(I16, I64, memarg),
        Op::I64AtomicLoad32U { memarg } => it.atomic_load(I32, I64, memarg),
        Op::I32AtomicStore8 { memarg } | Op::I64AtomicStore8 { memarg } => it.atomic_store(I8, memarg),
        Op::I32AtomicStore16 { memarg } | Op::I64AtomicStore16 { memarg } => it.atomic_store(I16, memarg),
        Op::I32AtomicStore { memarg } | Op::I64AtomicStore32 { memarg } => it.atomic_store(I32, memarg),
        Op::I64AtomicStore { memarg } => it.atomic_store(I64, memarg),

        Op::I32AtomicRmw8CmpxchgU { memarg } | Op::I64AtomicRmw8CmpxchgU { memarg } => it.compare_exchange(I8, memarg),
        Op::I32AtomicRmw16CmpxchgU { memarg } | Op::I64AtomicRmw16CmpxchgU { memarg } => {
            it.compare_exchange(I16, memarg)
        }
        Op::I32AtomicRmwCmpxchg { memarg } | Op::I64AtomicRmw32CmpxchgU { memarg } => it.compare_exchange(I32, memarg),
        Op::I64AtomicRmwCmpxchg { memarg } => it.compare_exchange(I64, memarg),
        _ => return modify(it, op),
    }
    true
}

/// Read-modify-write operators: for each kind the seven widths.
fn modify(it: &mut Translator, op: &Op) -> bool {
    macro_rules! widths {
        ($($kind:ident: $rmw8:ident $rmw16:ident $rmw:ident $wide8:ident $wide16:ident $wide32:ident $wide:ident;)*) => {
            match op {
                $(
                    Op::$rmw8 { memarg } | Op::$wide8 { memarg } => it.modify(AtomicRmwOp::$kind, I8, memarg),
                    Op::$rmw16 { memarg } | Op::$wide16 { memarg } => it.modify(AtomicRmwOp::$kind, I16, memarg),
                    Op::$rmw { memarg } | Op::$wide32 { memarg } => it.modify(AtomicRmwOp::$kind, I32, memarg),
                    Op::$wide { memarg } => it.modify(AtomicRmwOp::$kind, I64, memarg),
                )*
                _ => return false,
            }
        };
    }
    widths! {
        Add: I32AtomicRmw8AddU I32AtomicRmw16AddU I32AtomicRmwAdd
            I64AtomicRmw8AddU I64AtomicRmw16AddU I64AtomicRmw32AddU I64AtomicRmwAdd;
        Sub: I32AtomicRmw8SubU I32AtomicRmw16SubU I32AtomicRmwSub
            I64AtomicRmw8SubU I64AtomicRmw16SubU I64AtomicRmw32SubU I64AtomicRmwSub;
        And: I32AtomicRmw8AndU I32AtomicRmw16AndU I32AtomicRmwAnd
            I64AtomicRmw8AndU I64AtomicRmw16AndU I64AtomicRmw32AndU I64AtomicRmwAnd;
        Or: I32AtomicRmw8OrU I32AtomicRmw16OrU I32AtomicRmwOr
            I64AtomicRmw8OrU I64AtomicRmw16OrU I64AtomicRmw32OrU I64AtomicRmwOr;
        Xor: I32AtomicRmw8XorU I32AtomicRmw16XorU I32AtomicRmwXor
            I64AtomicRmw8XorU I64AtomicRmw16XorU I64AtomicRmw32XorU I64AtomicRmwXor;
        Xchg: I32AtomicRmw8XchgU I32AtomicRmw16XchgU I32AtomicRmwXchg
            I64AtomicRmw8XchgU I64AtomicRmw16XchgU I64AtomicRmw32XchgU I64AtomicRmwXchg;
    }
    true
}

impl Translator<'_> {
    /// Loads a `width` and extends it to a `ty`.
    fn atomic_load(&mut self, width: Type, ty: Type, memarg: &MemArg) {
        let index = self.pop();
        let (address, flags) = self.atomic_place(index, memarg, width);
        let value = self.builder.ins().atomic_load(width, flags, address);
        self.push_extended(value, ty);
    }

    fn atomic_store(&mut self, width: Type, memarg: &MemArg) {
        let (index, value) = self.pop2();
        let (address, flags) = self.atomic_place(index, memarg, width);
        let value = self.narrow_to(value, width);
        self.builder.ins().atomic_store(flags, value, address);
    }

    fn modify(&mut self, op: AtomicRmwOp, width: Type, memarg: &MemArg) {
        let (index, operand) = self.pop2();
        let ty = self.type_of(operand);
        let (address, flags) = self.atomic_place(index, memarg, width);
        let operand = self.narrow_to(operand, width);
        let old = self.builder.ins().atomic_rmw(width, flags, op, address, operand);
        self.push_extended(old, ty);
    }

    fn compare_exchange(&mut self, width: Type, memarg: &MemArg) {
        let (index, expected, replacement) = self.pop3();
        let ty = self.type_of(expected);
        let (address, flags) = self.atomic_place(index, memarg, width);
        let narrow = self.narrow_to(expected, width);
        let replacement = self.narrow_to(replacement, width);
        let narrow = self.clean(narrow);
        let old = self.builder.ins().atomic_cas(flags, address, narrow, replacement);
        self.push_extended(old, ty);
    }

    /// The same number, with zeros in the other half of its register.
    ///
    /// On aarch64 without LSE, Cranelift compares whole registers to see whether 32 bits are as
    /// expected (0.135, `AtomicCASLoop`), and the other half may be anything. An instruction of 32
    /// bits clears it, if Cranelift does not see that it is of no other use.
    fn clean(&mut self, value: Value) -> Value {
        let is_affected = self.type_of(value) == I32 && self.known_integer(value).is_none();
        if self.env.machine.architecture != Architecture::Aarch64 || !is_affected {
            return value;
        }
        let zero = self.hidden_constant(0);
        let zero = self.builder.ins().ireduce(I32, zero);
        self.builder.ins().bor(value, zero)
    }

    fn wait(&mut self, builtin: Builtin, memarg: &MemArg) {
        let (index, expected, timeout) = self.pop3();
        let address = self.effective_address(index, memarg);
        let descriptor = self.address_of(Symbol::Memory(memory_of(memarg)));
        let outcome = self.call_builtin(builtin, &[descriptor, address, expected, timeout]).expect("it has a result");
        self.push(outcome);
    }

    fn notify(&mut self, memarg: &MemArg) {
        let (index, most) = self.pop2();
        let address = self.effective_address(index, memarg);
        let descriptor = self.address_of(Symbol::Memory(memory_of(memarg)));
        let n = self.call_builtin(Builtin::MemoryNotify, &[descriptor, address, most]).expect("it has a result");
        self.push(n);
    }

    /// Index and offset as one number of 64 bits.
    fn effective_address(&mut self, index: Value, memarg: &MemArg) -> Value {
        match memarg.offset {
            0 => self.widen(index),
            offset => self.add_offset(index, offset),
        }
    }

    /// The native address of an access that is as wide as `width`, after its checks.
    fn atomic_place(&mut self, index: Value, memarg: &MemArg, width: Type) -> (Value, MemFlagsData) {
        let size = width.bytes();
        if size > 1 {
            // Where the sum wraps, its low bits are still right, and the access will be found to be
            // out of bounds.
            let index = self.widen(index);
            let below = i64::from(size.saturating_sub(1));
            let address = match memarg.offset.cast_signed() & below {
                0 => index,
                low => self.builder.ins().iadd_imm_u(index, low),
            };
            let low = self.builder.ins().band_imm_u(address, below);
            self.builder.ins().trapnz(low, trap_code(Trap::UnalignedAtomic));
        }
        let MemoryOperand { address, offset, flags } = self.place(index, memarg, u64::from(size));
        let address = if offset == 0 { address } else { self.builder.ins().iadd_imm_s(address, i64::from(offset)) };
        (address, flags)
    }

    fn narrow_to(&mut self, value: Value, width: Type) -> Value {
        if self.type_of(value) == width { value } else { self.builder.ins().ireduce(width, value) }
    }

    fn push_extended(&mut self, value: Value, ty: Type) {
        let value = if self.type_of(value) == ty { value } else { self.builder.ins().uextend(ty, value) };
        self.push(value);
    }
}
