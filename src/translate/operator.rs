//! The table of operators: each arm names the method that translates a group of one shape.
//!
//! To add an operator: an arm here (in `simd/` for vectors), its method in the file of its area,
//! and, if it belongs to a proposal that is new here, the feature in `wasm/unsupported.rs`.

use super::structs::Extension;
use super::translator::Translator;
use super::{atomic, simd};
use crate::wasm::{DataIndex, ElementIndex, FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex, TypeIndex};
use anyhow::{Result, bail};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, Opcode};
use cranelift_frontend::Variable;
use wasmparser::Operator as Op;

/// Translates a validated operator.
pub fn translate(it: &mut Translator, op: &Op) -> Result<()> {
    if !it.reachable {
        dead(it, op);
        return Ok(());
    }
    match *op {
        Op::Nop => {}
        Op::Unreachable => it.unreachable(),
        Op::Block { blockty } => it.block(blockty),
        Op::Loop { blockty } => it.loop_(blockty),
        Op::If { blockty } => it.if_(blockty),
        Op::TryTable { ref try_table } => it.try_table(try_table),
        Op::Try { blockty } => it.try_(blockty),
        Op::Catch { .. } | Op::CatchAll => it.catch(),
        Op::Delegate { .. } => it.end(),
        Op::Else => it.else_(),
        Op::End => it.end(),
        Op::Br { relative_depth } => it.br(relative_depth),
        Op::BrIf { relative_depth } => it.br_if(relative_depth),
        Op::BrTable { ref targets } => it.br_table(targets)?,
        Op::BrOnNull { relative_depth } => it.br_on_null(relative_depth),
        Op::BrOnNonNull { relative_depth } => it.br_on_non_null(relative_depth),
        Op::BrOnCast { relative_depth, from_ref_type, to_ref_type } => {
            it.br_on_cast(relative_depth, from_ref_type, to_ref_type);
        }
        Op::BrOnCastFail { relative_depth, from_ref_type, to_ref_type } => {
            it.br_on_cast_fail(relative_depth, from_ref_type, to_ref_type);
        }
        Op::Return => it.return_(),
        Op::Throw { tag_index } => it.throw(TagIndex::from_u32(tag_index)),
        Op::ThrowRef => it.throw_ref(),
        Op::Rethrow { relative_depth } => it.rethrow(relative_depth),

        Op::Call { function_index } => it.call(FuncIndex::from_u32(function_index)),
        Op::CallRef { type_index } => it.call_ref(TypeIndex::from_u32(type_index)),
        Op::CallIndirect { type_index, table_index } => {
            it.call_indirect(TypeIndex::from_u32(type_index), TableIndex::from_u32(table_index));
        }
        Op::ReturnCall { function_index } => it.return_call(FuncIndex::from_u32(function_index)),
        Op::ReturnCallRef { type_index } => it.return_call_ref(TypeIndex::from_u32(type_index)),
        Op::ReturnCallIndirect { type_index, table_index } => {
            it.return_call_indirect(TypeIndex::from_u32(type_index), TableIndex::from_u32(table_index));
        }

        Op::Drop => drop(it.pop()),
        Op::Select | Op::TypedSelect { .. } => it.select(),
        Op::LocalGet { local_index } => {
            let value = it.builder.use_var(Variable::from_u32(local_index));
            it.note_get(local_index, value);
            it.keep_local(local_index, value);
            it.push(value);
        }
        Op::LocalSet { local_index } => {
            it.canonicalise(1);
            let value = it.pop();
            it.builder.def_var(Variable::from_u32(local_index), value);
            it.note_set(local_index, value);
        }
        Op::LocalTee { local_index } => {
            let top = it.canonicalise(1);
            let value = it.scratch.stack[top];
            it.builder.def_var(Variable::from_u32(local_index), value);
            it.note_set(local_index, value);
        }
        Op::GlobalGet { global_index } => it.global_get(GlobalIndex::from_u32(global_index)),
        Op::GlobalSet { global_index } => it.global_set(GlobalIndex::from_u32(global_index)),

        Op::I32Load { ref memarg } => it.load(Opcode::Load, I32, memarg),
        Op::I64Load { ref memarg } => it.load(Opcode::Load, I64, memarg),
        Op::F32Load { ref memarg } => it.load(Opcode::Load, F32, memarg),
        Op::F64Load { ref memarg } => it.load(Opcode::Load, F64, memarg),
        Op::I32Load8S { ref memarg } => it.load(Opcode::Sload8, I32, memarg),
        Op::I32Load8U { ref memarg } => it.load(Opcode::Uload8, I32, memarg),
        Op::I32Load16S { ref memarg } => it.load(Opcode::Sload16, I32, memarg),
        Op::I32Load16U { ref memarg } => it.load(Opcode::Uload16, I32, memarg),
        Op::I64Load8S { ref memarg } => it.load(Opcode::Sload8, I64, memarg),
        Op::I64Load8U { ref memarg } => it.load(Opcode::Uload8, I64, memarg),
        Op::I64Load16S { ref memarg } => it.load(Opcode::Sload16, I64, memarg),
        Op::I64Load16U { ref memarg } => it.load(Opcode::Uload16, I64, memarg),
        Op::I64Load32S { ref memarg } => it.load(Opcode::Sload32, I64, memarg),
        Op::I64Load32U { ref memarg } => it.load(Opcode::Uload32, I64, memarg),
        Op::I32Store { ref memarg }
        | Op::I64Store { ref memarg }
        | Op::F32Store { ref memarg }
        | Op::F64Store { ref memarg } => it.store(Opcode::Store, memarg),
        Op::I32Store8 { ref memarg } | Op::I64Store8 { ref memarg } => it.store(Opcode::Istore8, memarg),
        Op::I32Store16 { ref memarg } | Op::I64Store16 { ref memarg } => it.store(Opcode::Istore16, memarg),
        Op::I64Store32 { ref memarg } => it.store(Opcode::Istore32, memarg),

        Op::MemorySize { mem } => it.memory_size(MemoryIndex::from_u32(mem)),
        Op::MemoryGrow { mem } => it.memory_grow(MemoryIndex::from_u32(mem)),
        Op::MemoryCopy { dst_mem, src_mem } => {
            it.memory_copy(MemoryIndex::from_u32(dst_mem), MemoryIndex::from_u32(src_mem));
        }
        Op::MemoryFill { mem } => it.memory_fill(MemoryIndex::from_u32(mem)),
        Op::MemoryInit { data_index, mem } => {
            it.memory_init(MemoryIndex::from_u32(mem), DataIndex::from_u32(data_index));
        }
        Op::DataDrop { data_index } => it.data_drop(DataIndex::from_u32(data_index)),

        Op::TableGet { table } => it.table_get(TableIndex::from_u32(table)),
        Op::TableSet { table } => it.table_set(TableIndex::from_u32(table)),
        Op::TableSize { table } => it.table_size(TableIndex::from_u32(table)),
        Op::TableGrow { table } => it.table_grow(TableIndex::from_u32(table)),
        Op::TableFill { table } => it.table_fill(TableIndex::from_u32(table)),
        Op::TableCopy { dst_table, src_table } => {
            it.table_copy(TableIndex::from_u32(dst_table), TableIndex::from_u32(src_table));
        }
        Op::TableInit { elem_index, table } => {
            it.table_init(TableIndex::from_u32(table), ElementIndex::from_u32(elem_index));
        }
        Op::ElemDrop { elem_index } => it.elem_drop(ElementIndex::from_u32(elem_index)),

        Op::RefNull { .. } => it.ref_null(),
        Op::RefIsNull => it.ref_is_null(),
        Op::RefFunc { function_index } => it.ref_func(FuncIndex::from_u32(function_index)),
        Op::RefAsNonNull => it.ref_as_non_null(),

        _ => {
            if !objects(it, op) {
                return numeric(it, op);
            }
        }
    }
    Ok(())
}

