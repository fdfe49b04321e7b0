//! Binary operators other than arithmetic: comparisons, `and`, `or`, `++` (section 8.2).

use crate::cot::ast::{BinaryOperator, Expr, ExprKind};
use crate::cot::check::Checker;
use crate::cot::check::model::{Untyped, Value, as_block, convert, make};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::typed::{CompareOperator, Condition, Conversion, Expression, ExpressionKind};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    pub(super) fn check_binary(
        &mut self,
        operator: BinaryOperator,
        left: &'a Expr,
        right: &'a Expr,
        expected: Option<TypeId>,
        span: Span,
    ) -> Value {
        match operator {
            BinaryOperator::And | BinaryOperator::Or => self.check_logical(operator, left, right, span),
            BinaryOperator::Concat => self.check_concat(left, right, expected, span),
            BinaryOperator::Equal
            | BinaryOperator::NotEqual
            | BinaryOperator::Less
            | BinaryOperator::LessEqual
            | BinaryOperator::Greater
            | BinaryOperator::GreaterEqual => self.check_comparison(operator, left, right, span),
            _ => self.check_arithmetic(operator, left, right, span),
        }
    }

    fn check_logical(&mut self, operator: BinaryOperator, left: &'a Expr, right: &'a Expr, span: Span) -> Value {
        let is_and = operator == BinaryOperator::And;
        let left = self.check_as(left, TypeId::BOOL);
        let right = self.check_as(right, TypeId::BOOL);
        let kind = match (&left.kind, &right.kind) {
            (ExpressionKind::Bool(first), _) if *first != is_and => ExpressionKind::Bool(*first),
            (ExpressionKind::Bool(_), _) => right.kind,
            _ => ExpressionKind::Logical { is_and, left: Box::new(left), right: Box::new(right) },
        };
        make(kind, TypeId::BOOL, span).into()
    }

    fn check_concat(&mut self, left: &'a Expr, right: &'a Expr, expected: Option<TypeId>, span: Span) -> Value {
        let slice = expected.filter(|ty| matches!(self.types.get(*ty), Type::Slice(_)));
        let left = self.check(left, slice);
        let left = self.settle(left);
        let hint = match self.types.get(left.ty) {
            Type::Slice(_) => Some(left.ty),
            _ => None,
        };
        let right = self.check(right, hint);
        let right = self.settle(right);
        self.concat(left, right, span)
    }

    pub(super) fn concat(&mut self, left: Expression, right: Expression, span: Span) -> Value {
        if left.ty == TypeId::ERRONEOUS || right.ty == TypeId::ERRONEOUS {
            return self.erroneous(span);
        }
        if let (ExpressionKind::String(a), ExpressionKind::String(b)) = (&left.kind, &right.kind) {
            let joined = [&self.output[*a][..], &self.output[*b][..]].concat();
            return make(ExpressionKind::String(self.output.string(&joined.into())), TypeId::STRING, span).into();
        }
        let ty = match (self.types.get(left.ty).clone(), self.types.get(right.ty).clone()) {
            (Type::Slice(a), Type::Slice(b)) if a == b => left.ty,
            (Type::Array { element: a, length: first }, Type::Array { element: b, length: second }) if a == b => {
                self.types.intern(Type::Array { element: a, length: first.saturating_add(second) })
            }
            (Type::Slice(a), Type::Array { element: b, .. }) if a == b => {
                let ty = left.ty;
                let right = self.whole_slice(right, ty);
                return make(ExpressionKind::Concat { left: Box::new(left), right: Box::new(right) }, ty, span).into();
            }
            (Type::Array { element: a, .. }, Type::Slice(b)) if a == b => {
                let ty = right.ty;
                let left = self.whole_slice(left, ty);
                return make(ExpressionKind::Concat { left: Box::new(left), right: Box::new(right) }, ty, span).into();
            }
            _ => {
                let (a, b) = (self.types.name(left.ty), self.types.name(right.ty));
                let message = format!("'++' joins two strings, slices or arrays, not '{a}' and '{b}'");
                let diagnostic = Diagnostic::new(Code::InvalidOperation, span, message);
                let is_count = self.types.is_int(left.ty);
                self.push_diagnostic(if is_count { diagnostic.note("to count, write 'x += 1'") } else { diagnostic });
                return self.erroneous(span);
            }
        };
        make(ExpressionKind::Concat { left: Box::new(left), right: Box::new(right) }, ty, span).into()
    }

    fn check_comparison(&mut self, operator: BinaryOperator, left: &'a Expr, right: &'a Expr, span: Span) -> Value {
        let (left, right) = self.check_sides(left, right);
        self.compare(operator, left, right, span)
    }

    /// Both sides of a comparison, where one may be a literal that needs the type of the other.
    pub(super) fn check_sides(&mut self, left: &'a Expr, right: &'a Expr) -> (Value, Value) {
        let needs_type = |expr: &Expr| {
            matches!(
                expr.kind,
                ExprKind::EnumLiteral(_) | ExprKind::ErrorLiteral(_) | ExprKind::Struct { ty: None, .. }
            )
        };
        if needs_type(left) && !needs_type(right) {
            let right = self.check_side(right, None);
            let hint = (right.untyped == Untyped::No).then_some(right.expr.ty);
            let left = self.check_side(left, hint);
            return (left, right);
        }
        let left = self.check_side(left, None);
        let hint = (left.untyped == Untyped::No && needs_type(right)).then_some(left.expr.ty);
        let right = self.check_side(right, hint);
        (left, right)
    }

    /// A side of a comparison: the name of a union's variant stands for its tag there, whatever its
    /// payload.
    fn check_side(&mut self, expr: &'a Expr, hint: Option<TypeId>) -> Value {
        let named = match &expr.kind {
            ExprKind::EnumLiteral(name) => hint.map(|ty| (ty, name)),
            ExprKind::Member { base, name } => {
                let env = self.env();
                self.expr_as_type(base, &env).map(|ty| (ty, name))
            }
            _ => None,
        };
        if let Some((ty, name)) = named
            && let Some(of) = self.types.union_type(ty)
            && let Some(variant) = of.variants.iter().position(|it| *it.name == *name.text)
        {
            self.note_use_of_member(ty, name);
            return make(ExpressionKind::Union { variant, payload: None }, ty, expr.span).into();
        }
        self.check(expr, hint)
    }

    /// A comparison of values, with all that section 8.2 lets be compared.
    pub(super) fn compare(&mut self, operator: BinaryOperator, left: Value, right: Value, span: Span) -> Value {
        if left.is_erroneous() || right.is_erroneous() {
            return make(ExpressionKind::Zero, TypeId::BOOL, span).into();
        }
        let compare = compare_operator(operator);
        let is_equality = matches!(compare, CompareOperator::Equal | CompareOperator::NotEqual);
        if is_equality && let Some(value) = self.compare_special(compare, &left, &right, span) {
            return value;
        }
        let is_enum = |value: &Value| self.types.enum_type(value.expr.ty).is_some();
        let other_enum = is_enum(&left) && is_enum(&right) && left.expr.ty != right.expr.ty;
        if !other_enum
            && let Some((left, right, untyped)) = self.peers(left.clone(), right.clone())
            && (self.types.is_int(left.ty) || self.types.is_float(left.ty))
        {
            let folded = self.fold_compare(compare, &left, &right);
            let folded = folded.filter(|_| untyped != Untyped::No || Self::is_constant(&left));
            return self.comparison(compare, left, right, folded, span).into();
        }
        if is_equality && let Some(value) = self.compare_same(compare, left.clone(), right.clone(), span) {
            return value;
        }
        let (a, b) = (self.name_of_value(&left), self.name_of_value(&right));
        let message = if !is_equality && a == b {
            format!("values of type '{a}' are not ordered")
        } else {
            format!("'{a}' and '{b}' can't be compared")
        };
        self.report(Code::InvalidOperation, span, message);
        make(ExpressionKind::Zero, TypeId::BOOL, span).into()
    }

    pub(super) fn name_of_value(&self, value: &Value) -> String {
        match value.untyped {
            Untyped::Null => "null".to_owned(),
            Untyped::Undefined => "undefined".to_owned(),
            _ => self.types.name(value.expr.ty),
        }
    }

    fn comparison(
        &self,
        operator: CompareOperator,
        left: Expression,
        right: Expression,
        folded: Option<bool>,
        span: Span,
    ) -> Expression {
        let kind = match folded {
            Some(value) => ExpressionKind::Bool(value),
            None => ExpressionKind::Compare { operator, left: Box::new(left), right: Box::new(right) },
        };
        make(kind, TypeId::BOOL, span)
    }

    /// Comparisons with null, of optionals with payloads, and of unions with variants.
    fn compare_special(&mut self, operator: CompareOperator, left: &Value, right: &Value, span: Span) -> Option<Value> {
        let negated = operator == CompareOperator::NotEqual;
        let negate = |expr: Expression| -> Value {
            let kind = if negated { ExpressionKind::Not(Box::new(expr)) } else { return expr.into() };
            make(kind, TypeId::BOOL, span).into()
        };
        let can_be_null = |it: &Self, value: &Value| {
            value.untyped == Untyped::No && matches!(it.types.get(value.expr.ty), Type::Optional(_) | Type::Pointer(_))
        };
        match (left.untyped, right.untyped) {
            (Untyped::Null, Untyped::Null) => {
                return Some(make(ExpressionKind::Bool(!negated), TypeId::BOOL, span).into());
            }
            (Untyped::Null, _) if can_be_null(self, right) => {
                return Some(negate(make(ExpressionKind::IsNull(Box::new(right.expr.clone())), TypeId::BOOL, span)));
            }
            (_, Untyped::Null) if can_be_null(self, left) => {
                return Some(negate(make(ExpressionKind::IsNull(Box::new(left.expr.clone())), TypeId::BOOL, span)));
            }
            _ => {}
        }
        let payload = |it: &Self, value: &Value| match it.types.get(value.expr.ty) {
            Type::Optional(of) if value.untyped == Untyped::No => Some(*of),
            _ => None,
        };
        let (a, b) = (payload(self, left), payload(self, right));
        match (a, b) {
            (Some(of), None) if !self.types.is_pointer(of) => {
                self.compare_payload(left.expr.clone(), of, right.clone(), false, span).map(negate)
            }
            (None, Some(of)) if !self.types.is_pointer(of) => {
                self.compare_payload(right.expr.clone(), of, left.clone(), true, span).map(negate)
            }
            _ => self.compare_variant(left, right, span).map(negate),
        }
    }

    /// `optional == value`: false if there is none. Both sides are evaluated, in the order they are
    /// written in.
    fn compare_payload(
        &mut self,
        optional: Expression,
        payload: TypeId,
        value: Value,
        value_first: bool,
        span: Span,
    ) -> Option<Expression> {
        let value = self.coerce_quietly(value, payload).ok()?;
        let (whole, other) = (self.new_local("", optional.ty), self.new_local("", payload));
        let inner = self.new_local("", payload);
        let (found, wanted) = (self.load_local(inner, span), self.load_local(other, span));
        let equal = self.compare(BinaryOperator::Equal, found.into(), wanted.into(), span);
        let condition = Box::new(Condition::Optional { subject: self.load_local(whole, span), payload: inner });
        let no = make(ExpressionKind::Bool(false), TypeId::BOOL, span);
        let kind = ExpressionKind::If { condition, then: as_block(equal.expr), otherwise: Some(as_block(no)) };
        let result = make(kind, TypeId::BOOL, span);
        let mut locals = vec![(whole, optional), (other, value)];
        if value_first {
            locals.reverse();
        }
        Some(self.with_locals(locals, result))
    }

    /// `union == .Variant`, by tag.
    fn compare_variant(&mut self, left: &Value, right: &Value, span: Span) -> Option<Expression> {
        self.types.union_type(left.expr.ty)?;
        let is_bare = |value: &Value| matches!(value.expr.kind, ExpressionKind::Union { payload: None, .. });
        if left.expr.ty != right.expr.ty || !is_bare(left) && !is_bare(right) {
            return None;
        }
        let tags = [left, right].map(|side| match side.expr.kind {
            ExpressionKind::Union { variant, payload: None } => {
                make(ExpressionKind::Int(variant as i128), TypeId::I64, span)
            }
            _ => convert(Conversion::UnionTag, side.expr.clone(), TypeId::I64),
        });
        let [left, right] = tags;
        Some(self.comparison(CompareOperator::Equal, left, right, None, span))
    }

    /// Values of the same type that are equal or not.
    fn compare_same(&mut self, operator: CompareOperator, left: Value, right: Value, span: Span) -> Option<Value> {
        let (left, right) = self.same_sides(left, right)?;
        match self.types.get(left.ty).clone() {
            Type::Bool | Type::Enum(_) | Type::Pointer(_) | Type::Function { .. } | Type::Error(_) => {
                let folded = self.fold_compare(operator, &left, &right);
                Some(self.comparison(operator, left, right, folded, span).into())
            }
            Type::Optional(of) if self.types.is_pointer(of) => {
                Some(self.comparison(operator, left, right, None, span).into())
            }
            Type::Slice(TypeId::U8) => {
                let negated = operator == CompareOperator::NotEqual;
                let kind = match self.fold_compare(operator, &left, &right) {
                    Some(value) => ExpressionKind::Bool(value),
                    None => ExpressionKind::SequenceEqual { left: Box::new(left), right: Box::new(right), negated },
                };
                Some(make(kind, TypeId::BOOL, span).into())
            }
            _ => None,
        }
    }

    fn same_sides(&mut self, left: Value, right: Value) -> Option<(Expression, Expression)> {
        let (a, b) = (left.expr.ty, right.expr.ty);
        if left.untyped != Untyped::No || right.untyped != Untyped::No {
            return None;
        }
        if let (Type::Error(_), Type::Error(_)) = (self.types.get(a), self.types.get(b)) {
            return Some((left.expr, convert(Conversion::Reinterpret, right.expr, a)));
        }
        if a == b {
            return Some((left.expr, right.expr));
        }
        let is_null_pointer =
            |it: &Self, ty: TypeId, of: TypeId| *it.types.get(ty) == Type::Optional(of) && it.types.is_pointer(of);
        if is_null_pointer(self, a, b) {
            return Some((left.expr, convert(Conversion::ToOptional, right.expr, a)));
        }
        if is_null_pointer(self, b, a) {
            return Some((convert(Conversion::ToOptional, left.expr, b), right.expr));
        }
        None
    }
}

pub(super) fn compare_operator(operator: BinaryOperator) -> CompareOperator {
    match operator {
        BinaryOperator::Equal => CompareOperator::Equal,
        BinaryOperator::NotEqual => CompareOperator::NotEqual,
        BinaryOperator::Less => CompareOperator::Less,
        BinaryOperator::LessEqual => CompareOperator::LessEqual,
        BinaryOperator::Greater => CompareOperator::Greater,
        _ => CompareOperator::GreaterEqual,
    }
}
