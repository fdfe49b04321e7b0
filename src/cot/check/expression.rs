//! Expressions: the way from a tree's node to the file that knows about it; names, `orelse`,
//! `catch`, `try`, ways out.

use std::rc::Rc;

use crate::cot::ast::{BinaryOperator, Expr, ExprKind, Name, Part, UnaryOperator};
use crate::cot::check::Checker;
use crate::cot::check::block::Want;
use crate::cot::check::model::{
    Binding, ItemId, ItemKind, Meaning, Mutability, Untyped, Value, as_block, convert, make,
};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::typed::{
    Builtin, Condition, Conversion, Expression, ExpressionKind, InterpolationPart, Place, PlaceKind,
};
use crate::cot::types::{ErrorSetId, Type, TypeId};

impl<'a> Checker<'a> {
    /// An expression whose value will be converted to `expected`, if that is known.
    pub(super) fn check(&mut self, expr: &'a Expr, expected: Option<TypeId>) -> Value {
        self.check_wanted(expr, Want::Value(expected))
    }

    /// An expression of a type of its own.
    pub(super) fn check_settled(&mut self, expr: &'a Expr) -> Expression {
        let value = self.check(expr, None);
        self.settle(value)
    }

    /// An expression converted to a type.
    pub(super) fn check_as(&mut self, expr: &'a Expr, ty: TypeId) -> Expression {
        let value = self.check(expr, Some(ty));
        self.coerce(value, ty)
    }

    pub(super) fn check_wanted(&mut self, expr: &'a Expr, want: Want) -> Value {
        let span = expr.span;
        let expected = want.expected();
        match &expr.kind {
            ExprKind::Integer(number) => untyped(ExpressionKind::Int(i128::from(*number)), Untyped::Int, span),
            ExprKind::Float(number) => untyped(ExpressionKind::Float(*number), Untyped::Float, span),
            ExprKind::Character(byte) => make(ExpressionKind::Int(i128::from(*byte)), TypeId::U8, span).into(),
            ExprKind::Bool(value) => make(ExpressionKind::Bool(*value), TypeId::BOOL, span).into(),
            ExprKind::Null => untyped(ExpressionKind::Null, Untyped::Null, span),
            ExprKind::Undefined => untyped(ExpressionKind::Zero, Untyped::Undefined, span),
            ExprKind::Unreachable => self.call_builtin(Builtin::Unreachable, Vec::new(), TypeId::NO_RETURN, span),
            ExprKind::String(bytes) => {
                make(ExpressionKind::String(self.output.string(bytes)), TypeId::STRING, span).into()
            }
            ExprKind::Interpolation(parts) => self.check_interpolation(parts, span),
            ExprKind::Name(text) => self.check_name(text, span),
            ExprKind::EnumLiteral(name) => self.check_enum_literal(name, expected, span),
            ExprKind::ErrorLiteral(name) => self.check_error_literal(name, expected, span),
            ExprKind::Type(_) => {
                self.type_error(span, "a type is not a value");
                self.erroneous(span)
            }
            ExprKind::Tuple(items) => self.check_tuple(items, expected, span),
            ExprKind::Array(items) => self.check_array(items, expected, span),
            ExprKind::Unary { operator, operand } => self.check_unary(*operator, operand, expected, span),
            ExprKind::Binary { operator: BinaryOperator::Orelse, left, right } => {
                self.check_orelse(left, right, want, span)
            }
            ExprKind::Binary { operator, left, right } => self.check_binary(*operator, left, right, expected, span),
            ExprKind::Catch { value, capture, fallback } => {
                self.check_catch(value, capture.as_ref(), fallback, want, span)
            }
            ExprKind::Member { base, name } => self.check_member(base, name, span),
            ExprKind::TupleIndex { base, index } => self.check_tuple_index(base, *index, span),
            ExprKind::OptionalMember { base, name } => self.check_optional_member(base, name, span),
            ExprKind::Dereference(base) => self.check_dereference(base, span),
            ExprKind::Unwrap(base) => self.check_unwrap(base, span),
            ExprKind::Call { callee, arguments } => self.check_call(callee, arguments, expected, span),
            ExprKind::Index { base, index } => self.check_index(base, index, span),
            ExprKind::Slice { base, start, end } => self.check_slice(base, start.as_deref(), end.as_deref(), span),
            ExprKind::Struct { ty, fields } => self.check_struct(ty.as_deref(), fields, expected, span),
            ExprKind::New { ty, fields } => self.check_new(ty, fields, span),
            ExprKind::NewCall { ty, arguments } => self.check_new_call(ty, arguments, span),
            ExprKind::As { value, ty } => {
                let env = self.env();
                let ty = self.resolve_type(ty, &env);
                self.check_cast(value, ty, span)
            }
            ExprKind::Block(block) => self.check_block(block, want),
            ExprKind::Comptime(block) => self.check_comptime(block, expected, span),
            ExprKind::If(it) => self.check_if(it, want, span),
            ExprKind::Switch(it) => self.check_switch(it, want, span),
            ExprKind::Closure(it) => self.check_closure(it, expected, span),
            ExprKind::Builtin { name, arguments } => self.check_builtin(name, arguments, expected, span),
            ExprKind::Return(value) => self.check_return(value.as_deref(), span),
            ExprKind::BreakValue(label, value) => self.check_break_value(label, value, span),
            ExprKind::Labelled(label, block) => self.check_labelled(label, block, want, span),
            ExprKind::Break(label) => self.check_leave(label.as_ref(), true, span),
            ExprKind::Continue(label) => self.check_leave(label.as_ref(), false, span),
            ExprKind::Erroneous => self.erroneous(span),
        }
    }

