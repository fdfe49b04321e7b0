//! Values of structs, arrays, tuples; `new` (section 8.3).

use std::collections::HashMap;

use crate::cot::ast::{Expr, Name, TypeExpr};
use crate::cot::check::Checker;
use crate::cot::check::block::Want;
use crate::cot::check::model::{ItemKind, Owner, Untyped, Value, make};
use crate::cot::check::suggest::nearest;
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::typed::{Block, Expression, ExpressionKind, Statement, StatementKind};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    pub(super) fn check_tuple(&mut self, items: &'a [Expr], expected: Option<TypeId>, span: Span) -> Value {
        let wanted = expected.map(|ty| self.innermost(ty)).and_then(|ty| match self.types.get(ty) {
            Type::Tuple(types) if types.len() == items.len() => Some(types.clone()),
            _ => None,
        });
        let wanted = wanted.map_or(vec![None; items.len()], |types| types.into_iter().map(Some).collect());
        self.tuple_of(items, &wanted, span)
    }

    /// A tuple, some of whose elements must have a type.
    pub(super) fn tuple_of(&mut self, items: &'a [Expr], wanted: &[Option<TypeId>], span: Span) -> Value {
        let mut elements = Vec::new();
        for (item, wanted) in items.iter().zip(wanted) {
            let element = match *wanted {
                Some(ty) => self.check_as(item, ty),
                None => self.check_settled(item),
            };
            if element.ty == TypeId::VOID {
                self.type_error(element.span, "a tuple can't have an element of type void");
            }
            elements.push(element);
        }
        let types = elements.iter().map(|element| element.ty).collect();
        let ty = self.types.intern(Type::Tuple(types));
        make(ExpressionKind::Tuple(elements), ty, span).into()
    }

    pub(super) fn check_array(&mut self, items: &'a [Expr], expected: Option<TypeId>, span: Span) -> Value {
        let wanted = expected.map(|ty| self.innermost(ty)).and_then(|ty| match self.types.get(ty) {
            Type::Array { element, .. } | Type::Slice(element) => Some(*element),
            _ => None,
        });
        let is_slice = expected.is_some_and(|ty| matches!(self.types.get(self.innermost(ty)), Type::Slice(_)));
        if let (Some(element), true, true) = (wanted, items.is_empty(), is_slice) {
            let ty = self.types.slice(element);
            return make(ExpressionKind::Zero, ty, span).into();
        }
        if items.is_empty() {
            self.type_error(span, "an array has at least one element");
            return self.erroneous(span);
        }
        let mut values: Vec<Value> = items.iter().map(|item| self.check(item, wanted)).collect();
        let element = self.unify(&mut values, Want::Value(wanted));
        if matches!(element, TypeId::ERRONEOUS | TypeId::VOID | TypeId::NO_RETURN) {
            if element != TypeId::ERRONEOUS || values.iter().all(|value| value.untyped != Untyped::No) {
                self.type_error(span, "the type of the elements is not known");
            }
            return self.erroneous(span);
        }
        let ty = self.types.intern(Type::Array { element, length: values.len() as u64 });
        make(ExpressionKind::Array(values.into_iter().map(|value| value.expr).collect()), ty, span).into()
    }

    pub(super) fn check_struct(
        &mut self,
        ty: Option<&'a Expr>,
        fields: &'a [(Name, Expr)],
        expected: Option<TypeId>,
        span: Span,
    ) -> Value {
        let env = self.env();
        let ty = match (ty, expected) {
            (Some(ty), _) => self.type_argument(ty, &env),
            (None, Some(expected)) => {
                let ty = self.innermost(expected);
                // Rule 2 of section 22: a struct stands for a pointer to it.
                let ty = match *self.types.get(ty) {
                    Type::Pointer(to) if self.may_pass_by_reference(to) => to,
                    _ => ty,
                };
                if fields.is_empty() {
                    return make(ExpressionKind::Zero, ty, span).into();
                }
                ty
            }
            (None, None) => {
                self.type_error(span, "the type of this value is not known here; annotate it");
                TypeId::ERRONEOUS
            }
        };
        self.struct_value(ty, fields, span).into()
    }

    /// A struct with these fields, and defaults for the others.
    fn struct_value(&mut self, ty: TypeId, fields: &'a [(Name, Expr)], span: Span) -> Expression {
        let Type::Struct(id) = *self.types.get(ty) else {
            if ty != TypeId::ERRONEOUS {
                let name = self.types.name(ty);
                self.type_error(span, format!("'{name}' is not a struct"));
            }
            for (_, value) in fields {
                self.check(value, None);
            }
            return self.erroneous(span).expr;
        };
        let declared = self.types.structs[id.0 as usize].fields.clone();
        let mut set: Vec<Option<Span>> = vec![None; declared.len()];
        let mut values = Vec::new();
        for (name, value) in fields {
            self.note_field(ty, name, value);
            let Some(index) = self.types.find_member(ty, &name.text) else {
                let message = format!("'{}' has no field '{}'", self.types.name(ty), name.text);
                let mut diagnostic = Diagnostic::new(Code::NoSuchField, name.span, message);
                if let Some(near) = nearest(&name.text, self.types.member_names(ty)) {
                    diagnostic = diagnostic.note(format!("did you mean '{near}'?"));
                }
                self.push_diagnostic(diagnostic);
                self.check(value, None);
                continue;
            };
            if let Some(first) = set[index].replace(name.span) {
                self.report_redefined(name, first);
            }
            values.push((index, self.check_as(value, declared[index].ty)));
        }
        let mut is_set: Vec<bool> = set.iter().map(Option::is_some).collect();
        if values.len() < fields.len() {
            // What looks missing may be what was misspelled.
            is_set.fill(true);
        }
        self.add_defaults(ty, &is_set, &mut values, span);
        make(ExpressionKind::Struct(values), ty, span)
    }

    fn note_field(&mut self, ty: TypeId, name: &Name, value: &Expr) {
        if self.notes.is_marker(&name.text) {
            self.offer_fields(ty);
        }
        if !self.notes.is_on() || value.span != name.span {
            return self.note_use_of_member(ty, name);
        }
        if let Some(field) = self.member_place(ty, &name.text) {
            self.notes.short_fields.insert(name.span, field);
        }
    }

    fn add_defaults(&mut self, ty: TypeId, is_set: &[bool], values: &mut Vec<(usize, Expression)>, span: Span) {
        let Some((item, arguments)) = self.named.item(ty).cloned() else { return };
        let ItemKind::Struct(of) = self.declared[item].kind else { return };
        let env = self.env_of_instance(item, &of.type_params, &arguments, Some(ty));
        let declared = self.types.struct_type(ty).map(|of| of.fields.clone()).unwrap_or_default();
        let defaults: HashMap<&str, &'a Expr> =
            of.fields.iter().filter_map(|it| Some((&*it.name.text, it.default.as_ref()?))).collect();
        let mut missing = Vec::new();
        for (index, field) in declared.iter().enumerate() {
            if is_set[index] {
                continue;
            }
            match defaults.get(field.name.as_str()) {
                Some(default) if self.default_depth < 32 => {
                    self.default_depth += 1;
                    let value = self.elsewhere(env.clone(), |it| it.check_as(default, field.ty));
                    self.default_depth -= 1;
                    values.push((index, value));
                }
                Some(default) => self.type_error(default.span, "default values are nested too deep"),
                None => missing.push(format!("'{}'", field.name)),
            }
        }
        if !missing.is_empty() {
            let message = format!("fields of '{}' are missing: {}", self.types.name(ty), missing.join(", "));
            self.type_error(span, message);
        }
    }

    /// `new T { … }`
    pub(super) fn check_new(&mut self, ty: &'a TypeExpr, fields: &'a [(Name, Expr)], span: Span) -> Value {
        let env = self.env();
        let ty = self.resolve_type(ty, &env);
        let value = self.struct_value(ty, fields, span);
        if value.ty == TypeId::ERRONEOUS {
            return self.erroneous(span);
        }
        let pointer = self.types.pointer(ty);
        make(ExpressionKind::New(Box::new(value)), pointer, span).into()
    }

    /// `new T(a, b)`: all bytes zero, then `T.init(a, b)` (rule 5 of section 22).
    pub(super) fn check_new_call(&mut self, ty: &'a TypeExpr, arguments: &'a [Expr], span: Span) -> Value {
        let env = self.env();
        let resolved = self.resolve_type(ty, &env);
        if !self.is_safe(env.file) {
            self.type_error(span, "'new T(…)' is for @safe files; write 'new T { field: value }'");
        }
        let Some((item, types)) = self.named.item(resolved).cloned() else {
            if resolved != TypeId::ERRONEOUS {
                self.type_error(ty.span, format!("'{}' can't be constructed", self.types.name(resolved)));
            }
            return self.failed_call(arguments, span);
        };
        let pointer = self.types.pointer(resolved);
        let zero = Box::new(make(ExpressionKind::Zero, resolved, span));
        let object = make(ExpressionKind::New(zero), pointer, span);
        let init = self.declared.method(Owner::Item(item), &"init".into());
        let Some(init) = init else {
            if !arguments.is_empty() {
                let message = format!("'{}' has no function 'init'", self.types.name(resolved));
                self.report(Code::NoSuchField, ty.span, message);
            }
            self.check_all(arguments);
            return object.into();
        };
        self.notes.implicit(self.declared[init].ast.name.span);
        let local = self.new_local("", pointer);
        let receiver = self.load_local(local, span);
        let call = self.call_declared(init, types, Some(receiver), arguments, span);
        if call.expr.ty != TypeId::VOID && !call.is_erroneous() {
            self.type_error(span, "'init' must return nothing");
        }
        let statements = vec![
            Statement { kind: StatementKind::Local { local, value: object }, span },
            Statement { kind: StatementKind::Expression(call.expr), span },
        ];
        let value = Some(Box::new(self.load_local(local, span)));
        let block = Block { statements, value, end: span.end_point() };
        make(ExpressionKind::Block(block), pointer, span).into()
    }
}
