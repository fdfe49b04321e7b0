//! Loads and stores of vectors and of single lanes.

use super::super::translator::Translator;
use super::super::types::POINTER;
use cranelift_codegen::ir::types::{I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Opcode, Type};
use wasmparser::{MemArg, Operator as Op};

pub fn translate(it: &mut Translator, op: &Op) -> bool {
    match op {
        Op::V128Load { memarg } => it.load(Opcode::Load, I8X16, memarg),
        // The type of these results follows from the opcode; what varies is the type of the
        // address.
        Op::V128Load8x8S { memarg } => it.load(Opcode::Sload8x8, POINTER, memarg),
        Op::V128Load8x8U { memarg } => it.load(Opcode::Uload8x8, POINTER, memarg),
        Op::V128Load16x4S { memarg } => it.load(Opcode::Sload16x4, POINTER, memarg),
        Op::V128Load16x4U { memarg } => it.load(Opcode::Uload16x4, POINTER, memarg),
        Op::V128Load32x2S { memarg } => it.load(Opcode::Sload32x2, POINTER, memarg),
        Op::V128Load32x2U { memarg } => it.load(Opcode::Uload32x2, POINTER, memarg),
        Op::V128Load8Splat { memarg } => it.load_splat(I8X16, memarg),
        Op::V128Load16Splat { memarg } => it.load_splat(I16X8, memarg),
        Op::V128Load32Splat { memarg } => it.load_splat(I32X4, memarg),
        Op::V128Load64Splat { memarg } => it.load_splat(I64X2, memarg),
        Op::V128Load32Zero { memarg } => it.load_zero(I32X4, memarg),
        Op::V128Load64Zero { memarg } => it.load_zero(I64X2, memarg),
        Op::V128Load8Lane { memarg, lane } => it.load_lane(I8X16, memarg, *lane),
        Op::V128Load16Lane { memarg, lane } => it.load_lane(I16X8, memarg, *lane),
        Op::V128Load32Lane { memarg, lane } => it.load_lane(I32X4, memarg, *lane),
        Op::V128Load64Lane { memarg, lane } => it.load_lane(I64X2, memarg, *lane),
        Op::V128Store { memarg } => it.store(Opcode::Store, memarg),
        Op::V128Store8Lane { memarg, lane } => it.store_lane(I8X16, memarg, *lane),
        Op::V128Store16Lane { memarg, lane } => it.store_lane(I16X8, memarg, *lane),
        Op::V128Store32Lane { memarg, lane } => it.store_lane(I32X4, memarg, *lane),
        Op::V128Store64Lane { memarg, lane } => it.store_lane(I64X2, memarg, *lane),
        _ => return false,
    }
    true
}

impl Translator<'_> {
    fn load_splat(&mut self, ty: Type, memarg: &MemArg) {
        let lane = self.load_value(Opcode::Load, ty.lane_type(), memarg);
        let vector = self.builder.ins().splat(ty, lane);
        self.push(vector);
    }

    fn load_zero(&mut self, ty: Type, memarg: &MemArg) {
        let lane = self.load_value(Opcode::Load, ty.lane_type(), memarg);
        let vector = self.builder.ins().scalar_to_vector(ty, lane);
        self.push(vector);
    }

    fn load_lane(&mut self, ty: Type, memarg: &MemArg, lane: u8) {
        let vector = self.pop_vector(ty);
        let value = self.load_value(Opcode::Load, ty.lane_type(), memarg);
        let vector = self.builder.ins().insertlane(vector, value, lane);
        self.push(vector);
    }

    fn store_lane(&mut self, ty: Type, memarg: &MemArg, lane: u8) {
        let vector = self.pop_vector(ty);
        let value = self.builder.ins().extractlane(vector, lane);
        self.store_value(Opcode::Store, value, memarg);
    }
}
