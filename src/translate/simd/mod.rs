//! Vectors of 128 bits, and relaxed SIMD.
//!
//! CLIF has a type for each way to cut a vector into lanes, Wasm has one: operands are cast when an
//! operator wants another type than they have ([`Translator::pop_vector`]), which costs nothing in
//! machine code. Results keep their type until they cross a block.

mod lanes;
mod memory;
mod relaxed;
mod widths;

use super::translator::Translator;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2, INVALID};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, types};
use wasmparser::Operator as Op;

/// Translates a vector operator; `false` if `op` is none.
pub fn translate(it: &mut Translator, op: &Op) -> bool {
    bitwise(it, op)
        || arithmetic(it, op)
        || memory::translate(it, op)
        || lanes::translate(it, op)
        || widths::translate(it, op)
        || relaxed::translate(it, op)
}

/// Operators on all 128 bits, and questions about lanes.
fn bitwise(it: &mut Translator, op: &Op) -> bool {
    match *op {
        Op::V128Const { value } => {
            let value = it.vector_constant(I8X16, *value.bytes());
            it.push(value);
        }
        Op::V128Not => it.vector_unary(Opcode::Bnot, I8X16),
        Op::V128And => it.vector_binary(Opcode::Band, I8X16),
        Op::V128Or => it.vector_binary(Opcode::Bor, I8X16),
        Op::V128Xor => it.vector_binary(Opcode::Bxor, I8X16),
        Op::V128AndNot => {
            it.vector_unary(Opcode::Bnot, I8X16);
            it.vector_binary(Opcode::Band, I8X16);
        }
        Op::V128Bitselect => {
            let mask = it.pop_vector(I8X16);
            let (ones, zeros) = it.pop_vectors(I8X16);
            let value = it.builder.ins().bitselect(mask, ones, zeros);
            it.push(value);
        }
        Op::V128AnyTrue => {
            let vector = it.pop_vector(I8X16);
            let any = it.builder.ins().vany_true(vector);
            it.push_condition(any);
        }
        Op::I8x16AllTrue | Op::I16x8AllTrue | Op::I32x4AllTrue | Op::I64x2AllTrue => {
            let vector = it.pop_vector(shape(op));
            let all = it.builder.ins().vall_true(vector);
            it.push_condition(all);
        }
        Op::I8x16Bitmask | Op::I16x8Bitmask | Op::I32x4Bitmask | Op::I64x2Bitmask => {
            let vector = it.pop_vector(shape(op));
            let bits = it.builder.ins().vhigh_bits(types::I32, vector);
            it.push(bits);
        }
        _ => return false,
    }
    true
}

