//! What builtins, conversions and interpolations make of constants: at compile time, and where
//! operands happen to be known.

use crate::cot::check::Checker;
use crate::cot::check::convert::round_float;
use crate::cot::check::model::make;
use crate::cot::source::Span;
use crate::cot::typed::{Builtin, Conversion, Expression, ExpressionKind};
use crate::cot::types::{Type, TypeId};

impl Checker<'_> {
    /// A builtin of constants that computes something; none if it does something, or if its
    /// arguments are not known.
    pub(super) fn fold_builtin(
        &mut self,
        builtin: Builtin,
        arguments: &[Expression],
        ty: TypeId,
        span: Span,
    ) -> Option<Expression> {
        use ExpressionKind::{Float, Int};
        let kinds: Vec<&ExpressionKind> = arguments.iter().map(|it| &it.kind).collect();
        let kind = match (builtin, &kinds[..]) {
            (Builtin::IntMin, [Int(a), Int(b)]) => Int(*a.min(b)),
            (Builtin::IntMax, [Int(a), Int(b)]) => Int(*a.max(b)),
            (Builtin::CountTrailingZeros, [Int(number)]) => Int((*number as u64).trailing_zeros().into()),
            (Builtin::CountLeadingZeros, [Int(number)]) => Int((*number as u64).leading_zeros().into()),
            (Builtin::PopulationCount, [Int(number)]) => Int((*number as u64).count_ones().into()),
            (Builtin::FloatMin, [Float(a), Float(b)]) => Float(-float_max(-a, -b)),
            (Builtin::FloatMax, [Float(a), Float(b)]) => Float(float_max(*a, *b)),
            (Builtin::Abs, [Float(number)]) => Float(number.abs()),
            (Builtin::Ceil, [Float(number)]) => Float(number.ceil()),
            (Builtin::Floor, [Float(number)]) => Float(number.floor()),
            (Builtin::Trunc, [Float(number)]) => Float(number.trunc()),
            (Builtin::Round, [Float(number)]) => Float(number.round_ties_even()),
            (Builtin::Sqrt, [Float(number)]) => {
                let bits = if ty == TypeId::F32 { 32 } else { 64 };
                Float(round_float(number.sqrt(), bits))
            }
            (Builtin::TagName, [Int(number)]) => {
                let of = self.types.enum_type(arguments[0].ty)?;
                let name = of.variants.iter().find(|(_, value)| value == number)?.0.clone();
                return Some(self.text(&name, span).expr);
            }
            _ => return None,
        };
        Some(make(kind, ty, span))
    }

    /// A conversion of a constant; none if only the program can make it.
    pub(super) fn fold_conversion(
        &mut self,
        conversion: Conversion,
        value: &Expression,
        ty: TypeId,
        span: Span,
    ) -> Option<Expression> {
        let target = self.types.get(ty).clone();
        let kind = match (conversion, &value.kind, target) {
            (Conversion::ResizeInt, ExpressionKind::Int(number), _) => ExpressionKind::Int(self.wrap(*number, ty)),
            (Conversion::Reinterpret, kind @ ExpressionKind::Int(_), _) => kind.clone(),
            (Conversion::BoolToInt, ExpressionKind::Bool(value), _) => ExpressionKind::Int(i128::from(*value)),
            (Conversion::IntToFloat, ExpressionKind::Int(number), Type::Float { bits }) => {
                ExpressionKind::Float(if bits == 32 { f64::from(*number as f32) } else { *number as f64 })
            }
            (Conversion::ResizeFloat, ExpressionKind::Float(number), Type::Float { bits }) => {
                ExpressionKind::Float(round_float(*number, bits))
            }
            (Conversion::FloatToInt, ExpressionKind::Float(number), Type::Int { signed, bits }) => {
                // `as` saturates, and makes 0 of NaN; the bounds of 64 bits are in the range of
                // i128.
                let (low, high) = match signed {
                    true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
                    false => (0, (1i128 << bits) - 1),
                };
                ExpressionKind::Int((*number as i128).clamp(low, high))
            }
            (Conversion::BitCast, ExpressionKind::Float(number), Type::Int { bits: 32, .. }) => {
                ExpressionKind::Int(self.wrap((*number as f32).to_bits().into(), ty))
            }
            (Conversion::BitCast, ExpressionKind::Float(number), Type::Int { .. }) => {
                ExpressionKind::Int(self.wrap(number.to_bits().into(), ty))
            }
            (Conversion::BitCast, ExpressionKind::Int(number), Type::Float { bits: 32 }) => {
                ExpressionKind::Float(f32::from_bits(*number as u32).into())
            }
            (Conversion::BitCast, ExpressionKind::Int(number), Type::Float { .. }) => {
                ExpressionKind::Float(f64::from_bits(*number as u64))
            }
            _ => return None,
        };
        Some(make(kind, ty, span))
    }

    /// A constant as an interpolation shows it.
    pub(super) fn append_shown(&self, value: &Expression, to: &mut Vec<u8>) -> Option<()> {
        match &value.kind {
            ExpressionKind::String(id) => to.extend(&self.output[*id]),
            ExpressionKind::Int(number) => to.extend(number.to_string().bytes()),
            ExpressionKind::Bool(value) => to.extend(value.to_string().bytes()),
            ExpressionKind::Float(number) if number.is_nan() => to.extend(b"nan"),
            ExpressionKind::Float(number) if value.ty == TypeId::F32 => to.extend((*number as f32).to_string().bytes()),
            ExpressionKind::Float(number) => to.extend(number.to_string().bytes()),
            _ => return None,
        }
        Some(())
    }
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
