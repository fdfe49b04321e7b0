//! Values at the edge to C: what a platform's convention asks for beyond what Cranelift does by
//! itself, for functions of which nothing but their Wasm type is known. Declared functions are
//! called by `foreign.rs` and `variadic.rs`.
//!
//! * RISC-V (psABI, "Integer Calling Convention", "Hardware Floating-point Calling Convention") and
//!   s390x (ELF ABI supplement, "Parameter Passing"): an `i32` fills its register, with its sign:
//!   it is C's `int32_t`.
//! * RISC-V: floating-point arguments after the eighth are passed as integers, and so are both
//!   halves of a `v128`.
//! * s390x: vectors go to registers in the order 24, 26, 28, 30, 25, 27, 29, 31.
//!
//! Everything else is left to Cranelift, which knows System V, Apple's and Microsoft's conventions
//! by name.

use super::Env;
use super::c_abi::CAbi;
use super::translator::{Translator, little_endian};
use super::types::value_type;
use crate::foreign::Integer;
use cranelift_codegen::ir::{AbiParam, InstBuilder, Type, Value, types};
use wasmparser::ValType;

/// A CLIF parameter: all or a part of the C parameter with that index.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Piece {
    Whole(usize, Type),
    /// A floating-point number as the integer of this type with the same bits.
    Bits(usize, Type),
    /// A vector as two `i64`.
    Low(usize),
    High(usize),
    /// A vector register that nothing is passed in.
    Unused,
}

/// The CLIF parameters of C parameters, or of C results.
pub fn abi_params(env: &Env, types: &[ValType]) -> Vec<AbiParam> {
    let ty = |piece: &Piece| match *piece {
        Piece::Whole(_, ty) | Piece::Bits(_, ty) => ty,
        Piece::Low(_) | Piece::High(_) => types::I64,
        Piece::Unused => types::I8X16,
    };
    pieces(env, types).iter().map(|piece| extended(env, ty(piece))).collect()
}

/// A parameter or result of that type, extended as the platform has it.
pub fn extended(env: &Env, ty: Type) -> AbiParam {
    match ty {
        types::I32 => env.c.integer(Integer { bits: 32, signed: true }),
        _ => AbiParam::new(ty),
    }
}

/// Alignment of a type in C's memory.
pub fn alignment(env: &Env, ty: Type) -> u32 {
    match env.c {
        // The ABI supplement, "Fundamental Types".
        CAbi::S390x => ty.bytes().min(8),
        _ => ty.bytes(),
    }
}

fn pieces(env: &Env, types: &[ValType]) -> Vec<Piece> {
    let types = types.iter().map(|&ty| value_type(ty)).enumerate();
    match env.c {
        CAbi::RiscV64 => riscv64_pieces(types),
        CAbi::S390x => s390x_pieces(types),
        _ => types.map(|(i, ty)| Piece::Whole(i, ty)).collect(),
    }
}

fn riscv64_pieces(types: impl Iterator<Item = (usize, Type)>) -> Vec<Piece> {
    /// `fa0` to `fa7`.
    const FLOAT_REGISTERS: u32 = 8;
    let mut n_floats = 0u32;
    let mut pieces = Vec::new();
    for (i, ty) in types {
        n_floats = n_floats.saturating_add(ty.is_float().into());
        match ty {
            types::F32 if n_floats > FLOAT_REGISTERS => pieces.push(Piece::Bits(i, types::I32)),
            types::F64 if n_floats > FLOAT_REGISTERS => pieces.push(Piece::Bits(i, types::I64)),
            _ if ty.is_vector() => pieces.extend([Piece::Low(i), Piece::High(i)]),
            _ => pieces.push(Piece::Whole(i, ty)),
        }
    }
    pieces
}

/// Cranelift takes vector registers from 24 upwards: those parameters that go to registers stand
/// first, each where its register is taken. The others keep their order, which is that of the
/// stack.
fn s390x_pieces(types: impl Iterator<Item = (usize, Type)>) -> Vec<Piece> {
    const PLACES: [usize; 8] = [0, 2, 4, 6, 1, 3, 5, 7];
    let mut pieces = Vec::new();
    let mut others = Vec::new();
    let mut places = PLACES.iter();
    for (i, ty) in types {
        let piece = Piece::Whole(i, ty);
        match ty.is_vector().then(|| places.next()).flatten() {
            Some(&place) => {
                if pieces.len() <= place {
                    pieces.resize(place, Piece::Unused);
                    pieces.push(piece);
                } else {
                    pieces[place] = piece;
                }
            }
            None => others.push(piece),
        }
    }
    pieces.append(&mut others);
    pieces
}

impl Translator<'_> {
    /// Values of these types as C passes them.
    pub fn pass_to_c(&mut self, types: &[ValType], values: &[Value]) -> Vec<Value> {
        let half = |it: &mut Self, i: usize, lane| {
            let halves = it.as_vector(values[i], types::I64X2);
            it.builder.ins().extractlane(halves, lane)
        };
        let mut passed = Vec::with_capacity(values.len());
        for piece in pieces(self.env, types) {
            passed.push(match piece {
                Piece::Whole(i, _) => values[i],
                Piece::Bits(i, ty) => self.builder.ins().bitcast(ty, little_endian(), values[i]),
                Piece::Low(i) => half(self, i, 0),
                Piece::High(i) => half(self, i, 1),
                Piece::Unused => self.zero(types::I8X16),
            });
        }
        passed
    }

    /// Takes [`Translator::pass_to_c`] back, and checks references.
    pub fn take_from_host(&mut self, types: &[ValType], passed: &[Value]) -> Vec<Value> {
        let values = self.take_from_c(types, passed);
        self.check_from_host(types, &values);
        values
    }

    fn take_from_c(&mut self, types: &[ValType], passed: &[Value]) -> Vec<Value> {
        let mut values = vec![None; types.len()];
        for (piece, &value) in pieces(self.env, types).into_iter().zip(passed) {
            match piece {
                Piece::Whole(i, _) => values[i] = Some(value),
                Piece::Bits(i, _) => {
                    values[i] = Some(self.builder.ins().bitcast(value_type(types[i]), little_endian(), value));
                }
                Piece::Low(i) => values[i] = Some(self.builder.ins().scalar_to_vector(types::I64X2, value)),
                Piece::High(i) => {
                    let low = values[i].expect("the low half comes first");
                    let vector = self.builder.ins().insertlane(low, value, 1);
                    values[i] = Some(self.canonical(vector));
                }
                Piece::Unused => {}
            }
        }
        values.into_iter().map(|value| value.expect("every value has its pieces")).collect()
    }
}