/// Operators that work lane by lane and change no widths.
#[rustfmt::skip]
fn arithmetic(it: &mut Translator, op: &Op) -> bool {
    let ty = shape(op);
    match op {
        Op::I8x16Eq | Op::I16x8Eq | Op::I32x4Eq | Op::I64x2Eq => it.vector_compare(IntCC::Equal, ty),
        Op::I8x16Ne | Op::I16x8Ne | Op::I32x4Ne | Op::I64x2Ne => it.vector_compare(IntCC::NotEqual, ty),
        Op::I8x16LtS | Op::I16x8LtS | Op::I32x4LtS | Op::I64x2LtS => it.vector_compare(IntCC::SignedLessThan, ty),
        Op::I8x16LtU | Op::I16x8LtU | Op::I32x4LtU => it.vector_compare(IntCC::UnsignedLessThan, ty),
        Op::I8x16GtS | Op::I16x8GtS | Op::I32x4GtS | Op::I64x2GtS => it.vector_compare(IntCC::SignedGreaterThan, ty),
        Op::I8x16GtU | Op::I16x8GtU | Op::I32x4GtU => it.vector_compare(IntCC::UnsignedGreaterThan, ty),
        Op::I8x16LeS | Op::I16x8LeS | Op::I32x4LeS | Op::I64x2LeS => it.vector_compare(IntCC::SignedLessThanOrEqual, ty),
        Op::I8x16LeU | Op::I16x8LeU | Op::I32x4LeU => it.vector_compare(IntCC::UnsignedLessThanOrEqual, ty),
        Op::I8x16GeS | Op::I16x8GeS | Op::I32x4GeS | Op::I64x2GeS => it.vector_compare(IntCC::SignedGreaterThanOrEqual, ty),
        Op::I8x16GeU | Op::I16x8GeU | Op::I32x4GeU => it.vector_compare(IntCC::UnsignedGreaterThanOrEqual, ty),
        Op::F32x4Eq | Op::F64x2Eq => it.vector_compare_floats(FloatCC::Equal, ty),
        Op::F32x4Ne | Op::F64x2Ne => it.vector_compare_floats(FloatCC::NotEqual, ty),
        Op::F32x4Lt | Op::F64x2Lt => it.vector_compare_floats(FloatCC::LessThan, ty),
        Op::F32x4Gt | Op::F64x2Gt => it.vector_compare_floats(FloatCC::GreaterThan, ty),
        Op::F32x4Le | Op::F64x2Le => it.vector_compare_floats(FloatCC::LessThanOrEqual, ty),
        Op::F32x4Ge | Op::F64x2Ge => it.vector_compare_floats(FloatCC::GreaterThanOrEqual, ty),

        Op::I8x16Abs | Op::I16x8Abs | Op::I32x4Abs | Op::I64x2Abs => it.vector_unary(Opcode::Iabs, ty),
        Op::I8x16Neg | Op::I16x8Neg | Op::I32x4Neg | Op::I64x2Neg => it.vector_unary(Opcode::Ineg, ty),
        Op::I8x16Popcnt => it.vector_unary(Opcode::Popcnt, ty),
        Op::I8x16Add | Op::I16x8Add | Op::I32x4Add | Op::I64x2Add => it.vector_binary(Opcode::Iadd, ty),
        Op::I8x16Sub | Op::I16x8Sub | Op::I32x4Sub | Op::I64x2Sub => it.vector_binary(Opcode::Isub, ty),
        Op::I16x8Mul | Op::I32x4Mul | Op::I64x2Mul => it.vector_binary(Opcode::Imul, ty),
        Op::I8x16AddSatS | Op::I16x8AddSatS => it.vector_binary(Opcode::SaddSat, ty),
        Op::I8x16AddSatU | Op::I16x8AddSatU => it.vector_binary(Opcode::UaddSat, ty),
        Op::I8x16SubSatS | Op::I16x8SubSatS => it.vector_binary(Opcode::SsubSat, ty),
        Op::I8x16SubSatU | Op::I16x8SubSatU => it.vector_binary(Opcode::UsubSat, ty),
        Op::I8x16MinS | Op::I16x8MinS | Op::I32x4MinS => it.vector_binary(Opcode::Smin, ty),
        Op::I8x16MinU | Op::I16x8MinU | Op::I32x4MinU => it.vector_binary(Opcode::Umin, ty),
        Op::I8x16MaxS | Op::I16x8MaxS | Op::I32x4MaxS => it.vector_binary(Opcode::Smax, ty),
        Op::I8x16MaxU | Op::I16x8MaxU | Op::I32x4MaxU => it.vector_binary(Opcode::Umax, ty),
        Op::I8x16AvgrU | Op::I16x8AvgrU => it.vector_binary(Opcode::AvgRound, ty),
        Op::I16x8Q15MulrSatS => it.vector_binary(Opcode::SqmulRoundSat, ty),
        Op::I8x16Shl | Op::I16x8Shl | Op::I32x4Shl | Op::I64x2Shl => it.vector_shift(Opcode::Ishl, ty),
        Op::I8x16ShrS | Op::I16x8ShrS | Op::I32x4ShrS | Op::I64x2ShrS => it.vector_shift(Opcode::Sshr, ty),
        Op::I8x16ShrU | Op::I16x8ShrU | Op::I32x4ShrU | Op::I64x2ShrU => it.vector_shift(Opcode::Ushr, ty),

        Op::F32x4Abs | Op::F64x2Abs => it.vector_unary(Opcode::Fabs, ty),
        Op::F32x4Neg | Op::F64x2Neg => it.vector_unary(Opcode::Fneg, ty),
        Op::F32x4Sqrt | Op::F64x2Sqrt => it.vector_unary(Opcode::Sqrt, ty),
        Op::F32x4Ceil | Op::F64x2Ceil => it.vector_unary(Opcode::Ceil, ty),
        Op::F32x4Floor | Op::F64x2Floor => it.vector_unary(Opcode::Floor, ty),
        Op::F32x4Trunc | Op::F64x2Trunc => it.vector_unary(Opcode::Trunc, ty),
        Op::F32x4Nearest | Op::F64x2Nearest => it.vector_unary(Opcode::Nearest, ty),
        Op::F32x4Add | Op::F64x2Add => it.vector_binary(Opcode::Fadd, ty),
        Op::F32x4Sub | Op::F64x2Sub => it.vector_binary(Opcode::Fsub, ty),
        Op::F32x4Mul | Op::F64x2Mul => it.vector_binary(Opcode::Fmul, ty),
        Op::F32x4Div | Op::F64x2Div => it.vector_binary(Opcode::Fdiv, ty),
        Op::F32x4Min | Op::F64x2Min => it.vector_binary(Opcode::Fmin, ty),
        Op::F32x4Max | Op::F64x2Max => it.vector_binary(Opcode::Fmax, ty),
        Op::F32x4PMin | Op::F64x2PMin => it.pseudo_minimum(ty),
        Op::F32x4PMax | Op::F64x2PMax => it.pseudo_maximum(ty),
        _ => return false,
    }
    true
}

