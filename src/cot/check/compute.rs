//! What operators, builtins, conversions and interpolations make of values that are known: at
//! compile time, and where operands happen to be constants. Each is none where only the program can
//! say what comes out.

use std::rc::Rc;

use crate::cot::check::const_value::ConstValue;
use crate::cot::typed::{ArithmeticOperator, Builtin, CompareOperator, Conversion};
use crate::cot::types::{Type, TypeId, Types};

/// An operator on two values of one type.
pub(super) fn arithmetic(
    types: &Types,
    operator: ArithmeticOperator,
    left: &ConstValue,
    right: &ConstValue,
) -> Option<ConstValue> {
    Some(match (left, right) {
        (ConstValue::Int(a, ty), ConstValue::Int(b, _)) => {
            ConstValue::Int(wrap(types, exact(types, operator, *a, *b, *ty)?, *ty), *ty)
        }
        (ConstValue::Float(a, ty), ConstValue::Float(b, _)) => {
            ConstValue::Float(round(types, fold_floats(operator, *a, *b)?, *ty), *ty)
        }
        _ => return None,
    })
}

/// An operator on two integers, before the result is cut to the width of their type. Both lie
/// between -2^63 and 2^64, so nothing overflows.
pub(super) fn exact(types: &Types, operator: ArithmeticOperator, a: i128, b: i128, ty: TypeId) -> Option<i128> {
    let bits = if let Type::Int { bits, .. } = types.get(ty) { u32::from(*bits) } else { 64 };
    let low = |value: i128| value & ((1i128 << bits) - 1);
    let count = (b.rem_euclid(i128::from(bits))) as u32;
    Some(match operator {
        ArithmeticOperator::Add => a + b,
        ArithmeticOperator::Subtract => a - b,
        ArithmeticOperator::Multiply => a.wrapping_mul(b),
        ArithmeticOperator::Divide | ArithmeticOperator::Remainder if b == 0 => return None,
        ArithmeticOperator::Divide if b == -1 && a == -(1i128 << (bits - 1)) => return None,
        ArithmeticOperator::Divide => a / b,
        ArithmeticOperator::Remainder => a % b,
        ArithmeticOperator::BitAnd => a & b,
        ArithmeticOperator::BitOr => a | b,
        ArithmeticOperator::BitXor => a ^ b,
        ArithmeticOperator::ShiftLeft => low(a) << count & ((1i128 << bits) - 1),
        ArithmeticOperator::ShiftRight => low(a) >> count,
    })
}

fn fold_floats(operator: ArithmeticOperator, a: f64, b: f64) -> Option<f64> {
    Some(match operator {
        ArithmeticOperator::Add => a + b,
        ArithmeticOperator::Subtract => a - b,
        ArithmeticOperator::Multiply => a * b,
        ArithmeticOperator::Divide => a / b,
        ArithmeticOperator::Remainder => a % b,
        _ => return None,
    })
}

pub(super) fn negate(types: &Types, value: &ConstValue) -> Option<ConstValue> {
    match value {
        ConstValue::Int(number, ty) => Some(ConstValue::Int(wrap(types, -number, *ty), *ty)),
        ConstValue::Float(number, ty) => Some(ConstValue::Float(-number, *ty)),
        _ => None,
    }
}

pub(super) fn bit_not(types: &Types, value: &ConstValue) -> Option<ConstValue> {
    match value {
        ConstValue::Int(number, ty) => Some(ConstValue::Int(wrap(types, !number, *ty), *ty)),
        _ => None,
    }
}

pub(super) fn compare(operator: CompareOperator, left: &ConstValue, right: &ConstValue) -> Option<bool> {
    let ordering = match (left, right) {
        (ConstValue::Int(a, _), ConstValue::Int(b, _)) => Some(a.cmp(b)),
        (ConstValue::Float(a, _), ConstValue::Float(b, _)) => a.partial_cmp(b),
        (ConstValue::Bool(a), ConstValue::Bool(b)) => Some(a.cmp(b)),
        (ConstValue::String(a), ConstValue::String(b)) => Some(a.cmp(b)),
        _ => return None,
    };
    // NaN is unequal to everything, and not in order with anything.
    Some(match operator {
        CompareOperator::Equal => ordering.is_some_and(|it| it.is_eq()),
        CompareOperator::NotEqual => !ordering.is_some_and(|it| it.is_eq()),
        CompareOperator::Less => ordering.is_some_and(|it| it.is_lt()),
        CompareOperator::LessEqual => ordering.is_some_and(|it| it.is_le()),
        CompareOperator::Greater => ordering.is_some_and(|it| it.is_gt()),
        CompareOperator::GreaterEqual => ordering.is_some_and(|it| it.is_ge()),
    })
}

/// `++`, with a result of type `ty`.
pub(super) fn concat(left: ConstValue, right: ConstValue, ty: TypeId) -> Option<ConstValue> {
    match (left, right) {
        (ConstValue::String(a), ConstValue::String(b)) => Some(ConstValue::String([&a[..], &b[..]].concat().into())),
        (ConstValue::Aggregate(mut a, _), ConstValue::Aggregate(b, _)) => {
            a.extend(b);
            Some(ConstValue::Aggregate(a, ty))
        }
        _ => None,
    }
}