    pub(super) fn call_builtin(
        &mut self,
        builtin: Builtin,
        arguments: Vec<Expression>,
        ty: TypeId,
        span: Span,
    ) -> Value {
        if let Some(known) = self.fold_builtin(builtin, &arguments, ty, span) {
            return known.into();
        }
        make(ExpressionKind::Builtin { builtin, arguments }, ty, span).into()
    }

    fn check_interpolation(&mut self, parts: &'a [Part], span: Span) -> Value {
        let mut checked = Vec::new();
        for part in parts {
            match part {
                Part::Text(text) => checked.push(InterpolationPart::Text(self.output.string(text))),
                Part::Expr(expr) => {
                    let value = self.check_settled(expr);
                    if !self.is_printable(value.ty) {
                        let name = self.types.name(value.ty);
                        self.type_error(expr.span, format!("'{name}' can't be put into a string"));
                    }
                    checked.push(InterpolationPart::Value(value));
                }
            }
        }
        make(ExpressionKind::Interpolate(checked), TypeId::STRING, span).into()
    }

    /// Whether `print` and interpolation take values of a type.
    pub(super) fn is_printable(&self, ty: TypeId) -> bool {
        match self.types.get(ty) {
            Type::Int { .. } | Type::Float { .. } | Type::Bool | Type::Enum(_) | Type::Erroneous => true,
            _ => ty == TypeId::STRING,
        }
    }

    fn check_name(&mut self, text: &Rc<str>, span: Span) -> Value {
        let env = self.env();
        match self.find(&env, text, span) {
            None => self.erroneous(span),
            Some(Meaning::Binding(Binding::Local { local, .. })) => self.load_local(local, span).into(),
            Some(Meaning::Binding(Binding::Constant(value))) => {
                let mut value = (*value).clone();
                value.expr.span = span;
                value
            }
            Some(Meaning::Type(_) | Meaning::Binding(Binding::Item(_))) => {
                self.type_error(span, format!("'{text}' is a type, not a value"));
                self.erroneous(span)
            }
            Some(Meaning::Item(item)) => self.item_value(item, span),
        }
    }