/// Translates an operator on objects. `false` if it is not one.
pub fn objects(it: &mut Translator, op: &Op) -> bool {
    let ty = TypeIndex::from_u32;
    match *op {
        Op::StructNew { struct_type_index } => it.struct_new(ty(struct_type_index)),
        Op::StructNewDefault { struct_type_index } => it.struct_new_default(ty(struct_type_index)),
        Op::StructGet { struct_type_index, field_index } | Op::StructGetU { struct_type_index, field_index } => {
            it.struct_get(ty(struct_type_index), field_index, Extension::Unsigned);
        }
        Op::StructGetS { struct_type_index, field_index } => {
            it.struct_get(ty(struct_type_index), field_index, Extension::Signed);
        }
        Op::StructSet { struct_type_index, field_index } => it.struct_set(ty(struct_type_index), field_index),

        Op::ArrayNew { array_type_index } => it.array_new(ty(array_type_index)),
        Op::ArrayNewDefault { array_type_index } => it.array_new_default(ty(array_type_index)),
        Op::ArrayNewFixed { array_type_index, array_size } => it.array_new_fixed(ty(array_type_index), array_size),
        Op::ArrayNewData { array_type_index, array_data_index } => {
            it.array_new_data(ty(array_type_index), DataIndex::from_u32(array_data_index));
        }
        Op::ArrayNewElem { array_type_index, array_elem_index } => {
            it.array_new_elem(ty(array_type_index), ElementIndex::from_u32(array_elem_index));
        }
        Op::ArrayGet { array_type_index } | Op::ArrayGetU { array_type_index } => {
            it.array_get(ty(array_type_index), Extension::Unsigned);
        }
        Op::ArrayGetS { array_type_index } => it.array_get(ty(array_type_index), Extension::Signed),
        Op::ArraySet { array_type_index } => it.array_set(ty(array_type_index)),
        Op::ArrayLen => it.array_len(),
        Op::ArrayFill { array_type_index } => it.array_fill(ty(array_type_index)),
        Op::ArrayCopy { array_type_index_dst, array_type_index_src } => {
            it.array_copy(ty(array_type_index_dst), ty(array_type_index_src));
        }
        Op::ArrayInitData { array_type_index, array_data_index } => {
            it.array_init_data(ty(array_type_index), DataIndex::from_u32(array_data_index));
        }
        Op::ArrayInitElem { array_type_index, array_elem_index } => {
            it.array_init_elem(ty(array_type_index), ElementIndex::from_u32(array_elem_index));
        }

        Op::RefTestNonNull { hty } => it.ref_test(hty, false),
        Op::RefTestNullable { hty } => it.ref_test(hty, true),
        Op::RefCastNonNull { hty } => it.ref_cast(hty, false),
        Op::RefCastNullable { hty } => it.ref_cast(hty, true),
        Op::RefEq => it.ref_eq(),
        Op::RefI31 => it.ref_i31(),
        Op::I31GetS => it.i31_get(true),
        Op::I31GetU => it.i31_get(false),
        Op::AnyConvertExtern => it.any_convert_extern(),
        Op::ExternConvertAny => it.extern_convert_any(),
        _ => return false,
    }
    true
}

