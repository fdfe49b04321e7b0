//! `print` and its like, `len`, `append`; `@assert` and `@assertEq` (sections 17 and 20).

use std::rc::Rc;

use crate::cot::ast::{BinaryOperator, Expr};
use crate::cot::check::Checker;
use crate::cot::check::model::{Untyped, Value, make};
use crate::cot::diagnostic::Code;
use crate::cot::source::Span;
use crate::cot::typed::{Builtin, Expression, ExpressionKind};
use crate::cot::types::{Type, TypeId};

pub(super) fn is_builtin_function(name: &str) -> bool {
    matches!(name, "print" | "println" | "eprint" | "eprintln" | "len" | "append")
}

impl<'a> Checker<'a> {
    /// A call of a function that needs no declaration; none if there is none of this name.
    pub(super) fn check_builtin_function(
        &mut self,
        name: &Rc<str>,
        arguments: &'a [Expr],
        span: Span,
    ) -> Option<Value> {
        let (to_stderr, newline) = match &**name {
            "print" => (false, false),
            "println" => (false, true),
            "eprint" => (true, false),
            "eprintln" => (true, true),
            "len" => return Some(self.check_len(arguments, span)),
            "append" => return Some(self.check_append(arguments, span)),
            _ => return None,
        };
        if !self.has_arguments(name, arguments, 1, span) {
            return Some(make(ExpressionKind::Void, TypeId::VOID, span).into());
        }
        let value = self.check_settled(&arguments[0]);
        if !self.is_printable(value.ty) {
            let name = self.types.name(value.ty);
            self.type_error(arguments[0].span, format!("'{name}' can't be printed"));
        }
        let builtin = Builtin::Print { to_stderr, newline };
        Some(self.call_builtin(builtin, vec![value], TypeId::VOID, span))
    }

    /// Whether there are `wanted` arguments; if not, that is reported and they are checked for
    /// other errors.
    pub(super) fn has_arguments(&mut self, name: &str, arguments: &'a [Expr], wanted: usize, span: Span) -> bool {
        if arguments.len() == wanted {
            return true;
        }
        let plural = if wanted == 1 { "" } else { "s" };
        let message = format!("'{name}' takes {wanted} argument{plural}, not {}", arguments.len());
        self.report(Code::ArgumentCount, span, message);
        self.check_all(arguments);
        false
    }

    fn check_len(&mut self, arguments: &'a [Expr], span: Span) -> Value {
        if !self.has_arguments("len", arguments, 1, span) {
            return make(ExpressionKind::Zero, TypeId::I64, span).into();
        }
        let value = self.check_settled(&arguments[0]);
        let base = self.auto_dereference(value.clone());
        match self.types.get(base.ty) {
            Type::Slice(_) | Type::Array { .. } => self.length_of(base, span),
            Type::Erroneous => self.erroneous(span),
            _ => {
                let name = self.types.name(base.ty);
                match self.call_known_method(value, "len", Vec::new(), span) {
                    Some(length) => length.into(),
                    None => {
                        self.type_error(arguments[0].span, format!("'{name}' has no length"));
                        self.erroneous(span)
                    }
                }
            }
        }
    }

    fn check_append(&mut self, arguments: &'a [Expr], span: Span) -> Value {
        if !self.has_arguments("append", arguments, 2, span) {
            return self.erroneous(span);
        }
        let base = self.check_settled(&arguments[0]);
        let base = self.auto_dereference(base);
        let (slice, element) = match *self.types.get(base.ty) {
            Type::Slice(element) => (base, element),
            Type::Array { element, .. } => {
                // The array is copied: a slice of it has no spare room, but its capacity is its
                // length.
                let ty = self.types.slice(element);
                (self.whole_slice(base, ty), element)
            }
            _ => {
                if base.ty != TypeId::ERRONEOUS {
                    let name = self.types.name(base.ty);
                    self.type_error(arguments[0].span, format!("nothing can be appended to '{name}'"));
                }
                self.check(&arguments[1], None);
                return self.erroneous(span);
            }
        };
        let value = self.check_as(&arguments[1], element);
        let ty = slice.ty;
        self.call_builtin(Builtin::Append, vec![slice, value], ty, span)
    }

