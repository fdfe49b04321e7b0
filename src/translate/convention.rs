//! Values at the edge to C: what a platform's convention asks for beyond what Cranelift does by itself.
//!
//! * RISC-V (psABI, "Integer Calling Convention", "Hardware Floating-point Calling Convention") and s390x (ELF ABI, "Parameter
//!   Passing"): an `i32` fills its register, with its sign: it is C's `int32_t`.
//! * RISC-V: floating-point arguments behind the eighth are passed as integers, and so are both halves of a `v128`.
//!
//! Everything else is left to Cranelift, which knows System V, Apple's and Microsoft's conventions by name.

use super::signature::value_type;
use super::translator::{Translator, little_endian};
use super::{Architecture, Env};
use cranelift_codegen::ir::{AbiParam, InstBuilder, Type, Value, types};
use wasmparser::ValType;

/// How one value crosses.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Passing {
    Itself(AbiParam),
    /// A floating-point number as the integer of this type with the same bits.
    Bits(Type),
    /// A vector as two `i64`, the low one first.
    Halves,
}

/// The CLIF parameters of C parameters, or of C results.
pub fn abi_params(env: &Env, types: &[ValType]) -> Vec<AbiParam> {
    let params = passings(env, types).flat_map(|passing| match passing {
        Passing::Itself(param) => vec![param],
        Passing::Bits(ty) => vec![extended(env, ty)],
        Passing::Halves => vec![AbiParam::new(types::I64); 2],
    });
    params.collect()
}

/// A parameter or result of that type, extended as the platform has it.
pub fn extended(env: &Env, ty: Type) -> AbiParam {
    let param = AbiParam::new(ty);
    match env.machine.architecture {
        Architecture::Riscv64 | Architecture::S390x if ty == types::I32 => param.sext(),
        _ => param,
    }
}

fn passings(env: &Env, types: &[ValType]) -> impl Iterator<Item = Passing> {
    /// `fa0` to `fa7`.
    const FLOAT_REGISTERS: u32 = 8;
    let mut n_floats = 0;
    types.iter().map(move |&ty| {
        let ty = value_type(ty);
        if env.machine.architecture != Architecture::Riscv64 {
            return Passing::Itself(extended(env, ty));
        }
        n_floats += u32::from(ty.is_float());
        match ty {
            types::F32 if n_floats > FLOAT_REGISTERS => Passing::Bits(types::I32),
            types::F64 if n_floats > FLOAT_REGISTERS => Passing::Bits(types::I64),
            _ if ty.is_vector() => Passing::Halves,
            _ => Passing::Itself(extended(env, ty)),
        }
    })
}

impl Translator<'_> {
    /// Values of these types as C passes them.
    pub fn to_c(&mut self, types: &[ValType], values: &[Value]) -> Vec<Value> {
        let mut passed = Vec::with_capacity(values.len());
        for (passing, &value) in passings(self.env, types).zip(values) {
            match passing {
                Passing::Itself(_) => passed.push(value),
                Passing::Bits(ty) => passed.push(self.builder.ins().bitcast(ty, little_endian(), value)),
                Passing::Halves => {
                    let halves = self.as_vector(value, types::I64X2);
                    passed.extend([0, 1].map(|lane| self.builder.ins().extractlane(halves, lane)));
                }
            }
        }
        passed
    }

    /// Takes [`Translator::to_c`] back.
    pub fn from_c(&mut self, types: &[ValType], passed: &[Value]) -> Vec<Value> {
        let mut passed = passed.iter().copied();
        let mut next = || passed.next().expect("the signature has the pieces of every value");
        let mut values = Vec::with_capacity(types.len());
        for (passing, &ty) in passings(self.env, types).zip(types) {
            values.push(match passing {
                Passing::Itself(_) => next(),
                Passing::Bits(_) => {
                    let bits = next();
                    self.builder.ins().bitcast(value_type(ty), little_endian(), bits)
                }
                Passing::Halves => {
                    let (low, high) = (next(), next());
                    let vector = self.builder.ins().scalar_to_vector(types::I64X2, low);
                    let vector = self.builder.ins().insertlane(vector, high, 1);
                    self.canonical(vector)
                }
            });
        }
        values
    }
}
