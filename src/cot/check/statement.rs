//! Statements (section 9).

use std::rc::Rc;

use crate::cot::ast::{self, BinaryOperator, Expr, ExprKind, Name, Reference, StatementKind as Ast, TypeExpr};
use crate::cot::check::Checker;
use crate::cot::check::block::Want;
use crate::cot::check::model::{Binding, ItemKind, Meaning, Mutability, Untyped, Value, VariableState, as_block, make};
use crate::cot::diagnostic::Code;
use crate::cot::source::Span;
use crate::cot::typed::{
    CompoundOperator, Condition, Conversion, Expression, ExpressionKind, LocalId, Ownership, Place, PlaceKind,
    Statement, StatementKind,
};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    /// Adds what a statement becomes; true if what follows is never reached.
    pub(super) fn check_statement(&mut self, statement: &'a ast::Statement, out: &mut Vec<Statement>) -> bool {
        let span = statement.span;
        let mut push = |kind| out.push(Statement { kind, span });
        match &statement.kind {
            Ast::Expr(expr) => {
                let mut value = self.check_wanted(expr, Want::Discard);
                if value.untyped != Untyped::No {
                    self.discard(&mut value);
                }
                let is_left = value.is_never();
                if !matches!(value.expr.kind, ExpressionKind::Void) {
                    push(StatementKind::Expression(value.expr));
                }
                is_left
            }
            Ast::Variable(variable) => self.check_local(variable, out),
            // Declared at the start of the block.
            Ast::Type(_) => false,
            Ast::Assign { target, operator, value } => {
                if let Some(kind) = self.check_assign(target, *operator, value, span) {
                    push(kind);
                }
                false
            }
            Ast::While { label, condition, capture, step, body } => {
                self.open_scope();
                let condition = self.check_condition(condition, capture.as_ref());
                let is_endless =
                    matches!(&condition, Condition::Bool(it) if matches!(it.kind, ExpressionKind::Bool(true)));
                let id = self.new_loop(label.as_ref());
                let body = self.check_block(body, Want::Discard);
                let step = step.as_ref().map(|step| {
                    let mut statements = Vec::new();
                    self.check_statement(step, &mut statements);
                    crate::cot::typed::Block { statements, value: None, end: step.span.end_point() }
                });
                let frame = self.body().loops.pop().expect("the loop was opened above");
                self.close_scope();
                push(StatementKind::While { id, condition, step, body: as_block(body.expr) });
                is_endless && !frame.is_left
            }
            Ast::For(it) => {
                if let Some(kind) = self.check_for(it, span) {
                    push(kind);
                }
                false
            }
            Ast::Defer { body, only_on_error } => {
                let loops = std::mem::take(&mut self.body().loops);
                let outer = std::mem::replace(&mut self.body().in_defer, true);
                self.open_scope();
                let mut statements = Vec::new();
                self.check_statement(body, &mut statements);
                self.close_scope();
                self.body().in_defer = outer;
                self.body().loops = loops;
                let body = crate::cot::typed::Block { statements, value: None, end: span.end_point() };
                push(StatementKind::Defer { body, only_on_error: *only_on_error });
                false
            }
        }
    }

    fn check_local(&mut self, it: &'a ast::Variable, out: &mut Vec<Statement>) -> bool {
        if it.bindings.len() > 1 {
            return self.check_destructuring(it, out);
        }
        let (name, annotation) = &it.bindings[0];
        let env = self.env();
        let mut annotated = annotation.as_ref().map(|ty| self.resolve_type(ty, &env));
        let value = match (&it.value, annotated) {
            (Some(value), _) => self.check(value, annotated),
            (None, Some(ty)) if !it.is_const => make(ExpressionKind::Zero, ty, it.span).into(),
            (None, _) => {
                let what = if it.is_const { "the constant" } else { "the variable" };
                let message =
                    format!("{what} '{}' needs a value{}", name.text, if it.is_const { "" } else { " or a type" });
                self.report(Code::ExpectedExpression, it.span, message);
                self.erroneous(it.span)
            }
        };
        if value.is_never() {
            out.push(Statement { kind: StatementKind::Expression(value.expr), span: it.span });
            self.declare_local(name, annotated.unwrap_or(TypeId::ERRONEOUS), Mutability::Variable);
            return true;
        }
        // Rule 2 of section 22: `var p: T = new T {…}` is a pointer.
        if let Some(ty) = annotated
            && matches!(value.expr.kind, ExpressionKind::New(_))
            && self.is_safe(env.file)
            && *self.types.get(value.expr.ty) == Type::Pointer(ty)
        {
            annotated = Some(value.expr.ty);
        }
        let value = match annotated {
            Some(ty) => self.coerce(value, ty).into(),
            None => value,
        };
        if it.is_const && self.is_compile_time(&value.expr) {
            self.bind(name, Binding::Constant(Rc::new(value)));
            return false;
        }
        let expr = self.settle(value);
        let expr = match it.reference {
            Reference::Strong => expr,
            Reference::Weak => self.weak_pointer(expr),
            Reference::Unowned => self.unowned_pointer(expr),
        };
        self.check_has_value(&expr, name);
        let mutability = if it.is_const { Mutability::Constant } else { Mutability::Variable };
        let local = self.declare_local(name, expr.ty, mutability);
        self.set_ownership(local, it, &expr, annotated.is_some());
        out.push(Statement { kind: StatementKind::Local { local, value: expr }, span: it.span });
        false
    }

    fn check_has_value(&mut self, expr: &Expression, name: &Name) {
        if expr.ty == TypeId::VOID {
            self.type_error(expr.span, format!("'{}' would have no value: this is of type void", name.text));
        }
    }

    /// Section 15: weak and raw locals, and those with a destructor.
    fn set_ownership(&mut self, local: LocalId, it: &'a ast::Variable, expr: &Expression, is_annotated: bool) {
        let ty = expr.ty;
        let ownership = match it.reference {
            Reference::Weak => Ownership::Weak,
            Reference::Unowned => Ownership::Unowned,
            Reference::Strong if !is_annotated && self.is_raw(expr) => Ownership::Raw,
            Reference::Strong => Ownership::ByType,
        };
        let is_literal = matches!(it.value.as_ref().map(|value| &value.kind), Some(ExprKind::Struct { .. }));
        let destructor = if is_literal { self.destructor_of(ty) } else { None };
        let local = &mut self.body().locals[local.0 as usize];
        local.ownership = ownership;
        local.destructor = destructor;
    }

    /// What a weak variable begins with: a pointer that may be null, since the object may die.
    fn weak_pointer(&mut self, expr: Expression) -> Expression {
        let ty = expr.ty;
        match *self.types.get(ty) {
            Type::Erroneous => expr,
            Type::Pointer(_) if self.types.is_managed(ty) => {
                let optional = self.types.optional(ty);
                self.coerce(expr.into(), optional)
            }
            Type::Optional(of) if self.types.is_managed(ty) && self.types.is_pointer(of) => expr,
            _ => {
                let name = self.types.name(ty);
                self.type_error(expr.span, format!("only a pointer to a counted object can be weak, not '{name}'"));
                make(ExpressionKind::Zero, TypeId::ERRONEOUS, expr.span)
            }
        }
    }

    /// What an unowned variable begins with.
    fn unowned_pointer(&mut self, expr: Expression) -> Expression {
        let ty = expr.ty;
        match *self.types.get(ty) {
            Type::Erroneous => expr,
            Type::Pointer(_) if self.types.is_managed(ty) => expr,
            _ => {
                let name = self.types.name(ty);
                self.type_error(expr.span, format!("only a pointer to a counted object can be unowned, not '{name}'"));
                make(ExpressionKind::Zero, TypeId::ERRONEOUS, expr.span)
            }
        }
    }

    /// A weak variable is also taken for the pointer it holds, where that is wanted: then it has to
    /// hold one.
    pub(super) fn unwrap_weak(&mut self, value: Expression) -> Expression {
        let (Type::Optional(of), ExpressionKind::Load(place)) = (self.types.get(value.ty), &value.kind) else {
            return value;
        };
        let of = *of;
        match place.kind {
            PlaceKind::Local(local) if self.body().locals[local.0 as usize].ownership == Ownership::Weak => {
                let span = value.span;
                make(ExpressionKind::Unwrap(Box::new(value)), of, span)
            }
            _ => value,
        }
    }

    /// Whether a pointer comes from a cast, an extern function, or a local that holds such a one.
    pub(super) fn is_raw(&mut self, expr: &Expression) -> bool {
        if !self.types.is_managed(expr.ty) {
            return false;
        }
        match &expr.kind {
            ExpressionKind::Convert { conversion: Conversion::IntToPointer | Conversion::Reinterpret, .. } => true,
            ExpressionKind::Convert { conversion: Conversion::ToOptional, value } => self.is_raw(value),
            ExpressionKind::Call { callee, .. } => {
                matches!(callee, crate::cot::typed::Callee::Extern(_) | crate::cot::typed::Callee::Runtime(_))
            }
            ExpressionKind::OffsetPointer { .. } => true,
            ExpressionKind::Load(place) => match &place.kind {
                PlaceKind::Local(local) => self.body().locals[local.0 as usize].ownership == Ownership::Raw,
                _ => false,
            },
            _ => false,
        }
    }

    fn check_destructuring(&mut self, it: &'a ast::Variable, out: &mut Vec<Statement>) -> bool {
        let env = self.env();
        let annotations: Vec<_> =
            it.bindings.iter().map(|(_, ty)| ty.as_ref().map(|ty: &'a TypeExpr| self.resolve_type(ty, &env))).collect();
        let expected: Option<Vec<TypeId>> = annotations.iter().copied().collect();
        let expected = expected.map(|types| self.types.intern(Type::Tuple(types)));
        let value = match &it.value {
            Some(Expr { kind: ExprKind::Tuple(items), span, .. }) if items.len() == annotations.len() => {
                self.tuple_of(items, &annotations, *span)
            }
            Some(value) => self.check(value, expected),
            None => self.erroneous(it.span),
        };
        let value = self.settle(value);
        let types = match self.types.get(value.ty).clone() {
            Type::Tuple(types) if types.len() == it.bindings.len() => types,
            Type::Erroneous => vec![TypeId::ERRONEOUS; it.bindings.len()],
            _ => {
                let message =
                    format!("'{}' is not a tuple of {} elements", self.types.name(value.ty), it.bindings.len());
                self.type_error(value.span, message);
                vec![TypeId::ERRONEOUS; it.bindings.len()]
            }
        };
        let tuple = self.new_local("", value.ty);
        out.push(Statement { kind: StatementKind::Local { local: tuple, value }, span: it.span });
        let mutability = if it.is_const { Mutability::Constant } else { Mutability::Variable };
        for (index, (((name, _), ty), annotated)) in it.bindings.iter().zip(types).zip(annotations).enumerate() {
            let base = self.load_local(tuple, name.span);
            let base = Box::new(self.place_of(base));
            let place = Place { kind: PlaceKind::Field { base, index }, ty, span: name.span };
            let mut value = make(ExpressionKind::Load(Box::new(place)), ty, name.span);
            if let Some(annotated) = annotated {
                value = self.coerce(value.into(), annotated);
            }
            let local = self.declare_local(name, value.ty, mutability);
            out.push(Statement { kind: StatementKind::Local { local, value }, span: name.span });
        }
        false
    }

    fn check_assign(
        &mut self,
        target: &'a Expr,
        operator: Option<BinaryOperator>,
        value: &'a Expr,
        span: Span,
    ) -> Option<StatementKind> {
        if let (ExprKind::Name(text), None) = (&target.kind, operator)
            && &**text == "_"
        {
            let value = self.check(value, None);
            return Some(StatementKind::Expression(self.settle(value)));
        }
        let place = self.check_target(target);
        let ty = place.as_ref().map_or(TypeId::ERRONEOUS, |place| place.ty);
        let Some(operator) = operator else {
            let value = self.check(value, Some(ty));
            let value = self.coerce(value, ty);
            return Some(StatementKind::Assign { place: place?, value });
        };
        let (operator, value) = self.check_compound(ty, operator, value, span)?;
        Some(StatementKind::CompoundAssign { place: place?, operator, value })
    }

    /// The place that is assigned to; anything else is reported.
    fn check_target(&mut self, target: &'a Expr) -> Option<Place> {
        if let ExprKind::Name(text) = &target.kind
            && let Some(message) = self.refuses_assignment(text, target.span)
        {
            self.report(Code::InvalidOperation, target.span, message);
            return None;
        }
        let value = self.check(target, None);
        if value.is_erroneous() {
            return None;
        }
        let place = self.place_of(value.expr);
        if Self::is_temporary(&place) {
            self.report(Code::InvalidOperation, target.span, "this can't be assigned to");
            return None;
        }
        self.mark_modified(&place);
        Some(place)
    }

    fn is_temporary(place: &Place) -> bool {
        match &place.kind {
            PlaceKind::Temporary(_) => true,
            PlaceKind::Field { base, .. }
            | PlaceKind::ArrayElement { base, .. }
            | PlaceKind::UnionPayload { base, .. }
            | PlaceKind::OptionalPayload { base } => Self::is_temporary(base),
            _ => false,
        }
    }

    /// Why a name can't be assigned to, if it can't.
    fn refuses_assignment(&mut self, text: &Rc<str>, span: Span) -> Option<String> {
        let env = self.env();
        match self.find_quietly(&env, text, span)? {
            Meaning::Binding(Binding::Local { mutability: Mutability::Variable, .. }) => None,
            Meaning::Binding(Binding::Local { mutability, .. }) => Some(Self::mutability_message(mutability, text)),
            Meaning::Binding(Binding::Constant(_)) => Some(Self::mutability_message(Mutability::Constant, text)),
            Meaning::Binding(Binding::Item(_)) | Meaning::Type(_) => Some(format!("'{text}' is a type")),
            Meaning::Item(item) => match self.declared[item].kind {
                ItemKind::Variable(id) => match self.variable_state(id) {
                    VariableState::Global { is_const: true, .. } | VariableState::Constant(_) => {
                        Some(Self::mutability_message(Mutability::Constant, text))
                    }
                    _ => None,
                },
                _ => Some(format!("'{text}' is not a variable")),
            },
        }
    }

    /// The right side of `target op= value`.
    fn check_compound(
        &mut self,
        ty: TypeId,
        operator: BinaryOperator,
        value: &'a Expr,
        span: Span,
    ) -> Option<(CompoundOperator, Expression)> {
        let file = self.env().file;
        match self.types.get(ty).clone() {
            Type::Erroneous => {
                self.check(value, None);
                None
            }
            Type::Int { .. } | Type::Float { .. } => {
                let value = self.check(value, Some(ty));
                if value.is_erroneous() {
                    return None;
                }
                let arithmetic =
                    Self::arithmetic_operator(operator).expect("assignments have arithmetic operators only");
                if self.types.is_float(ty) && !arithmetic_on_floats(operator) {
                    self.report(Code::InvalidOperation, span, "floats have no bit operations");
                }
                let value = self.float_operand(value, ty);
                Some((CompoundOperator::Arithmetic(arithmetic), self.coerce(value, ty)))
            }
            Type::Pointer(_) if matches!(operator, BinaryOperator::Add | BinaryOperator::Subtract) => {
                let value = self.check(value, Some(TypeId::I64));
                let backwards = operator == BinaryOperator::Subtract;
                Some((CompoundOperator::OffsetPointer { backwards }, self.coerce(value, TypeId::I64)))
            }
            Type::Slice(_) if operator == BinaryOperator::Add && (ty == TypeId::STRING || self.is_safe(file)) => {
                let value = self.check(value, Some(ty));
                Some((CompoundOperator::Concat, self.coerce(value, ty)))
            }
            _ => {
                self.check(value, None);
                let name = self.types.name(ty);
                let message = format!("'{name}' can't be changed by this operator");
                self.report(Code::InvalidOperation, span, message);
                None
            }
        }
    }

    /// An integer that is combined with a float becomes one.
    pub(super) fn float_operand(&mut self, value: Value, ty: TypeId) -> Value {
        if self.types.is_float(ty) && self.types.is_int(value.expr.ty) && value.untyped == Untyped::No {
            return self.int_to_float(value.expr, ty).into();
        }
        if let (Type::Float { bits: 64 }, Type::Float { bits: 32 }) =
            (self.types.get(ty), self.types.get(value.expr.ty))
        {
            return self.resize_float(value.expr, ty).into();
        }
        value
    }
}

fn arithmetic_on_floats(operator: BinaryOperator) -> bool {
    use BinaryOperator::{Add, Divide, Multiply, Remainder, Subtract};
    matches!(operator, Add | Subtract | Multiply | Divide | Remainder)
}
