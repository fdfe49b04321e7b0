//! What C's conventions ask for and Cranelift does not know: narrow integers, and variable
//! arguments.
//!
//! Comes in: C values one after the other. Goes out: a [`CCall`] whose CLIF signature puts each
//! where the platform's ABI document wants it.
//!
//! | platform | variable arguments | source |
//! | --- | --- | --- |
//! | System V x86-64 | as fixed ones; AL bounds the number of vector registers: a stub sets it | AMD64 psABI 3.2.3 |
//! | Windows x64 | floating-point ones in the integer register, too: a stub copies them | Microsoft, "x64 calling convention", Varargs |
//! | AAPCS64 | as fixed ones | AAPCS64 6.4 |
//! | Apple arm64 | on the stack, in slots of 8 bytes: registers are filled up before | Apple, "Writing ARM64 code for Apple platforms" |
//! | RISC-V | floating-point ones as integers | RISC-V psABI, "Integer Calling Convention" |
//! | s390x | as fixed ones | ELF ABI s390x Supplement 1.2.2.3 |

use super::c_abi::CAbi;
use super::translator::Translator;
use super::types::POINTER;
use crate::foreign::{Integer, Type};
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, MemFlagsData, Signature, Value, types};

/// Registers for arguments on arm64, of integers and of vectors each (AAPCS64 6.1.1).
const ARM_REGISTERS: usize = 8;

/// `fa0` to `fa7` (RISC-V psABI, "Hardware Floating-point Calling Convention").
const RISCV_FLOAT_REGISTERS: usize = 8;

/// A call that is being put together.
pub struct CCall {
    pub signature: Signature,
    pub args: Vec<Value>,
}

impl Translator<'_> {
    pub fn begin_c_call(&self) -> CCall {
        CCall { signature: Signature::new(self.env.target.default_call_conv), args: Vec::new() }
    }

    /// Adds a fixed argument.
    pub fn pass(&mut self, call: &mut CCall, ty: &Type, value: Value) {
        match ty {
            Type::Integer(integer) => self.pass_integer(call, *integer, value),
            // Behind `fa7` they are integers.
            Type::F32 | Type::F64 if self.env.c == CAbi::RiscV64 && call.n_floats() >= RISCV_FLOAT_REGISTERS => {
                let bits = self.type_of(value).as_int();
                let value = self.builder.ins().bitcast(bits, MemFlagsData::new(), value);
                call.push(AbiParam::new(bits), value);
            }
            _ => call.push(AbiParam::new(self.type_of(value)), value),
        }
    }

    fn pass_integer(&mut self, call: &mut CCall, integer: Integer, value: Value) {
        // Cranelift leaves the bits above as they are. C often takes an `int` for what is declared
        // as a byte: `isalpha`.
        let is_extended = match self.env.c {
            CAbi::Aapcs64 => true,
            CAbi::AppleArm64 => call.n_integers() < ARM_REGISTERS,
            _ => false,
        };
        if is_extended && integer.bits < 32 {
            let value = self.extend(integer, value, types::I32);
            return call.push(AbiParam::new(types::I32), value);
        }
        call.push(self.env.c.integer(integer), value);
    }

    /// Adds the variable arguments, of types and in places as C's `va_arg` finds them.
    pub fn pass_variable(&mut self, call: &mut CCall, types: &[&Type], values: &[Value]) {
        if self.env.c == CAbi::AppleArm64 {
            self.fill_registers(call);
        }
        for (ty, value) in types.iter().zip(values) {
            let (promoted, value) = self.promote(ty, *value);
            match (self.env.c, &promoted) {
                (CAbi::AppleArm64, Type::Integer(integer)) => {
                    let value = self.extend(*integer, value, types::I64);
                    call.push(AbiParam::new(types::I64), value);
                }
                (CAbi::RiscV64, Type::F64) => {
                    let value = self.builder.ins().bitcast(types::I64, MemFlagsData::new(), value);
                    call.push(AbiParam::new(types::I64), value);
                }
                _ => self.pass(call, &promoted, value),
            }
        }
    }

    /// The default argument promotions (C17, 6.5.2.2).
    fn promote(&mut self, ty: &Type, value: Value) -> (Type, Value) {
        match ty {
            Type::Integer(integer) if integer.bits < 32 => {
                (Type::Integer(Integer { bits: 32, signed: true }), self.extend(*integer, value, types::I32))
            }
            Type::F32 => (Type::F64, self.builder.ins().fpromote(types::F64, value)),
            other => (other.clone(), value),
        }
    }

    /// Leaves no register free, so everything after it goes to the stack.
    fn fill_registers(&mut self, call: &mut CCall) {
        for _ in call.n_integers()..ARM_REGISTERS {
            let zero = self.iconst(POINTER, 0);
            call.push(AbiParam::new(POINTER), zero);
        }
        for _ in call.n_floats()..ARM_REGISTERS {
            let zero = self.zero(types::F64);
            call.push(AbiParam::new(types::F64), zero);
        }
    }

    /// An integer with as many bits as `to` has, or more, filled by its sign or with zeros.
    pub fn extend(&mut self, integer: Integer, value: Value, to: ir::Type) -> Value {
        match (self.type_of(value) == to, integer.signed) {
            (true, _) => value,
            (false, true) => self.builder.ins().sextend(to, value),
            (false, false) => self.builder.ins().uextend(to, value),
        }
    }
}

impl CCall {
    fn push(&mut self, param: AbiParam, value: Value) {
        self.signature.params.push(param);
        self.args.push(value);
    }

    fn n_integers(&self) -> usize {
        self.signature.params.iter().filter(|param| param.value_type.is_int()).count()
    }

    fn n_floats(&self) -> usize {
        self.signature.params.iter().filter(|param| !param.value_type.is_int()).count()
    }
}
