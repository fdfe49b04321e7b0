//! Constants of the tree: what counts as one, and what operators, builtins and conversions make of
//! them (section 21).

use crate::cot::ast::Expr;
use crate::cot::check::Checker;
use crate::cot::check::body::Body;
use crate::cot::check::compute;
use crate::cot::check::const_value::ConstValue;
use crate::cot::check::model::{Env, Untyped, Value, make};
use crate::cot::source::Span;
use crate::cot::typed::{
    ArithmeticOperator, Builtin, CompareOperator, Conversion, Expression, ExpressionKind, FunctionId,
};
use crate::cot::types::TypeId;

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

    /// The value of a constant.
    pub(super) fn const_value(&self, expr: &Expression) -> Option<ConstValue> {
        ConstValue::of(expr, &self.output)
    }

    /// A value that was computed, as a part of the program.
    pub(super) fn constant(&mut self, value: ConstValue, span: Span) -> Expression {
        value.into_expression(&self.types, &mut self.output, span)
    }

    /// A builtin of constants that computes something; none if it does something, or if its
    /// arguments are not known.
    pub(super) fn fold_builtin(
        &mut self,
        builtin: Builtin,
        arguments: &[Expression],
        ty: TypeId,
        span: Span,
    ) -> Option<Expression> {
        let arguments: Option<Vec<_>> = arguments.iter().map(|it| self.const_value(it)).collect();
        let value = compute::builtin(&self.types, builtin, &arguments?, ty)?;
        Some(self.constant(value, span))
    }

    /// A conversion of a constant; none if only the program can make it.
    pub(super) fn fold_conversion(
        &mut self,
        conversion: Conversion,
        value: &Expression,
        ty: TypeId,
        span: Span,
    ) -> Option<Expression> {
        let value = compute::convert(&self.types, conversion, &self.const_value(value)?, ty)?;
        Some(self.constant(value, span))
    }

    /// An operator on two constants of one type; none if it must be left to run time (division by
    /// zero).
    pub(super) fn fold_arithmetic(
        &mut self,
        operator: ArithmeticOperator,
        left: &Expression,
        right: &Expression,
        untyped: Untyped,
        span: Span,
    ) -> Option<Value> {
        let (left, right) = (self.const_value(left)?, self.const_value(right)?);
        if let (ConstValue::Int(a, ty), ConstValue::Int(b, _), true) = (&left, &right, untyped.is_int()) {
            let exact = compute::exact(&self.types, operator, *a, *b, *ty)?;
            return Some(self.untyped_result(operator, exact, untyped, span));
        }
        let value = compute::arithmetic(&self.types, operator, &left, &right)?;
        Some(Value { expr: self.constant(value, span), untyped })
    }

    /// What an operator makes of two constants without a type. Shifts work on the 64 bits of an
    /// `i64`; other operators are exact as long as the result has no more bits than that.
    fn untyped_result(&self, operator: ArithmeticOperator, exact: i128, untyped: Untyped, span: Span) -> Value {
        let in_range = (-(1i128 << 63)..1i128 << 64).contains(&exact);
        let is_shift = operator == ArithmeticOperator::ShiftLeft;
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
        compute::compare(operator, &self.const_value(left)?, &self.const_value(right)?)
    }
}
