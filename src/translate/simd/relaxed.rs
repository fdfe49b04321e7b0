//! Relaxed SIMD: among the results that the proposal allows, the one that the target has an
//! instruction for.
//!
//! Without such an instruction: the result of the proposal's deterministic profile.

use super::super::Architecture;
use super::super::translator::Translator;
use super::shape;
use cranelift_codegen::ir::types::{F32X4, I8X16, I32X4};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type};
use wasmparser::Operator as Op;

pub fn translate(it: &mut Translator, op: &Op) -> bool {
    let ty = shape(op);
    let x86 = it.is_x86();
    match op {
        Op::I8x16RelaxedSwizzle if x86 => it.vector_binary(Opcode::X86Pshufb, I8X16),
        Op::I8x16RelaxedSwizzle => it.vector_binary(Opcode::Swizzle, I8X16),
        Op::I32x4RelaxedTruncF32x4S if x86 => it.convert_lanes(F32X4, Opcode::X86Cvtt2dq, I32X4),
        Op::I32x4RelaxedTruncF32x4S => it.convert_lanes(F32X4, Opcode::FcvtToSintSat, I32X4),
        Op::I32x4RelaxedTruncF32x4U => it.convert_lanes(F32X4, Opcode::FcvtToUintSat, I32X4),
        Op::I32x4RelaxedTruncF64x2SZero if x86 => it.truncate_doubles(Opcode::X86Cvtt2dq, Opcode::Snarrow),
        Op::I32x4RelaxedTruncF64x2SZero => it.truncate_doubles(Opcode::FcvtToSintSat, Opcode::Snarrow),
        Op::I32x4RelaxedTruncF64x2UZero => it.truncate_doubles(Opcode::FcvtToUintSat, Opcode::Uunarrow),
        Op::F32x4RelaxedMadd | Op::F64x2RelaxedMadd => it.multiply_add(ty),
        Op::F32x4RelaxedNmadd | Op::F64x2RelaxedNmadd => it.negated_multiply_add(ty),
        Op::I8x16RelaxedLaneselect | Op::I32x4RelaxedLaneselect | Op::I64x2RelaxedLaneselect if x86 => {
            it.lane_select(Opcode::Blendv, ty);
        }
        Op::I8x16RelaxedLaneselect
        | Op::I16x8RelaxedLaneselect
        | Op::I32x4RelaxedLaneselect
        | Op::I64x2RelaxedLaneselect => it.lane_select(Opcode::Bitselect, ty),
        Op::F32x4RelaxedMin | Op::F64x2RelaxedMin if x86 => it.pseudo_minimum(ty),
        Op::F32x4RelaxedMin | Op::F64x2RelaxedMin => it.vector_binary(Opcode::Fmin, ty),
        Op::F32x4RelaxedMax | Op::F64x2RelaxedMax if x86 => it.pseudo_maximum(ty),
        Op::F32x4RelaxedMax | Op::F64x2RelaxedMax => it.vector_binary(Opcode::Fmax, ty),
        Op::I16x8RelaxedQ15mulrS if x86 => it.vector_binary(Opcode::X86Pmulhrsw, ty),
        Op::I16x8RelaxedQ15mulrS => it.vector_binary(Opcode::SqmulRoundSat, ty),
        Op::I16x8RelaxedDotI8x16I7x16S => it.relaxed_dot(),
        Op::I32x4RelaxedDotI8x16I7x16AddS => it.relaxed_dot_add(),
        _ => return false,
    }
    true
}

impl Translator<'_> {
    fn is_x86(&self) -> bool {
        self.env.machine.architecture == Architecture::X86_64
    }

    /// `a * b + c`.
    fn multiply_add(&mut self, ty: Type) {
        let c = self.pop_vector(ty);
        let (a, b) = self.pop_vectors(ty);
        let value = if self.env.machine.fused_multiply_add {
            self.builder.ins().fma(a, b, c)
        } else {
            let product = self.builder.ins().fmul(a, b);
            self.builder.ins().fadd(product, c)
        };
        self.push(value);
    }

    /// `-(a * b) + c`.
    fn negated_multiply_add(&mut self, ty: Type) {
        let c = self.pop_vector(ty);
        let (a, b) = self.pop_vectors(ty);
        let value = if self.env.machine.fused_multiply_add {
            let a = self.builder.ins().fneg(a);
            self.builder.ins().fma(a, b, c)
        } else {
            let product = self.builder.ins().fmul(a, b);
            self.builder.ins().fsub(c, product)
        };
        self.push(value);
    }

    fn lane_select(&mut self, opcode: Opcode, ty: Type) {
        let mask = self.pop_vector(ty);
        let (ones, zeros) = self.pop_vectors(ty);
        let (select, dfg) = self.builder.ins().Ternary(opcode, ty, mask, ones, zeros);
        let value = dfg.first_result(select);
        self.push(value);
    }

    /// Products of bytes, the second operand's of 7 bits, summed by twos. x86 takes the second as
    /// unsigned.
    fn relaxed_dot(&mut self) {
        let (a, b) = self.pop_vectors(I8X16);
        let value = if self.is_x86() { self.builder.ins().x86_pmaddubsw(a, b) } else { self.dot(a, b) };
        self.push(value);
    }

    /// The same, summed by fours, and added to a vector of `i32`. Exact without the instruction,
    /// whose first sums saturate.
    fn relaxed_dot_add(&mut self) {
        let addend = self.pop_vector(I32X4);
        let (a, b) = self.pop_vectors(I8X16);
        let sums = if self.is_x86() {
            let products = self.builder.ins().x86_pmaddubsw(a, b);
            self.pair_sums(products)
        } else {
            let (low, high) = self.products(a, b);
            let (low, high) = (self.pair_sums(low), self.pair_sums(high));
            self.builder.ins().iadd_pairwise(low, high)
        };
        let value = self.builder.ins().iadd(sums, addend);
        self.push(value);
    }
}
