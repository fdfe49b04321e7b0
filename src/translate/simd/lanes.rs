//! Between scalars and lanes, and lanes moved about.

use super::super::translator::Translator;
use super::shape;
use cranelift_codegen::ir::types::{I8X16, I32};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type, Value};
use wasmparser::Operator as Op;

pub fn translate(it: &mut Translator, op: &Op) -> bool {
    let ty = shape(op);
    match *op {
        Op::I8x16Splat | Op::I16x8Splat | Op::I32x4Splat | Op::I64x2Splat | Op::F32x4Splat | Op::F64x2Splat => {
            let lane = it.pop_lane(ty);
            let vector = it.builder.ins().splat(ty, lane);
            it.push(vector);
        }
        Op::I8x16ExtractLaneS { lane } | Op::I16x8ExtractLaneS { lane } => {
            it.extract_lane(ty, lane);
            it.convert(Opcode::Sextend, I32);
        }
        Op::I8x16ExtractLaneU { lane } | Op::I16x8ExtractLaneU { lane } => {
            it.extract_lane(ty, lane);
            it.convert(Opcode::Uextend, I32);
        }
        Op::I32x4ExtractLane { lane }
        | Op::I64x2ExtractLane { lane }
        | Op::F32x4ExtractLane { lane }
        | Op::F64x2ExtractLane { lane } => it.extract_lane(ty, lane),
        Op::I8x16ReplaceLane { lane }
        | Op::I16x8ReplaceLane { lane }
        | Op::I32x4ReplaceLane { lane }
        | Op::I64x2ReplaceLane { lane }
        | Op::F32x4ReplaceLane { lane }
        | Op::F64x2ReplaceLane { lane } => {
            let value = it.pop_lane(ty);
            let vector = it.pop_vector(ty);
            let vector = it.builder.ins().insertlane(vector, value, lane);
            it.push(vector);
        }
        Op::I8x16Shuffle { lanes } => {
            let (a, b) = it.pop_vectors(I8X16);
            let lanes = it.builder.func.dfg.immediates.push(lanes.to_vec().into());
            let vector = it.builder.ins().shuffle(a, b, lanes);
            it.push(vector);
        }
        Op::I8x16Swizzle => it.vector_binary(Opcode::Swizzle, I8X16),
        _ => return false,
    }
    true
}

impl Translator<'_> {
    /// Pops a scalar as wide as a lane: narrow ones come in the low bits of an `i32`.
    fn pop_lane(&mut self, ty: Type) -> Value {
        let value = self.pop();
        let lane = ty.lane_type();
        if self.type_of(value) == lane { value } else { self.builder.ins().ireduce(lane, value) }
    }

    fn extract_lane(&mut self, ty: Type, lane: u8) {
        let vector = self.pop_vector(ty);
        let value = self.builder.ins().extractlane(vector, lane);
        self.push(value);
    }
}