impl Translator<'_> {
    fn vector_unary(&mut self, opcode: Opcode, ty: Type) {
        let a = self.pop_vector(ty);
        let value = self.unary_value(opcode, ty, a);
        self.push(value);
    }

    fn vector_binary(&mut self, opcode: Opcode, ty: Type) {
        let (a, b) = self.pop_vectors(ty);
        let value = self.binary_value(opcode, a, b);
        self.push(value);
    }

    /// By a scalar count, modulo the width of a lane.
    fn vector_shift(&mut self, opcode: Opcode, ty: Type) {
        let count = self.pop();
        let vector = self.pop_vector(ty);
        let value = self.binary_value(opcode, vector, count);
        self.push(value);
    }

    fn vector_compare(&mut self, condition: IntCC, ty: Type) {
        let (a, b) = self.pop_vectors(ty);
        let value = self.builder.ins().icmp(condition, a, b);
        self.push(value);
    }

    fn vector_compare_floats(&mut self, condition: FloatCC, ty: Type) {
        let (a, b) = self.pop_vectors(ty);
        let value = self.builder.ins().fcmp(condition, a, b);
        self.push(value);
    }

    /// `b < a ? b : a`, so that NaN and zeros behave as the specification's pseudo-minimum, and as
    /// x86's instruction.
    fn pseudo_minimum(&mut self, ty: Type) {
        let (a, b) = self.pop_vectors(ty);
        let less = self.builder.ins().fcmp(FloatCC::LessThan, b, a);
        let less = self.as_vector(less, ty);
        let value = self.builder.ins().bitselect(less, b, a);
        self.push(value);
    }

    /// `a < b ? b : a`.
    fn pseudo_maximum(&mut self, ty: Type) {
        let (a, b) = self.pop_vectors(ty);
        let less = self.builder.ins().fcmp(FloatCC::LessThan, a, b);
        let less = self.as_vector(less, ty);
        let value = self.builder.ins().bitselect(less, b, a);
        self.push(value);
    }
}

/// The vector type that an operator's name begins with.
fn shape(op: &Op) -> Type {
    macro_rules! shapes {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($rest:tt)*))*) => {
            match op {
                $(Op::$op { .. } => const { shape_of_name(stringify!($op)) },)*
                _ => INVALID,
            }
        };
    }
    wasmparser::for_each_operator!(shapes)
}

const fn shape_of_name(name: &str) -> Type {
    match name.as_bytes() {
        [b'I', b'8', b'x', ..] => I8X16,
        [b'I', b'1', b'6', b'x', ..] => I16X8,
        [b'I', b'3', b'2', b'x', ..] => I32X4,
        [b'I', b'6', b'4', b'x', ..] => I64X2,
        [b'F', b'3', b'2', b'x', ..] => F32X4,
        [b'F', b'6', b'4', b'x', ..] => F64X2,
        _ => INVALID,
    }
}
