//! Operators between vectors of different lanes: widening, narrowing, products that need twice the
//! width, conversions.

use super::super::translator::Translator;
use super::shape;
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value};
use wasmparser::Operator as Op;

pub fn translate(it: &mut Translator, op: &Op) -> bool {
    // The shape is that of the result; the operands' lanes are half as wide, or twice.
    let ty = shape(op);
    match op {
        Op::I16x8ExtendLowI8x16S | Op::I32x4ExtendLowI16x8S | Op::I64x2ExtendLowI32x4S => {
            it.widen_lanes(Opcode::SwidenLow, ty);
        }
        Op::I16x8ExtendHighI8x16S | Op::I32x4ExtendHighI16x8S | Op::I64x2ExtendHighI32x4S => {
            it.widen_lanes(Opcode::SwidenHigh, ty);
        }
        Op::I16x8ExtendLowI8x16U | Op::I32x4ExtendLowI16x8U | Op::I64x2ExtendLowI32x4U => {
            it.widen_lanes(Opcode::UwidenLow, ty);
        }
        Op::I16x8ExtendHighI8x16U | Op::I32x4ExtendHighI16x8U | Op::I64x2ExtendHighI32x4U => {
            it.widen_lanes(Opcode::UwidenHigh, ty);
        }
        Op::I16x8ExtMulLowI8x16S | Op::I32x4ExtMulLowI16x8S | Op::I64x2ExtMulLowI32x4S => {
            it.multiply_widened(Opcode::SwidenLow, ty);
        }
        Op::I16x8ExtMulHighI8x16S | Op::I32x4ExtMulHighI16x8S | Op::I64x2ExtMulHighI32x4S => {
            it.multiply_widened(Opcode::SwidenHigh, ty);
        }
        Op::I16x8ExtMulLowI8x16U | Op::I32x4ExtMulLowI16x8U | Op::I64x2ExtMulLowI32x4U => {
            it.multiply_widened(Opcode::UwidenLow, ty);
        }
        Op::I16x8ExtMulHighI8x16U | Op::I32x4ExtMulHighI16x8U | Op::I64x2ExtMulHighI32x4U => {
            it.multiply_widened(Opcode::UwidenHigh, ty);
        }
        Op::I16x8ExtAddPairwiseI8x16S | Op::I32x4ExtAddPairwiseI16x8S => {
            it.add_pairs(ty, Opcode::SwidenLow, Opcode::SwidenHigh);
        }
        Op::I16x8ExtAddPairwiseI8x16U | Op::I32x4ExtAddPairwiseI16x8U => {
            it.add_pairs(ty, Opcode::UwidenLow, Opcode::UwidenHigh);
        }
        Op::I32x4DotI16x8S => {
            let (a, b) = it.pop_vectors(I16X8);
            let value = it.dot(a, b);
            it.push(value);
        }
        Op::I8x16NarrowI16x8S => it.vector_binary(Opcode::Snarrow, I16X8),
        Op::I8x16NarrowI16x8U => it.vector_binary(Opcode::Unarrow, I16X8),
        Op::I16x8NarrowI32x4S => it.vector_binary(Opcode::Snarrow, I32X4),
        Op::I16x8NarrowI32x4U => it.vector_binary(Opcode::Unarrow, I32X4),

        Op::F32x4ConvertI32x4S => it.convert_lanes(I32X4, Opcode::FcvtFromSint, F32X4),
        Op::F32x4ConvertI32x4U => it.convert_lanes(I32X4, Opcode::FcvtFromUint, F32X4),
        Op::F64x2ConvertLowI32x4S => {
            it.widen_lanes(Opcode::SwidenLow, I64X2);
            it.convert_lanes(I64X2, Opcode::FcvtFromSint, F64X2);
        }
        Op::F64x2ConvertLowI32x4U => {
            it.widen_lanes(Opcode::UwidenLow, I64X2);
            it.convert_lanes(I64X2, Opcode::FcvtFromUint, F64X2);
        }
        Op::I32x4TruncSatF32x4S => it.convert_lanes(F32X4, Opcode::FcvtToSintSat, I32X4),
        Op::I32x4TruncSatF32x4U => it.convert_lanes(F32X4, Opcode::FcvtToUintSat, I32X4),
        Op::I32x4TruncSatF64x2SZero => it.truncate_doubles(Opcode::FcvtToSintSat, Opcode::Snarrow),
        Op::I32x4TruncSatF64x2UZero => it.truncate_doubles(Opcode::FcvtToUintSat, Opcode::Uunarrow),
        Op::F32x4DemoteF64x2Zero => {
            let doubles = it.pop_vector(F64X2);
            let value = it.builder.ins().fvdemote(doubles);
            it.push(value);
        }
        Op::F64x2PromoteLowF32x4 => {
            let singles = it.pop_vector(F32X4);
            let value = it.builder.ins().fvpromote_low(singles);
            it.push(value);
        }
        _ => return false,
    }
    true
}