/// Which of its operands an operator takes apart or tests, counted from the last: translation wants
/// to know its type.
pub fn subject(op: &Op) -> Option<usize> {
    Some(match op {
        Op::StructGet { .. } | Op::StructGetS { .. } | Op::StructGetU { .. } | Op::ArrayLen => 0,
        Op::RefTestNonNull { .. } | Op::RefTestNullable { .. } => 0,
        Op::RefCastNonNull { .. } | Op::RefCastNullable { .. } | Op::I31GetS | Op::I31GetU => 0,
        Op::StructSet { .. } | Op::ArrayGet { .. } | Op::ArrayGetS { .. } | Op::ArrayGetU { .. } => 1,
        Op::ArraySet { .. } => 2,
        Op::ArrayFill { .. } | Op::ArrayInitData { .. } | Op::ArrayInitElem { .. } => 3,
        Op::ArrayCopy { .. } => 4,
        _ => return None,
    })
}

fn numeric(it: &mut Translator, op: &Op) -> Result<()> {
    match *op {
        Op::I32Const { value } => {
            let value = it.iconst(I32, i64::from(value));
            it.push(value);
        }
        Op::I64Const { value } => {
            let value = it.iconst(I64, value);
            it.push(value);
        }
        Op::F32Const { value } => {
            let value = it.builder.ins().f32const(f32::from_bits(value.bits()));
            it.push(value);
        }
        Op::F64Const { value } => {
            let value = it.builder.ins().f64const(f64::from_bits(value.bits()));
            it.push(value);
        }

        Op::I32Eqz | Op::I64Eqz => it.is_zero(),
        Op::I32Eq | Op::I64Eq => it.compare(IntCC::Equal),
        Op::I32Ne | Op::I64Ne => it.compare(IntCC::NotEqual),
        Op::I32LtS | Op::I64LtS => it.compare(IntCC::SignedLessThan),
        Op::I32LtU | Op::I64LtU => it.compare(IntCC::UnsignedLessThan),
        Op::I32GtS | Op::I64GtS => it.compare(IntCC::SignedGreaterThan),
        Op::I32GtU | Op::I64GtU => it.compare(IntCC::UnsignedGreaterThan),
        Op::I32LeS | Op::I64LeS => it.compare(IntCC::SignedLessThanOrEqual),
        Op::I32LeU | Op::I64LeU => it.compare(IntCC::UnsignedLessThanOrEqual),
        Op::I32GeS | Op::I64GeS => it.compare(IntCC::SignedGreaterThanOrEqual),
        Op::I32GeU | Op::I64GeU => it.compare(IntCC::UnsignedGreaterThanOrEqual),
        Op::F32Eq | Op::F64Eq => it.compare_floats(FloatCC::Equal),
        Op::F32Ne | Op::F64Ne => it.compare_floats(FloatCC::NotEqual),
        Op::F32Lt | Op::F64Lt => it.compare_floats(FloatCC::LessThan),
        Op::F32Gt | Op::F64Gt => it.compare_floats(FloatCC::GreaterThan),
        Op::F32Le | Op::F64Le => it.compare_floats(FloatCC::LessThanOrEqual),
        Op::F32Ge | Op::F64Ge => it.compare_floats(FloatCC::GreaterThanOrEqual),

        Op::I32Clz | Op::I64Clz => it.unary(Opcode::Clz),
        Op::I32Ctz | Op::I64Ctz => it.unary(Opcode::Ctz),
        Op::I32Popcnt | Op::I64Popcnt => it.unary(Opcode::Popcnt),
        Op::I32Add | Op::I64Add => it.binary(Opcode::Iadd),
        Op::I32Sub | Op::I64Sub => it.binary(Opcode::Isub),
        Op::I32Mul | Op::I64Mul => it.binary(Opcode::Imul),
        Op::I32DivS | Op::I64DivS => it.binary(Opcode::Sdiv),
        Op::I32DivU | Op::I64DivU => it.binary(Opcode::Udiv),
        Op::I32RemS | Op::I64RemS => it.binary(Opcode::Srem),
        Op::I32RemU | Op::I64RemU => it.binary(Opcode::Urem),
        Op::I32And | Op::I64And => it.binary(Opcode::Band),
        Op::I32Or | Op::I64Or => it.binary(Opcode::Bor),
        Op::I32Xor | Op::I64Xor => it.binary(Opcode::Bxor),
        Op::I32Shl | Op::I64Shl => it.binary(Opcode::Ishl),
        Op::I32ShrS | Op::I64ShrS => it.binary(Opcode::Sshr),
        Op::I32ShrU | Op::I64ShrU => it.binary(Opcode::Ushr),
        Op::I32Rotl | Op::I64Rotl => it.binary(Opcode::Rotl),
        Op::I32Rotr | Op::I64Rotr => it.binary(Opcode::Rotr),
        Op::I64Add128 => it.wide(Opcode::Iadd),
        Op::I64Sub128 => it.wide(Opcode::Isub),
        Op::I64MulWideS => it.multiply_wide(Opcode::Sextend),
        Op::I64MulWideU => it.multiply_wide(Opcode::Uextend),

        Op::F32Abs | Op::F64Abs => it.unary(Opcode::Fabs),
        Op::F32Neg | Op::F64Neg => it.unary(Opcode::Fneg),
        Op::F32Ceil | Op::F64Ceil => it.unary(Opcode::Ceil),
        Op::F32Floor | Op::F64Floor => it.unary(Opcode::Floor),
        Op::F32Trunc | Op::F64Trunc => it.unary(Opcode::Trunc),
        Op::F32Nearest | Op::F64Nearest => it.unary(Opcode::Nearest),
        Op::F32Sqrt | Op::F64Sqrt => it.unary(Opcode::Sqrt),
        Op::F32Add | Op::F64Add => it.binary(Opcode::Fadd),
        Op::F32Sub | Op::F64Sub => it.binary(Opcode::Fsub),
        Op::F32Mul | Op::F64Mul => it.binary(Opcode::Fmul),
        Op::F32Div | Op::F64Div => it.binary(Opcode::Fdiv),
        Op::F32Min | Op::F64Min => it.binary(Opcode::Fmin),
        Op::F32Max | Op::F64Max => it.binary(Opcode::Fmax),
        Op::F32Copysign | Op::F64Copysign => it.binary(Opcode::Fcopysign),

        Op::I32WrapI64 => it.convert(Opcode::Ireduce, I32),
        Op::I64ExtendI32S => it.convert(Opcode::Sextend, I64),
        Op::I64ExtendI32U => it.convert(Opcode::Uextend, I64),
        Op::I32Extend8S | Op::I64Extend8S => it.extend_low(I8),
        Op::I32Extend16S | Op::I64Extend16S => it.extend_low(I16),
        Op::I64Extend32S => it.extend_low(I32),
        Op::I32TruncF32S | Op::I32TruncF64S => it.convert(Opcode::FcvtToSint, I32),
        Op::I32TruncF32U | Op::I32TruncF64U => it.convert(Opcode::FcvtToUint, I32),
        Op::I64TruncF32S | Op::I64TruncF64S => it.convert(Opcode::FcvtToSint, I64),
        Op::I64TruncF32U | Op::I64TruncF64U => it.convert(Opcode::FcvtToUint, I64),
        Op::I32TruncSatF32S | Op::I32TruncSatF64S => it.convert(Opcode::FcvtToSintSat, I32),
        Op::I32TruncSatF32U | Op::I32TruncSatF64U => it.convert(Opcode::FcvtToUintSat, I32),
        Op::I64TruncSatF32S | Op::I64TruncSatF64S => it.convert(Opcode::FcvtToSintSat, I64),
        Op::I64TruncSatF32U | Op::I64TruncSatF64U => it.convert(Opcode::FcvtToUintSat, I64),
        Op::F32ConvertI32S | Op::F32ConvertI64S => it.convert(Opcode::FcvtFromSint, F32),
        Op::F32ConvertI32U | Op::F32ConvertI64U => it.convert(Opcode::FcvtFromUint, F32),
        Op::F64ConvertI32S | Op::F64ConvertI64S => it.convert(Opcode::FcvtFromSint, F64),
        Op::F64ConvertI32U | Op::F64ConvertI64U => it.convert(Opcode::FcvtFromUint, F64),
        Op::F32DemoteF64 => it.convert(Opcode::Fdemote, F32),
        Op::F64PromoteF32 => it.convert(Opcode::Fpromote, F64),
        Op::I32ReinterpretF32 => it.reinterpret(I32),
        Op::I64ReinterpretF64 => it.reinterpret(I64),
        Op::F32ReinterpretI32 => it.reinterpret(F32),
        Op::F64ReinterpretI64 => it.reinterpret(F64),

        _ => {
            if !simd::translate(it, op) && !atomic::translate(it, op) {
                bail!("an operator of the proposal `{}` is not supported", proposal(op));
            }
        }
    }
    Ok(())
}

/// In unreachable code only the nesting of constructs counts.
fn dead(it: &mut Translator, op: &Op) {
    match *op {
        Op::Block { blockty } | Op::Loop { blockty } | Op::If { blockty } => it.dead(blockty),
        Op::TryTable { ref try_table } => it.dead(try_table.ty),
        Op::Try { blockty } => it.dead_try(blockty),
        Op::Catch { .. } | Op::CatchAll => it.catch(),
        Op::Else => it.else_(),
        Op::End | Op::Delegate { .. } => it.end(),
        _ => {}
    }
}

/// Name of the proposal that an operator belongs to.
fn proposal(op: &Op) -> String {
    macro_rules! name_of {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($rest:tt)*))*) => {
            match op {
                $(Op::$op { .. } => stringify!($proposal),)*
                _ => "unknown",
            }
        };
    }
    wasmparser::for_each_operator!(name_of).replace('_', "-")
}
