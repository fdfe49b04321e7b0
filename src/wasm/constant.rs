//! Constant expressions (core specification, 3.3.10 "Constant Expressions", with extended
//! constants), evaluated as far as possible before the program runs.

use super::{FuncIndex, GlobalIndex, Module};
use crate::abi::object::IMMEDIATE;
use wasmparser::{ConstExpr, HeapType, Operator};

/// The value of a constant expression.
#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Constant {
    I32(i32),
    I64(i64),
    /// Bits of a float, so that NaNs keep their payload.
    F32(u32),
    F64(u64),
    V128(u128),
    RefNull,
    RefFunc(FuncIndex),
    /// The 31 bits of an `i31`.
    I31(u32),
}

impl Constant {
    /// The constant as an address or index, for which `i32` is unsigned.
    pub fn as_offset(self) -> Option<u64> {
        match self {
            Constant::I32(value) => Some(u64::from(value.cast_unsigned())),
            Constant::I64(value) => Some(value.cast_unsigned()),
            _ => None,
        }
    }
}

/// Evaluates `expr`. `None` if it depends on an imported global, whose value only the running
/// program knows, or makes an object.
///
/// # Panics
/// On expressions that the validator refuses.
pub fn evaluate(module: &Module, expr: &ConstExpr) -> Option<Constant> {
    let mut stack = Vec::new();
    for operator in expr.get_operators_reader() {
        let operator = operator.expect("constant expressions were validated");
        let value = match operator {
            Operator::I32Const { value } => Constant::I32(value),
            Operator::I64Const { value } => Constant::I64(value),
            Operator::F32Const { value } => Constant::F32(value.bits()),
            Operator::F64Const { value } => Constant::F64(value.bits()),
            Operator::V128Const { value } => Constant::V128(value.i128().cast_unsigned()),
            Operator::RefNull { hty: HeapType::Abstract { .. } | HeapType::Concrete(_) | HeapType::Exact(_) } => {
                Constant::RefNull
            }
            Operator::RefFunc { function_index } => Constant::RefFunc(FuncIndex::from_u32(function_index)),
            Operator::RefI31 => match stack.pop() {
                Some(Constant::I32(value)) => Constant::I31(value.cast_unsigned() & I31_BITS),
                other => panic!("validated: {other:?} is an `i32`"),
            },
            Operator::GlobalGet { global_index } => module.globals[GlobalIndex::from_u32(global_index)].value?,
            Operator::End => break,
            // Objects are made when the program runs.
            _ if is_of_objects(&operator) => return None,
            _ => {
                let right = stack.pop().expect("validated: two operands");
                let left = stack.pop().expect("validated: two operands");
                binary(&operator, left, right)
            }
        };
        stack.push(value);
    }
    stack.pop()
}

/// The bits of an `i31`.
pub const I31_BITS: u32 = (1 << 31) - 1;

/// The reference that an `i31` is, see [`crate::abi::object`].
pub fn i31_word(bits: u32) -> u64 {
    u64::from(bits & I31_BITS) << 1 | IMMEDIATE
}

fn is_of_objects(operator: &Operator) -> bool {
    matches!(
        operator,
        Operator::StructNew { .. }
            | Operator::StructNewDefault { .. }
            | Operator::ArrayNew { .. }
            | Operator::ArrayNewDefault { .. }
            | Operator::ArrayNewFixed { .. }
            | Operator::AnyConvertExtern
            | Operator::ExternConvertAny
    )
}

fn binary(operator: &Operator, left: Constant, right: Constant) -> Constant {
    use Constant::{I32, I64};
    match (operator, left, right) {
        (Operator::I32Add, I32(a), I32(b)) => I32(a.wrapping_add(b)),
        (Operator::I32Sub, I32(a), I32(b)) => I32(a.wrapping_sub(b)),
        (Operator::I32Mul, I32(a), I32(b)) => I32(a.wrapping_mul(b)),
        (Operator::I64Add, I64(a), I64(b)) => I64(a.wrapping_add(b)),
        (Operator::I64Sub, I64(a), I64(b)) => I64(a.wrapping_sub(b)),
        (Operator::I64Mul, I64(a), I64(b)) => I64(a.wrapping_mul(b)),
        _ => panic!("{operator:?} is not a constant operator: the validator should have refused it"),
    }
}
