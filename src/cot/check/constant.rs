//! Constants: what counts as one, and folding of operators (section 21).

use crate::cot::ast::{BinaryOperator, Expr};
use crate::cot::check::Checker;
use crate::cot::check::body::Body;
use crate::cot::check::convert::round_float;
use crate::cot::check::model::{Env, Untyped, Value, make};
use crate::cot::source::Span;
use crate::cot::typed::{CompareOperator, Expression, ExpressionKind, FunctionId};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    /// A number, bool, string or enum value that is known.
    pub(super) fn is_constant(expr: &Expression) -> bool {
        matches!(
            expr.kind,
            ExpressionKind::Int(_) | ExpressionKind::Float(_) | ExpressionKind::Bool(_) | ExpressionKind::String(_)
        )
    }

    /// Runs something that checks expressions that are not part of the program; only what is found
    /// out counts.
    pub(super) fn probe<T>(&mut self, env: &Env, run: impl FnOnce(&mut Self) -> T) -> T {
        // Names of the function are visible where the expression is in one.
        if env.in_body && !self.bodies.is_empty() {
            return run(self);
        }
        let body = Body::new(FunctionId(u32::MAX), "constant".to_owned(), env.clone(), TypeId::VOID);
        self.bodies.push(body);
        self.body().is_probe = true;
        self.open_scope();
        let result = run(self);
        self.bodies.pop();
        result
    }

    /// The value of an expression that must be a constant integer.
    pub(super) fn constant_integer(&mut self, expr: &'a Expr, env: &Env, what: &str) -> Option<i128> {
        let value = self.probe(env, |it| it.check(expr, None));
        if value.is_erroneous() {
            return None;
        }
        if let (ExpressionKind::Int(number), false) = (&value.expr.kind, value.expr.ty == TypeId::BOOL) {
            return Some(*number);
        }
        self.type_error(expr.span, format!("{what} must be a constant integer"));
        None
    }

    /// `@TypeOf(e)`
    pub(super) fn type_of(&mut self, expr: &'a Expr, env: &Env) -> TypeId {
        if let Some(ty) = self.expr_as_type(expr, env) {
            return ty;
        }
        self.probe(env, |it| it.check_settled(expr)).ty
    }

    /// An operator on two constants of one type; none if it must be left to run time (division by
    /// zero).
    pub(super) fn fold_arithmetic(
        &self,
        operator: BinaryOperator,
        left: &Expression,
        right: &Expression,
        untyped: Untyped,
        span: Span,
    ) -> Option<Value> {
        let ty = left.ty;
        let kind = match (&left.kind, &right.kind) {
            (ExpressionKind::Int(a), ExpressionKind::Int(b)) => {
                let bits = if let Type::Int { bits, .. } = self.types.get(ty) { u32::from(*bits) } else { 64 };
                let exact = fold_ints(operator, *a, *b, bits)?;
                if untyped.is_int() {
                    return Some(self.untyped_result(operator, exact, untyped, span));
                }
                ExpressionKind::Int(self.wrap(exact, ty))
            }
            (ExpressionKind::Float(a), ExpressionKind::Float(b)) => {
                let bits = if let Type::Float { bits } = self.types.get(ty) { *bits } else { 64 };
                ExpressionKind::Float(round_float(fold_floats(operator, *a, *b)?, bits))
            }
            _ => return None,
        };
        Some(Value { expr: make(kind, ty, span), untyped })
    }

    /// What an operator makes of two constants without a type. Shifts work on the 64 bits of an
    /// `i64`; other operators are exact as long as the result has no more bits than that.
    fn untyped_result(&self, operator: BinaryOperator, exact: i128, untyped: Untyped, span: Span) -> Value {
        let in_range = (-(1i128 << 63)..1i128 << 64).contains(&exact);
        let is_shift = operator == BinaryOperator::ShiftLeft;
        let number = if is_shift || !in_range { self.wrap(exact, TypeId::I64) } else { exact };
        let untyped = match is_shift || untyped == Untyped::Bits {
            true if number < 0 => Untyped::Bits,
            _ => Untyped::Int,
        };
        Value { expr: make(ExpressionKind::Int(number), TypeId::I64, span), untyped }
    }

    /// A comparison of two constants.
    pub(super) fn fold_compare(
        &self,
        operator: CompareOperator,
        left: &Expression,
        right: &Expression,
    ) -> Option<bool> {
        let ordering = match (&left.kind, &right.kind) {
            (ExpressionKind::Int(a), ExpressionKind::Int(b)) => Some(a.cmp(b)),
            (ExpressionKind::Float(a), ExpressionKind::Float(b)) => a.partial_cmp(b),
            (ExpressionKind::Bool(a), ExpressionKind::Bool(b)) => Some(a.cmp(b)),
            (ExpressionKind::String(a), ExpressionKind::String(b)) => Some(self.output[*a].cmp(&self.output[*b])),
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
}

/// Both numbers lie between -2^63 and 2^64, so nothing overflows.
fn fold_ints(operator: BinaryOperator, a: i128, b: i128, bits: u32) -> Option<i128> {
    let low = |value: i128| value & ((1i128 << bits) - 1);
    let count = (b.rem_euclid(i128::from(bits))) as u32;
    Some(match operator {
        BinaryOperator::Add => a + b,
        BinaryOperator::Subtract => a - b,
        BinaryOperator::Multiply => a.wrapping_mul(b),
        BinaryOperator::Divide | BinaryOperator::Remainder if b == 0 => return None,
        BinaryOperator::Divide if b == -1 && a == -(1i128 << (bits - 1)) => return None,
        BinaryOperator::Divide => a / b,
        BinaryOperator::Remainder => a % b,
        BinaryOperator::BitAnd => a & b,
        BinaryOperator::BitOr => a | b,
        BinaryOperator::BitXor => a ^ b,
        BinaryOperator::ShiftLeft => low(a) << count & ((1i128 << bits) - 1),
        BinaryOperator::ShiftRight => low(a) >> count,
        _ => return None,
    })
}

fn fold_floats(operator: BinaryOperator, a: f64, b: f64) -> Option<f64> {
    Some(match operator {
        BinaryOperator::Add => a + b,
        BinaryOperator::Subtract => a - b,
        BinaryOperator::Multiply => a * b,
        BinaryOperator::Divide => a / b,
        BinaryOperator::Remainder => a % b,
        _ => return None,
    })
}