impl Translator<'_> {
    fn widen_lanes(&mut self, opcode: Opcode, ty: Type) {
        let vector = self.pop_vector(half_lanes(ty));
        let value = self.widened(opcode, vector);
        self.push(value);
    }

    fn widened(&mut self, opcode: Opcode, vector: Value) -> Value {
        let ty = self.type_of(vector);
        self.unary_value(opcode, ty, vector)
    }

    fn multiply_widened(&mut self, opcode: Opcode, ty: Type) {
        let (a, b) = self.pop_vectors(half_lanes(ty));
        let (a, b) = (self.widened(opcode, a), self.widened(opcode, b));
        let value = self.builder.ins().imul(a, b);
        self.push(value);
    }

    fn add_pairs(&mut self, ty: Type, low: Opcode, high: Opcode) {
        let vector = self.pop_vector(half_lanes(ty));
        let (low, high) = (self.widened(low, vector), self.widened(high, vector));
        let value = self.builder.ins().iadd_pairwise(low, high);
        self.push(value);
    }

    /// Signed products of lanes, summed by twos.
    pub fn dot(&mut self, a: Value, b: Value) -> Value {
        let (low, high) = self.products(a, b);
        self.builder.ins().iadd_pairwise(low, high)
    }

    /// Signed products of lanes: of the low half, of the high half.
    pub fn products(&mut self, a: Value, b: Value) -> (Value, Value) {
        let (low_a, low_b) = (self.widened(Opcode::SwidenLow, a), self.widened(Opcode::SwidenLow, b));
        let low = self.builder.ins().imul(low_a, low_b);
        let (high_a, high_b) = (self.widened(Opcode::SwidenHigh, a), self.widened(Opcode::SwidenHigh, b));
        (low, self.builder.ins().imul(high_a, high_b))
    }

    /// Signed lanes, summed by twos.
    pub fn pair_sums(&mut self, vector: Value) -> Value {
        let (low, high) = (self.widened(Opcode::SwidenLow, vector), self.widened(Opcode::SwidenHigh, vector));
        self.builder.ins().iadd_pairwise(low, high)
    }

    pub fn convert_lanes(&mut self, from: Type, opcode: Opcode, to: Type) {
        let vector = self.pop_vector(from);
        let value = self.unary_value(opcode, to, vector);
        self.push(value);
    }

    /// Two doubles to the low two of four integers; the others are zero.
    pub fn truncate_doubles(&mut self, opcode: Opcode, narrow: Opcode) {
        let doubles = self.pop_vector(F64X2);
        let wide = self.unary_value(opcode, I64X2, doubles);
        let zero = self.vector_constant(I64X2, [0; 16]);
        let value = self.binary_value(narrow, wide, zero);
        self.push(value);
    }
}

fn half_lanes(ty: Type) -> Type {
    match ty {
        I16X8 => I8X16,
        I32X4 => I16X8,
        I64X2 => I32X4,
        other => panic!("{other} has no half as wide lanes"),
    }
}