/// A builtin that computes something of type `ty`; none if it does something.
pub(super) fn builtin(types: &Types, builtin: Builtin, arguments: &[ConstValue], ty: TypeId) -> Option<ConstValue> {
    use ConstValue::{Float, Int};
    let float = |number: f64| Float(number, ty);
    Some(match (builtin, arguments) {
        (Builtin::IntMin, [Int(a, _), Int(b, _)]) => Int(*a.min(b), ty),
        (Builtin::IntMax, [Int(a, _), Int(b, _)]) => Int(*a.max(b), ty),
        (Builtin::CountTrailingZeros, [Int(number, _)]) => Int((*number as u64).trailing_zeros().into(), ty),
        (Builtin::CountLeadingZeros, [Int(number, _)]) => Int((*number as u64).leading_zeros().into(), ty),
        (Builtin::PopulationCount, [Int(number, _)]) => Int((*number as u64).count_ones().into(), ty),
        (Builtin::FloatMin, [Float(a, _), Float(b, _)]) => float(-float_max(-a, -b)),
        (Builtin::FloatMax, [Float(a, _), Float(b, _)]) => float(float_max(*a, *b)),
        (Builtin::Abs, [Float(number, _)]) => float(number.abs()),
        (Builtin::Ceil, [Float(number, _)]) => float(number.ceil()),
        (Builtin::Floor, [Float(number, _)]) => float(number.floor()),
        (Builtin::Trunc, [Float(number, _)]) => float(number.trunc()),
        (Builtin::Round, [Float(number, _)]) => float(number.round_ties_even()),
        (Builtin::Sqrt, [Float(number, _)]) => float(round(types, number.sqrt(), ty)),
        (Builtin::TagName, [Int(number, of)]) => {
            let variants = &types.enum_type(*of)?.variants;
            let (name, _) = variants.iter().find(|(_, value)| value == number)?;
            ConstValue::String(Rc::from(name.as_bytes()))
        }
        _ => return None,
    })
}

/// A value as one of type `ty`.
pub(super) fn convert(types: &Types, conversion: Conversion, value: &ConstValue, ty: TypeId) -> Option<ConstValue> {
    let float = |number: f64| Some(ConstValue::Float(round(types, number, ty), ty));
    let int = |number: i128| Some(ConstValue::Int(number, ty));
    match (conversion, value, types.get(ty)) {
        (Conversion::ResizeInt, ConstValue::Int(number, _), _) => int(wrap(types, *number, ty)),
        (Conversion::Reinterpret, ConstValue::Int(number, _), _) => int(*number),
        (Conversion::BoolToInt, ConstValue::Bool(value), _) => int(i128::from(*value)),
        (Conversion::IntToFloat, ConstValue::Int(number, _), Type::Float { bits: 32 }) => {
            // Rounded once, not by way of 64 bits.
            float(f64::from(*number as f32))
        }
        (Conversion::IntToFloat, ConstValue::Int(number, _), Type::Float { .. }) => float(*number as f64),
        (Conversion::ResizeFloat, ConstValue::Float(number, _), Type::Float { .. }) => float(*number),
        (Conversion::FloatToInt, ConstValue::Float(number, _), Type::Int { signed, bits }) => {
            // `as` saturates, and makes 0 of NaN; the bounds of 64 bits are in the range of i128.
            let (low, high) = match signed {
                true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
                false => (0, (1i128 << bits) - 1),
            };
            int((*number as i128).clamp(low, high))
        }
        (Conversion::BitCast, ConstValue::Float(number, _), Type::Int { bits: 32, .. }) => {
            int(wrap(types, (*number as f32).to_bits().into(), ty))
        }
        (Conversion::BitCast, ConstValue::Float(number, _), Type::Int { .. }) => {
            int(wrap(types, number.to_bits().into(), ty))
        }
        (Conversion::BitCast, ConstValue::Int(number, _), Type::Float { bits: 32 }) => {
            Some(ConstValue::Float(f32::from_bits(*number as u32).into(), ty))
        }
        (Conversion::BitCast, ConstValue::Int(number, _), Type::Float { .. }) => {
            Some(ConstValue::Float(f64::from_bits(*number as u64), ty))
        }
        _ => None,
    }
}

/// Appends a value as an interpolation shows it.
pub(super) fn append_shown(value: &ConstValue, to: &mut Vec<u8>) -> Option<()> {
    match value {
        ConstValue::String(text) => to.extend(&text[..]),
        ConstValue::Int(number, _) => to.extend(number.to_string().bytes()),
        ConstValue::Bool(value) => to.extend(value.to_string().bytes()),
        ConstValue::Float(number, _) if number.is_nan() => to.extend(b"nan"),
        ConstValue::Float(number, TypeId::F32) => to.extend((*number as f32).to_string().bytes()),
        ConstValue::Float(number, _) => to.extend(number.to_string().bytes()),
        ConstValue::Void | ConstValue::Aggregate(..) => return None,
    }
    Some(())
}

/// The low bits of a number, read as an integer type.
pub(super) fn wrap(types: &Types, number: i128, ty: TypeId) -> i128 {
    match types.get(ty) {
        Type::Int { signed, bits } => {
            let low = number & ((1i128 << bits) - 1);
            if *signed && low >> (bits - 1) != 0 { low - (1i128 << bits) } else { low }
        }
        _ => number,
    }
}

fn round(types: &Types, number: f64, ty: TypeId) -> f64 {
    let bits = if let Type::Float { bits } = types.get(ty) { *bits } else { 64 };
    round_float(number, bits)
}

/// A number as the nearest value of a float type.
pub(super) fn round_float(value: f64, bits: u8) -> f64 {
    if bits == 32 { f64::from(value as f32) } else { value }
}

/// As Wasm has it: NaN propagates, and 0 is greater than -0.
fn float_max(a: f64, b: f64) -> f64 {
    match a.partial_cmp(&b) {
        None => f64::NAN,
        Some(std::cmp::Ordering::Less) => b,
        Some(std::cmp::Ordering::Equal) if a.is_sign_negative() => b,
        Some(_) => a,
    }
}
