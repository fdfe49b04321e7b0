//! Arithmetic: the type that two numbers have in common, conversions to it, pointers moved by
//! integers (sections 6 and 8.2).

use crate::cot::ast::{BinaryOperator, Expr};
use crate::cot::check::Checker;
use crate::cot::check::compute::round_float;
use crate::cot::check::model::{Untyped, Value, convert, make};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::print;
use crate::cot::source::Span;
use crate::cot::typed::{ArithmeticOperator, Conversion, Expression, ExpressionKind};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    pub(super) fn arithmetic_operator(operator: BinaryOperator) -> Option<ArithmeticOperator> {
        Some(match operator {
            BinaryOperator::Add => ArithmeticOperator::Add,
            BinaryOperator::Subtract => ArithmeticOperator::Subtract,
            BinaryOperator::Multiply => ArithmeticOperator::Multiply,
            BinaryOperator::Divide => ArithmeticOperator::Divide,
            BinaryOperator::Remainder => ArithmeticOperator::Remainder,
            BinaryOperator::BitAnd => ArithmeticOperator::BitAnd,
            BinaryOperator::BitOr => ArithmeticOperator::BitOr,
            BinaryOperator::BitXor => ArithmeticOperator::BitXor,
            BinaryOperator::ShiftLeft => ArithmeticOperator::ShiftLeft,
            BinaryOperator::ShiftRight => ArithmeticOperator::ShiftRight,
            _ => return None,
        })
    }

    pub(super) fn check_arithmetic(
        &mut self,
        operator: BinaryOperator,
        left: &'a Expr,
        right: &'a Expr,
        span: Span,
    ) -> Value {
        let left = self.check(left, None);
        let right = self.check(right, None);
        if left.is_erroneous() || right.is_erroneous() {
            return self.erroneous(span);
        }
        if left.is_never() || right.is_never() {
            return if left.is_never() { left } else { right };
        }
        if let Some(value) = self.check_offset(operator, &left, &right, span) {
            return value;
        }
        let file = self.env().file;
        let is_sequence =
            |it: &Self, value: &Value| matches!(it.types.get(value.expr.ty), Type::Slice(_) | Type::Array { .. });
        if operator == BinaryOperator::Add
            && is_sequence(self, &left)
            && is_sequence(self, &right)
            && (self.is_safe(file) || left.expr.ty == TypeId::STRING && right.expr.ty == TypeId::STRING)
        {
            return self.concat(left.expr, right.expr, span);
        }
        let names = (self.name_of_value(&left), self.name_of_value(&right));
        let Some((left, right, untyped)) = self.peers(left, right) else {
            return self.no_arithmetic(operator, names, span);
        };
        let is_float = self.types.is_float(left.ty);
        let on_floats = matches!(
            operator,
            BinaryOperator::Add
                | BinaryOperator::Subtract
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Remainder
        );
        if !(self.types.is_int(left.ty) || is_float && on_floats) {
            return self.no_arithmetic(operator, names, span);
        }
        let operator = Self::arithmetic_operator(operator).expect("other operators are checked elsewhere");
        if let Some(folded) = self.fold_arithmetic(operator, &left, &right, untyped, span) {
            return folded;
        }
        let ty = left.ty;
        make(ExpressionKind::Arithmetic { operator, left: Box::new(left), right: Box::new(right) }, ty, span).into()
    }

    fn no_arithmetic(&mut self, operator: BinaryOperator, names: (String, String), span: Span) -> Value {
        let (a, b) = names;
        let message = format!("'{}' is not defined for '{a}' and '{b}'", print::binary(operator));
        let diagnostic = Diagnostic::new(Code::InvalidOperation, span, message);
        let is_concat = operator == BinaryOperator::Add && a == b && (a == "string" || a.starts_with('['));
        self.push_diagnostic(if is_concat {
            diagnostic.note("'++' joins strings, slices and arrays")
        } else {
            diagnostic
        });
        self.erroneous(span)
    }

    /// Pointer ± integer.
    fn check_offset(&mut self, operator: BinaryOperator, left: &Value, right: &Value, span: Span) -> Option<Value> {
        let backwards = match operator {
            BinaryOperator::Add => false,
            BinaryOperator::Subtract => true,
            _ => return None,
        };
        let is_pointer = |value: &Value| self.types.is_pointer(value.expr.ty) && value.untyped == Untyped::No;
        let (pointer, offset) = match (is_pointer(left), is_pointer(right)) {
            (true, false) => (left, right),
            (false, true) if !backwards => (right, left),
            _ => return None,
        };
        let pointer = pointer.expr.clone();
        let offset = self.coerce(offset.clone(), TypeId::I64);
        let ty = pointer.ty;
        let kind = ExpressionKind::OffsetPointer { pointer: Box::new(pointer), offset: Box::new(offset), backwards };
        Some(make(kind, ty, span).into())
    }

    /// Two numbers in the type they have in common; none if one is not a number.
    pub(super) fn peers(&mut self, left: Value, right: Value) -> Option<(Expression, Expression, Untyped)> {
        let (left, right) = (self.enum_as_number(left), self.enum_as_number(right));
        let is_number = |value: &Value| {
            let ty = value.expr.ty;
            !matches!(value.untyped, Untyped::Null | Untyped::Undefined)
                && (self.types.is_int(ty) || self.types.is_float(ty))
        };
        if !is_number(&left) || !is_number(&right) {
            return None;
        }
        let untyped = match (left.untyped, right.untyped) {
            (Untyped::Int, Untyped::Int) => return Some((left.expr, right.expr, Untyped::Int)),
            (a, b) if a.is_int() && b.is_int() => return Some((left.expr, right.expr, Untyped::Bits)),
            (Untyped::No, _) | (_, Untyped::No) => Untyped::No,
            _ => Untyped::Float,
        };
        let ty = match (left.untyped, right.untyped) {
            (Untyped::No, Untyped::No) => self.peer_type(left.expr.ty, right.expr.ty),
            (Untyped::No, Untyped::Float) if self.types.is_int(left.expr.ty) => TypeId::F64,
            (Untyped::Float, Untyped::No) if self.types.is_int(right.expr.ty) => TypeId::F64,
            (Untyped::No, _) => self.peer_of_literal(left.expr.ty, &right),
            (_, Untyped::No) => self.peer_of_literal(right.expr.ty, &left),
            _ => TypeId::F64,
        };
        let left = self.number_in(left, ty);
        let right = self.number_in(right, ty);
        Some((left, right, untyped))
    }

    /// The type of an operation on a typed number and a literal: the number's, or `i64` where the
    /// literal does not fit that.
    fn peer_of_literal(&mut self, ty: TypeId, literal: &Value) -> TypeId {
        let fits = !self.types.is_int(ty) || self.coerce_quietly(literal.clone(), ty).is_ok();
        if fits { ty } else { TypeId::I64 }
    }

    fn enum_as_number(&mut self, value: Value) -> Value {
        match self.types.enum_type(value.expr.ty) {
            Some(of) if value.untyped == Untyped::No => {
                let backing = of.backing;
                self.enum_to_backing(value.expr, backing).into()
            }
            _ => value,
        }
    }

    /// The type that arithmetic on two number types is done in.
    pub(super) fn peer_type(&self, left: TypeId, right: TypeId) -> TypeId {
        match (self.types.get(left), self.types.get(right)) {
            (Type::Float { bits: a }, Type::Float { bits: b }) => {
                if a >= b {
                    left
                } else {
                    right
                }
            }
            (Type::Float { .. }, _) => left,
            (_, Type::Float { .. }) => right,
            (Type::Int { signed: a_signed, bits: a }, Type::Int { signed: b_signed, bits: b }) => {
                if a_signed == b_signed {
                    return if a >= b { left } else { right };
                }
                match a.cmp(b) {
                    std::cmp::Ordering::Greater => left,
                    std::cmp::Ordering::Less => right,
                    std::cmp::Ordering::Equal => match a {
                        8 => TypeId::I16,
                        16 => TypeId::I32,
                        _ => TypeId::I64,
                    },
                }
            }
            _ => left,
        }
    }

    /// A number in a type that a peer has; may lose a sign, as `u64` against `i64`.
    fn number_in(&mut self, value: Value, ty: TypeId) -> Expression {
        if value.untyped != Untyped::No {
            return self.coerce(value, ty);
        }
        match (self.types.get(value.expr.ty), self.types.get(ty)) {
            (Type::Int { .. }, Type::Int { .. }) => self.resize(value.expr, ty),
            (Type::Int { .. }, Type::Float { .. }) => self.int_to_float(value.expr, ty),
            (Type::Float { .. }, Type::Float { .. }) => self.resize_float(value.expr, ty),
            _ => value.expr,
        }
    }

    pub(super) fn int_to_float(&mut self, expr: Expression, ty: TypeId) -> Expression {
        match (&expr.kind, self.types.get(ty)) {
            (ExpressionKind::Int(number), Type::Float { bits: 32 }) => {
                make(ExpressionKind::Float(f64::from(*number as f32)), ty, expr.span)
            }
            (ExpressionKind::Int(number), _) => make(ExpressionKind::Float(*number as f64), ty, expr.span),
            _ => convert(Conversion::IntToFloat, expr, ty),
        }
    }

    pub(super) fn resize_float(&mut self, expr: Expression, ty: TypeId) -> Expression {
        if expr.ty == ty {
            return expr;
        }
        match (&expr.kind, self.types.get(ty)) {
            (ExpressionKind::Float(number), Type::Float { bits }) => {
                make(ExpressionKind::Float(round_float(*number, *bits)), ty, expr.span)
            }
            _ => convert(Conversion::ResizeFloat, expr, ty),
        }
    }

    pub(super) fn check_negate(&mut self, operand: &'a Expr, expected: Option<TypeId>, span: Span) -> Value {
        let value = self.check(operand, expected);
        let mut value = self.enum_as_number(value);
        value.expr.span = span;
        let ty = value.expr.ty;
        match &value.expr.kind {
            ExpressionKind::Int(number) if self.types.is_int(ty) => {
                let negated = -*number;
                let is_untyped = value.untyped.is_int();
                value.expr.kind = ExpressionKind::Int(if is_untyped { negated } else { self.wrap(negated, ty) });
                value
            }
            ExpressionKind::Float(number) if self.types.is_float(ty) => {
                value.expr.kind = ExpressionKind::Float(-*number);
                value
            }
            _ if value.untyped == Untyped::No && (self.types.is_int(ty) || self.types.is_float(ty)) => {
                make(ExpressionKind::Negate(Box::new(value.expr)), ty, span).into()
            }
            _ if value.is_erroneous() => value,
            _ => {
                let name = self.name_of_value(&value);
                self.report(Code::InvalidOperation, span, format!("'-' is not defined for '{name}'"));
                self.erroneous(span)
            }
        }
    }

    pub(super) fn check_bit_not(&mut self, operand: &'a Expr, expected: Option<TypeId>, span: Span) -> Value {
        let value = self.check(operand, expected);
        let value = self.enum_as_number(value);
        // Of a literal it depends on the type, which is the expected one.
        let expr = match expected {
            Some(ty) if value.untyped.is_int() && self.types.is_int(ty) => self.coerce(value, ty),
            _ => self.settle(value),
        };
        let ty = expr.ty;
        if !self.types.is_int(ty) {
            if ty != TypeId::ERRONEOUS {
                let name = self.types.name(ty);
                self.report(Code::InvalidOperation, span, format!("'~' is not defined for '{name}'"));
            }
            return self.erroneous(span);
        }
        let kind = match expr.kind {
            ExpressionKind::Int(number) => ExpressionKind::Int(self.wrap(!number, ty)),
            _ => ExpressionKind::BitNot(Box::new(expr)),
        };
        make(kind, ty, span).into()
    }
}
