//! After a dot or in brackets: fields, variants, constants of types, elements, slices
//! (sections 8.3, 11, 12, 16).

use std::rc::Rc;

use crate::cot::ast::{Expr, Name};
use crate::cot::check::Checker;
use crate::cot::check::model::{Untyped, Value, as_block, convert, make};
use crate::cot::check::suggest::nearest;
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::typed::{Condition, Conversion, Expression, ExpressionKind, Place, PlaceKind, Sequence};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    pub(super) fn check_member(&mut self, base: &'a Expr, name: &'a Name, span: Span) -> Value {
        let env = self.env();
        if let Some(ty) = self.expr_as_type(base, &env) {
            return self.member_of_type(ty, name, span);
        }
        let value = self.check_settled(base);
        self.field(value, name, span)
    }

    /// `Type.name` that is not called.
    fn member_of_type(&mut self, ty: TypeId, name: &'a Name, span: Span) -> Value {
        if ty == TypeId::ERRONEOUS {
            return self.erroneous(span);
        }
        if self.notes.is_marker(&name.text) {
            self.offer_of_type(ty);
        }
        let owner = self.owner_of(ty);
        if let Some(id) = self.declared.constant(owner, &name.text) {
            self.notes.use_of(name.span, self.declared[id].ast.bindings[0].0.span);
            return self.variable_value(id, span);
        }
        if let Type::Error(set) = *self.types.get(ty) {
            let error = self.types.error(&name.text);
            self.notes.error(name.span, &name.text);
            if !self.types.is_member(error, set) {
                let message = format!("'{}' is not an error of '{}'", name.text, self.types.name(ty));
                self.report(Code::NoSuchField, name.span, message);
            }
            return make(ExpressionKind::Error(error), ty, span).into();
        }
        let is_variant = self.types.struct_type(ty).is_none() && self.types.find_member(ty, &name.text).is_some();
        if !is_variant
            && let Some(id) = self.declared.method(owner, &name.text)
            && self.declared[id].ast.type_params.is_empty()
        {
            self.note_use_of_function(id, name.span);
            let arguments = self.named.arguments(ty);
            return self.function_value(id, arguments, span);
        }
        match self.types.get(ty) {
            Type::Enum(_) | Type::Union(_) => self.variant_value(ty, name, span),
            _ => {
                let owner_name = self.types.name(ty);
                let message = format!("type '{owner_name}' has no constant or function '{}'", name.text);
                self.report(Code::NoSuchField, name.span, message);
                self.erroneous(span)
            }
        }
    }

    /// An enum's variant, or a union's without payload.
    pub(super) fn variant_value(&mut self, ty: TypeId, name: &'a Name, span: Span) -> Value {
        let Some((variant, payload)) = self.find_variant(ty, name) else { return self.erroneous(span) };
        if let Some(of) = self.types.enum_type(ty) {
            let value = of.variants[variant].1;
            return make(ExpressionKind::Int(value), ty, span).into();
        }
        if payload != TypeId::VOID {
            let message = format!("variant '{}' needs a value of type '{}'", name.text, self.types.name(payload));
            self.type_error(span, message);
            return self.erroneous(span);
        }
        make(ExpressionKind::Union { variant, payload: None }, ty, span).into()
    }

    /// Index and payload of a variant; an unknown one is reported.
    pub(super) fn find_variant(&mut self, ty: TypeId, name: &Name) -> Option<(usize, TypeId)> {
        if self.notes.is_marker(&name.text) {
            self.offer_variants(ty);
        }
        self.note_use_of_member(ty, name);
        if let Some(index) = self.types.find_member(ty, &name.text) {
            let payload = self.types.union_type(ty).map_or(TypeId::VOID, |of| of.variants[index].payload);
            return Some((index, payload));
        }
        let message = format!("'{}' has no variant '{}'", self.types.name(ty), name.text);
        let mut diagnostic = Diagnostic::new(Code::NoSuchField, name.span, message);
        if let Some(near) = nearest(&name.text, self.types.member_names(ty)) {
            diagnostic = diagnostic.note(format!("did you mean '{near}'?"));
        }
        self.push_diagnostic(diagnostic);
        None
    }

    /// What is behind any number of pointers.
    pub(super) fn auto_dereference(&mut self, mut value: Expression) -> Expression {
        while let Type::Pointer(to) = *self.types.get(value.ty) {
            let span = value.span;
            let place = Place { kind: PlaceKind::Dereference(Box::new(value)), ty: to, span };
            value = make(ExpressionKind::Load(Box::new(place)), to, span);
        }
        value
    }

    /// `value.name` that is not called.
    pub(super) fn field(&mut self, value: Expression, name: &Name, span: Span) -> Value {
        let value = self.unwrap_weak(value);
        let base = self.auto_dereference(value);
        if self.notes.is_marker(&name.text) {
            self.offer_members(base.ty);
        }
        if let Some(found) = self.field_quietly(&base, &name.text, span) {
            self.note_use_of_member(base.ty, name);
            self.notes.type_of(name.span, found.expr.ty);
            return found;
        }
        if base.ty != TypeId::ERRONEOUS {
            self.report_no_field(&base, name);
        }
        self.erroneous(span)
    }

    fn report_no_field(&mut self, base: &Expression, name: &Name) {
        let message = format!("'{}' has no field '{}'", self.types.name(base.ty), name.text);
        let diagnostic = Diagnostic::new(Code::NoSuchField, name.span, message);
        let note = match self.types.get(base.ty) {
            Type::Optional(_) => Some("unwrap the optional first: by '.?', 'orelse' or a capture".to_owned()),
            Type::ErrorUnion { .. } => Some("handle the error first: by 'try' or 'catch'".to_owned()),
            _ => {
                let near =
                    nearest(&name.text, self.types.member_names(base.ty)).map(|near| format!("did you mean '{near}'?"));
                let owner = self.owner_of(base.ty);
                let is_method = self.declared.method(owner, &name.text).is_some();
                near.or_else(|| is_method.then(|| format!("'{}' is a function: call it", name.text)))
            }
        };
        self.push_diagnostic(match note {
            Some(note) => diagnostic.note(note),
            None => diagnostic,
        });
    }

    pub(super) fn field_quietly(&mut self, base: &Expression, name: &Rc<str>, span: Span) -> Option<Value> {
        match (self.types.get(base.ty).clone(), &**name) {
            (Type::Struct(id), _) => {
                let index = self.types.find_member(base.ty, name)?;
                let ty = self.types.structs[id.0 as usize].fields[index].ty;
                if let ExpressionKind::Struct(values) = &base.kind
                    && Self::is_known(base)
                    && let Some((_, value)) = values.iter().find(|value| value.0 == index)
                {
                    return Some(Expression { span, ..value.clone() }.into());
                }
                let base = Box::new(self.place_of(base.clone()));
                let place = Place { kind: PlaceKind::Field { base, index }, ty, span };
                Some(make(ExpressionKind::Load(Box::new(place)), ty, span).into())
            }
            (Type::Union(id), _) => {
                let Some(variant) = self.types.find_member(base.ty, name) else {
                    let is_tag = &**name == "tag";
                    return is_tag.then(|| convert(Conversion::UnionTag, base.clone(), TypeId::I64).into());
                };
                let ty = self.types.unions[id.0 as usize].variants[variant].payload;
                if ty == TypeId::VOID {
                    return None;
                }
                let base = Box::new(self.place_of(base.clone()));
                let place = Place { kind: PlaceKind::UnionPayload { base, variant, checked: true }, ty, span };
                Some(make(ExpressionKind::Load(Box::new(place)), ty, span).into())
            }
            (Type::Slice(_), "len") => Some(self.length_of(base.clone(), span)),
            (Type::Slice(element), "ptr") => {
                let ty = self.types.pointer(element);
                Some(make(ExpressionKind::SlicePointer(Box::new(base.clone())), ty, span).into())
            }
            (Type::Array { .. }, "len") => Some(self.length_of(base.clone(), span)),
            _ => None,
        }
    }

    /// Length of a slice or array.
    pub(super) fn length_of(&mut self, base: Expression, span: Span) -> Value {
        if let Type::Array { length, .. } = self.types.get(base.ty) {
            return make(ExpressionKind::Int(i128::from(*length)), TypeId::I64, span).into();
        }
        if let ExpressionKind::String(id) = base.kind {
            let length = self.output[id].len();
            return make(ExpressionKind::Int(length as i128), TypeId::I64, span).into();
        }
        make(ExpressionKind::SliceLength(Box::new(base)), TypeId::I64, span).into()
    }

    pub(super) fn check_tuple_index(&mut self, base: &'a Expr, index: u64, span: Span) -> Value {
        let value = self.check_settled(base);
        let value = self.auto_dereference(value);
        match self.types.get(value.ty).clone() {
            Type::Tuple(elements) if index < elements.len() as u64 => {
                let ty = elements[index as usize];
                let base = Box::new(self.place_of(value));
                let place = Place { kind: PlaceKind::Field { base, index: index as usize }, ty, span };
                make(ExpressionKind::Load(Box::new(place)), ty, span).into()
            }
            Type::Erroneous => self.erroneous(span),
            _ => {
                let message = format!("'{}' has no element {index}", self.types.name(value.ty));
                self.report(Code::NoSuchField, span, message);
                self.erroneous(span)
            }
        }
    }

    /// `optional?.name`: null if there is nothing, an optional of the field otherwise.
    pub(super) fn check_optional_member(&mut self, base: &'a Expr, name: &'a Name, span: Span) -> Value {
        let value = self.check_settled(base);
        let Type::Optional(payload) = *self.types.get(value.ty) else {
            if value.ty != TypeId::ERRONEOUS {
                let found = self.types.name(value.ty);
                self.type_error(span, format!("'?.' needs an optional, not '{found}'"));
            }
            return self.erroneous(span);
        };
        let local = self.new_local("", payload);
        let loaded = self.load_local(local, span);
        let field = self.field(loaded, name, span);
        if field.is_erroneous() {
            return field;
        }
        let field = field.expr;
        let is_optional = matches!(self.types.get(field.ty), Type::Optional(_));
        let ty = if is_optional { field.ty } else { self.types.optional(field.ty) };
        let field = if is_optional { field } else { convert(Conversion::ToOptional, field, ty) };
        let condition = Box::new(Condition::Optional { subject: value, payload: local });
        let null = make(ExpressionKind::Null, ty, span);
        let kind = ExpressionKind::If { condition, then: as_block(field), otherwise: Some(as_block(null)) };
        make(kind, ty, span).into()
    }

    pub(super) fn check_index(&mut self, base: &'a Expr, index: &'a Expr, span: Span) -> Value {
        let base = self.check_settled(base);
        let base = self.auto_dereference(base);
        let index = self.check_index_value(index);
        if let Some(element) = self.known_element(&base, &index, span) {
            return element.into();
        }
        match self.types.get(base.ty).clone() {
            Type::Array { element, length } => {
                let in_range = matches!(index.kind, ExpressionKind::Int(at) if (0..i128::from(length)).contains(&at));
                let base = Box::new(self.place_of(base));
                let kind = PlaceKind::ArrayElement { base, index: Box::new(index), checked: !in_range };
                let place = Place { kind, ty: element, span };
                make(ExpressionKind::Load(Box::new(place)), element, span).into()
            }
            Type::Slice(element) => {
                let kind = PlaceKind::SliceElement { slice: Box::new(base), index: Box::new(index) };
                let place = Place { kind, ty: element, span };
                make(ExpressionKind::Load(Box::new(place)), element, span).into()
            }
            Type::Erroneous => self.erroneous(span),
            _ => {
                let name = self.types.name(base.ty);
                self.report(Code::InvalidOperation, span, format!("'{name}' has no elements to index"));
                self.erroneous(span)
            }
        }
    }

    /// An element of a constant string or array.
    fn known_element(&self, base: &Expression, index: &Expression, span: Span) -> Option<Expression> {
        let ExpressionKind::Int(index) = index.kind else { return None };
        let index = usize::try_from(index).ok()?;
        match &base.kind {
            ExpressionKind::String(id) => {
                let byte = *self.output[*id].get(index)?;
                Some(make(ExpressionKind::Int(byte.into()), TypeId::U8, span))
            }
            ExpressionKind::Array(items) if Self::is_known(base) => {
                Some(Expression { span, ..items.get(index)?.clone() })
            }
            _ => None,
        }
    }

    /// An integer of any type, as `i64`.
    pub(super) fn check_index_value(&mut self, index: &'a Expr) -> Expression {
        let value = self.check(index, None);
        if value.untyped == Untyped::No && self.types.is_int(value.expr.ty) {
            return self.resize(value.expr, TypeId::I64);
        }
        self.coerce(value, TypeId::I64)
    }

    pub(super) fn check_slice(
        &mut self,
        base: &'a Expr,
        start: Option<&'a Expr>,
        end: Option<&'a Expr>,
        span: Span,
    ) -> Value {
        let base = self.check_settled(base);
        let base = self.auto_dereference(base);
        let start = start.map(|start| Box::new(self.check_index_value(start)));
        let end = end.map(|end| Box::new(self.check_index_value(end)));
        let (base, ty) = match self.types.get(base.ty).clone() {
            Type::Array { element, .. } => {
                let place = self.place_of(base);
                self.mark_address_taken(&place);
                (Sequence::Array(place), self.types.slice(element))
            }
            Type::Slice(_) => {
                let ty = base.ty;
                (Sequence::Slice(base), ty)
            }
            Type::Erroneous => return self.erroneous(span),
            _ => {
                let name = self.types.name(base.ty);
                self.report(Code::InvalidOperation, span, format!("'{name}' can't be sliced"));
                return self.erroneous(span);
            }
        };
        make(ExpressionKind::Slice { base: Box::new(base), start, end }, ty, span).into()
    }
}