    pub(super) fn check_assert(&mut self, arguments: &'a [Expr], span: Span) -> Value {
        if !self.has_arguments("@assert", arguments, 1, span) {
            return make(ExpressionKind::Void, TypeId::VOID, span).into();
        }
        let condition = self.check_as(&arguments[0], TypeId::BOOL);
        let in_test = self.body().is_test;
        self.call_builtin(Builtin::Assert { in_test }, vec![condition], TypeId::VOID, span)
    }

    /// Both values are kept in locals, compared by `==`, and shown if they differ.
    pub(super) fn check_assert_eq(&mut self, arguments: &'a [Expr], span: Span) -> Value {
        if !self.has_arguments("@assertEq", arguments, 2, span) {
            return make(ExpressionKind::Void, TypeId::VOID, span).into();
        }
        let (left, right) = self.check_sides(&arguments[0], &arguments[1]);
        let (left, right) = (self.bool_as_number(&right, left.clone()), self.bool_as_number(&left, right));
        let (left, right) = self.settle_sides(left, right);
        if left.is_erroneous() || right.is_erroneous() {
            return make(ExpressionKind::Void, TypeId::VOID, span).into();
        }
        let mut locals = Vec::new();
        let mut keep = |it: &mut Self, value: Value| {
            // The name of a union's variant is not a value of its type.
            if value.untyped != Untyped::No || matches!(value.expr.kind, ExpressionKind::Union { payload: None, .. }) {
                return value;
            }
            let local = it.new_local("", value.expr.ty);
            let loaded = it.load_local(local, value.expr.span);
            locals.push((local, value.expr));
            Value::from(loaded)
        };
        let (left, right) = (keep(self, left), keep(self, right));
        let equal = self.compare(BinaryOperator::Equal, left.clone(), right.clone(), span);
        if equal.is_erroneous() || matches!(equal.expr.kind, ExpressionKind::Zero) {
            return make(ExpressionKind::Void, TypeId::VOID, span).into();
        }
        let in_test = self.body().is_test;
        let shown = [left, right].map(|value| match value.untyped {
            Untyped::No if self.types.union_type(value.expr.ty).is_some() => self.tag_name(value.expr),
            Untyped::No => value.expr,
            // Only null is left: it is shown as what it is compared with.
            _ => make(ExpressionKind::Zero, TypeId::VOID, value.expr.span),
        });
        let [left, right] = shown;
        let builtin = Builtin::AssertEqual { in_test };
        let call = self.call_builtin(builtin, vec![equal.expr, left, right], TypeId::VOID, span);
        self.with_locals(locals, call.expr).into()
    }

    /// The name of a union's active variant.
    fn tag_name(&mut self, value: Expression) -> Expression {
        let span = value.span;
        match value.kind {
            ExpressionKind::Union { variant, payload: None } => {
                let of = self.types.union_type(value.ty).expect("the value is of a union");
                let name: Rc<[u8]> = of.variants[variant].name.as_bytes().into();
                make(ExpressionKind::String(self.output.string(&name)), TypeId::STRING, span)
            }
            _ => self.call_builtin(Builtin::TagName, vec![value], TypeId::STRING, span).expr,
        }
    }

    /// Untyped numbers adopt the type of the other side; what has none settles.
    fn settle_sides(&mut self, left: Value, right: Value) -> (Value, Value) {
        let adopt = |it: &mut Self, value: Value, other: &Value| {
            if !matches!(value.untyped, Untyped::Int | Untyped::Bits | Untyped::Float) {
                return value;
            }
            let target = it.innermost(other.expr.ty);
            if other.untyped == Untyped::No
                && let Ok(expr) = it.coerce_quietly(value.clone(), target)
            {
                return expr.into();
            }
            it.settle(value).into()
        };
        let new_left = adopt(self, left.clone(), &right);
        let new_right = adopt(self, right, &left);
        (new_left, new_right)
    }

    /// A bool that is compared with 0 or 1.
    fn bool_as_number(&mut self, other: &Value, value: Value) -> Value {
        let is_number = other.untyped.is_int() || self.types.is_int(other.expr.ty);
        if value.expr.ty == TypeId::BOOL && is_number {
            return self.int_from_bool(value.expr).into();
        }
        value
    }
}