    fn item_value(&mut self, item: ItemId, span: Span) -> Value {
        let name = self.declared[item].full_name.clone();
        match self.declared[item].kind {
            ItemKind::Variable(id) => self.variable_value(id, span),
            ItemKind::Function(id) => {
                if !self.declared[id].ast.type_params.is_empty() {
                    let message = format!("'{name}' is generic: its type arguments are missing");
                    self.type_error(span, message);
                    return self.erroneous(span);
                }
                self.function_value(id, Vec::new(), span)
            }
            _ => {
                self.type_error(span, format!("'{name}' is a type, not a value"));
                self.erroneous(span)
            }
        }
    }

    /// `.Name` where the type is known.
    fn check_enum_literal(&mut self, name: &'a Name, expected: Option<TypeId>, span: Span) -> Value {
        let Some(expected) = expected else {
            self.type_error(span, format!("the type of '.{}' is not known here", name.text));
            return self.erroneous(span);
        };
        let ty = self.innermost(expected);
        match self.types.get(ty) {
            Type::Enum(_) | Type::Union(_) => self.variant_value(ty, name, span),
            Type::Erroneous => self.erroneous(span),
            _ => {
                let wanted = self.types.name(expected);
                self.type_error(
                    span,
                    format!("type mismatch: expected '{wanted}', found the variant '.{}'", name.text),
                );
                self.erroneous(span)
            }
        }
    }

    /// The type in optionals and error unions.
    pub(super) fn innermost(&self, mut ty: TypeId) -> TypeId {
        while let Type::Optional(of) | Type::ErrorUnion { payload: of, .. } = self.types.get(ty) {
            ty = *of;
        }
        ty
    }

    /// `error.Name`
    fn check_error_literal(&mut self, name: &'a Name, expected: Option<TypeId>, span: Span) -> Value {
        let expected = expected.map(|mut expected| {
            while let Type::Optional(of) = *self.types.get(expected) {
                expected = of;
            }
            expected
        });
        let set = expected.and_then(|expected| match self.types.get(expected) {
            Type::Error(set) | Type::ErrorUnion { set, .. } => Some(*set),
            _ => None,
        });
        if self.notes.is_marker(&name.text) {
            self.offer_errors();
        }
        self.notes.error(name.span, &name.text);
        let error = self.types.error(&name.text);
        let Some(set) = set.filter(|set| *set != ErrorSetId::OPEN) else {
            let ty = self.types.intern(Type::Error(ErrorSetId::OPEN));
            // By itself it is an error of any set that has it.
            let set = if expected.is_some() { ty } else { self.single_error(&name.text) };
            return make(ExpressionKind::Error(error), set, span).into();
        };
        let known = &self.types.error_sets[set.0 as usize];
        if !self.types.is_member(error, set) {
            let message = format!("'{}' is not an error of '{}'", name.text, known.name);
            let members: Vec<&str> =
                known.members.iter().map(|it| self.types.error_names[it.0 as usize].as_str()).collect();
            let mut diagnostic = Diagnostic::new(Code::Type, span, message);
            if let Some(near) = crate::cot::check::suggest::nearest(&name.text, members) {
                diagnostic = diagnostic.note(format!("did you mean '{near}'?"));
            }
            self.push_diagnostic(diagnostic);
        }
        let ty = self.types.intern(Type::Error(set));
        make(ExpressionKind::Error(error), ty, span).into()
    }

    /// The set of just one error.
    fn single_error(&mut self, name: &str) -> TypeId {
        let error = self.types.error(name);
        let set = self.types.error_set(&format!("error.{name}"), vec![error]);
        self.types.intern(Type::Error(set))
    }

