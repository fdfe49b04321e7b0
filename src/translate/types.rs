//! CLIF types of Wasm's types.

use cranelift_codegen::ir::{Type, types};
use wasmparser::ValType;

/// All supported targets have addresses of 64 bits.
pub const POINTER: Type = types::I64;

/// The CLIF type of a value. References are addresses; a `v128` is an `i8x16` wherever it crosses a
/// block or a function.
pub fn value_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
        ValType::Ref(_) => POINTER,
    }
}