    fn check_unary(
        &mut self,
        operator: UnaryOperator,
        operand: &'a Expr,
        expected: Option<TypeId>,
        span: Span,
    ) -> Value {
        match operator {
            UnaryOperator::Negate => self.check_negate(operand, expected, span),
            UnaryOperator::BitNot => self.check_bit_not(operand, expected, span),
            UnaryOperator::Not => {
                let value = self.check_as(operand, TypeId::BOOL);
                let kind = match value.kind {
                    ExpressionKind::Bool(value) => ExpressionKind::Bool(!value),
                    _ => ExpressionKind::Not(Box::new(value)),
                };
                make(kind, TypeId::BOOL, span).into()
            }
            UnaryOperator::AddressOf => {
                let inner = expected.and_then(|ty| match self.types.get(ty) {
                    Type::Pointer(to) => Some(*to),
                    _ => None,
                });
                let value = self.check(operand, inner);
                let value = match inner {
                    Some(ty) if value.untyped != Untyped::No => self.coerce(value, ty),
                    _ => self.settle(value),
                };
                if value.ty == TypeId::ERRONEOUS {
                    return self.erroneous(span);
                }
                if matches!(value.ty, TypeId::VOID | TypeId::NO_RETURN) {
                    self.type_error(span, format!("what is of type {} has no address", self.types.name(value.ty)));
                    return self.erroneous(span);
                }
                let pointer = self.types.pointer(value.ty);
                let place = self.place_of(value);
                self.mark_address_taken(&place);
                make(ExpressionKind::AddressOf(Box::new(place)), pointer, span).into()
            }
            UnaryOperator::Try => self.check_try(operand, span),
        }
    }

    fn check_try(&mut self, operand: &'a Expr, span: Span) -> Value {
        let value = self.check_settled(operand);
        let Type::ErrorUnion { set, payload } = *self.types.get(value.ty) else {
            if value.ty != TypeId::ERRONEOUS && value.ty != TypeId::NO_RETURN {
                let name = self.types.name(value.ty);
                self.type_error(operand.span, format!("'try' needs an error union, not '{name}'"));
            }
            return self.erroneous(span);
        };
        let result = self.body().result;
        if self.body().in_defer {
            self.report(Code::InvalidOperation, span, "'try' can't leave a defer; handle the error by 'catch'");
        }
        match *self.types.get(result) {
            Type::ErrorUnion { set: wanted, .. } if self.types.is_subset(set, wanted) => {}
            Type::ErrorUnion { .. } => {
                let (found, wanted) = (self.types.name(value.ty), self.types.name(result));
                let message = format!("errors of '{found}' can't be returned as '{wanted}'");
                self.type_error(span, message);
            }
            Type::Erroneous => {}
            _ => {
                let message = "'try' needs a function that returns an error union";
                let diagnostic = Diagnostic::new(Code::Type, span, message);
                self.push_diagnostic(diagnostic.note("handle the error by 'catch', or return '!T'"));
            }
        }
        make(ExpressionKind::Try(Box::new(value)), payload, span).into()
    }

    fn check_catch(
        &mut self,
        value: &'a Expr,
        capture: Option<&'a Name>,
        fallback: &'a Expr,
        want: Want,
        span: Span,
    ) -> Value {
        let value = self.check_settled(value);
        let (set, payload) = match *self.types.get(value.ty) {
            Type::ErrorUnion { set, payload } => (set, payload),
            _ => {
                if value.ty != TypeId::ERRONEOUS {
                    let name = self.types.name(value.ty);
                    self.type_error(value.span, format!("'catch' needs an error union, not '{name}'"));
                }
                (ErrorSetId::OPEN, TypeId::ERRONEOUS)
            }
        };
        self.open_scope();
        let error = capture.map(|name| {
            let ty = self.types.intern(Type::Error(set));
            self.declare_local(name, ty, Mutability::Constant)
        });
        let is_wanted = payload != TypeId::VOID && want != Want::Discard;
        let mut other = match is_wanted {
            true => self.check_fallback(fallback, payload),
            false => self.check_wanted(fallback, Want::Discard),
        };
        self.close_scope();
        let ty = match *self.types.get(other.expr.ty) {
            // `a catch b` where `b` is an error union as well.
            Type::ErrorUnion { payload: of, .. } if is_wanted && of == payload => other.expr.ty,
            _ if is_wanted => payload,
            _ => TypeId::VOID,
        };
        self.discard_unless(is_wanted, &mut other);
        let fallback = as_block(self.coerce(other, ty));
        make(ExpressionKind::Catch { value: Box::new(value), error, fallback }, ty, span).into()
    }

    fn discard_unless(&mut self, is_wanted: bool, value: &mut Value) {
        if !is_wanted {
            self.discard(value);
        }
    }

    fn check_orelse(&mut self, left: &'a Expr, right: &'a Expr, want: Want, span: Span) -> Value {
        let value = self.check_settled(left);
        let payload = match *self.types.get(value.ty) {
            Type::Optional(of) => of,
            Type::ErrorUnion { .. } | Type::Void | Type::NoReturn => {
                let name = self.types.name(value.ty);
                let message = format!("'orelse' needs an optional, not '{name}'");
                let diagnostic = Diagnostic::new(Code::Type, left.span, message);
                self.push_diagnostic(match self.types.get(value.ty) {
                    Type::ErrorUnion { .. } => diagnostic.note("handle the error by 'try' or 'catch'"),
                    _ => diagnostic,
                });
                TypeId::ERRONEOUS
            }
            Type::Erroneous => TypeId::ERRONEOUS,
            // It is there, and is the result. The right side is checked, and not evaluated.
            _ => {
                let ty = value.ty;
                let other = self.check_fallback(right, ty);
                self.coerce(other, ty);
                return value.into();
            }
        };
        if want == Want::Discard {
            let mut fallback = self.check_wanted(right, Want::Discard);
            self.discard(&mut fallback);
            let fallback = Box::new(self.coerce(fallback, TypeId::VOID));
            return make(ExpressionKind::Orelse { value: Box::new(value), fallback }, TypeId::VOID, span).into();
        }
        let fallback = self.check_fallback(right, payload);
        if fallback.expr.ty == value.ty && value.ty != TypeId::ERRONEOUS && fallback.untyped == Untyped::No {
            return self.orelse_optional(value, fallback.expr, payload, span);
        }
        let fallback = Box::new(self.coerce(fallback, payload));
        make(ExpressionKind::Orelse { value: Box::new(value), fallback }, payload, span).into()
    }

    /// The right side of `orelse` and `catch`: a block gets the payload's type pushed in, calls and
    /// names may be as the left side is.
    fn check_fallback(&mut self, right: &'a Expr, payload: TypeId) -> Value {
        let is_plain = matches!(right.kind, ExprKind::Name(_) | ExprKind::Call { .. } | ExprKind::Member { .. });
        let wanted = (!is_plain && payload != TypeId::ERRONEOUS).then_some(payload);
        self.check(right, wanted)
    }

    /// `a orelse b` where `b` is optional as well.
    fn orelse_optional(&mut self, value: Expression, fallback: Expression, payload: TypeId, span: Span) -> Value {
        let ty = value.ty;
        let local = self.new_local("", payload);
        let loaded = self.load_local(local, span);
        let then = convert(Conversion::ToOptional, loaded, ty);
        let condition = Box::new(Condition::Optional { subject: value, payload: local });
        let kind = ExpressionKind::If { condition, then: as_block(then), otherwise: Some(as_block(fallback)) };
        make(kind, ty, span).into()
    }

    fn check_unwrap(&mut self, base: &'a Expr, span: Span) -> Value {
        let value = self.check_settled(base);
        match *self.types.get(value.ty) {
            Type::Optional(of) => make(ExpressionKind::Unwrap(Box::new(value)), of, span).into(),
            Type::Erroneous => self.erroneous(span),
            _ => {
                let name = self.types.name(value.ty);
                self.type_error(span, format!("'.?' needs an optional, not '{name}'"));
                self.erroneous(span)
            }
        }
    }

    fn check_dereference(&mut self, base: &'a Expr, span: Span) -> Value {
        let value = self.check_settled(base);
        let value = self.unwrap_weak(value);
        match *self.types.get(value.ty) {
            Type::Pointer(to) if !matches!(self.types.get(to), Type::Void) => {
                let place = Place { kind: PlaceKind::Dereference(Box::new(value)), ty: to, span };
                make(ExpressionKind::Load(Box::new(place)), to, span).into()
            }
            Type::Erroneous => self.erroneous(span),
            _ => {
                let name = self.types.name(value.ty);
                self.report(Code::InvalidOperation, span, format!("'{name}' can't be dereferenced"));
                self.erroneous(span)
            }
        }
    }

    fn check_return(&mut self, value: Option<&'a Expr>, span: Span) -> Value {
        let result = self.body().result;
        if self.body().in_defer {
            self.report(Code::InvalidOperation, span, "a defer can't be left by 'return'");
        }
        let value = match value {
            Some(value) => {
                let want = if result == TypeId::VOID { None } else { Some(result) };
                let value = self.check(value, want);
                if value.is_never() {
                    return value;
                }
                self.coerce_result(value, result)
            }
            None => match *self.types.get(result) {
                Type::Void | Type::Erroneous => None,
                Type::ErrorUnion { payload: TypeId::VOID, .. } => {
                    let void = make(ExpressionKind::Void, TypeId::VOID, span);
                    Some(convert(Conversion::ToSuccess, void, result))
                }
                _ => {
                    let name = self.types.name(result);
                    self.report(Code::ReturnType, span, format!("this must return a value of type '{name}'"));
                    None
                }
            },
        };
        // `return f()` of a function that returns nothing.
        if result == TypeId::VOID
            && let Some(call) = value
        {
            let leave = make(ExpressionKind::Return(None), TypeId::NO_RETURN, span);
            let statements = [call, leave].map(|expr| {
                let kind = crate::cot::typed::StatementKind::Expression(expr);
                crate::cot::typed::Statement { kind, span }
            });
            let block = crate::cot::typed::Block { statements: statements.into(), value: None, end: span.end_point() };
            return make(ExpressionKind::Block(block), TypeId::NO_RETURN, span).into();
        }
        make(ExpressionKind::Return(value.map(Box::new)), TypeId::NO_RETURN, span).into()
    }

    fn coerce_result(&mut self, value: Value, result: TypeId) -> Option<Expression> {
        match self.coerce_quietly(value, result) {
            Ok(expr) => Some(expr),
            Err(value) => {
                let span = value.expr.span;
                let mut diagnostic = self.mismatch(&value, result);
                diagnostic.code = Code::ReturnType;
                self.push_diagnostic(diagnostic);
                Some(make(ExpressionKind::Zero, result, span))
            }
        }
    }

    fn check_leave(&mut self, label: Option<&'a Name>, is_break: bool, span: Span) -> Value {
        let frames = &mut self.body().loops;
        let frame = match label {
            None => frames.iter_mut().rev().find(|frame| frame.block.is_none()),
            Some(label) => frames.iter_mut().rev().find(|frame| frame.label.as_ref() == Some(&label.text)),
        };
        let Some(frame) = frame else {
            let (word, code) =
                if is_break { ("break", Code::BreakOutsideLoop) } else { ("continue", Code::ContinueOutsideLoop) };
            let message = match label {
                Some(label) => format!("no loop around this '{word}' is labelled '{}'", label.text),
                None => format!("'{word}' outside of a loop"),
            };
            self.report(code, span, message);
            return self.erroneous(span);
        };
        if frame.block.is_some() && !is_break {
            self.report(Code::ContinueOutsideLoop, span, "'continue' goes on with a loop, not with a block");
            return self.erroneous(span);
        }
        frame.is_left |= is_break;
        frame.is_continued |= !is_break;
        let kind = match is_break {
            true => ExpressionKind::Break(frame.id),
            // A copy of an unrolled body has no next turn.
            false if frame.turn != frame.id => ExpressionKind::Break(frame.turn),
            false => ExpressionKind::Continue(frame.id),
        };
        make(kind, TypeId::NO_RETURN, span).into()
    }
}

pub(super) fn untyped(kind: ExpressionKind, untyped: Untyped, span: Span) -> Value {
    let ty = match untyped {
        Untyped::Int => TypeId::I64,
        Untyped::Float => TypeId::F64,
        _ => TypeId::VOID,
    };
    Value { expr: make(kind, ty, span), untyped }
}
