//! Implicit conversions (section 6): which there are, and the nodes they become.

use crate::cot::check::Checker;
use crate::cot::check::compute::{self, round_float};
use crate::cot::check::model::{Mutability, Untyped, Value, convert, make};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::typed::{Conversion, Expression, ExpressionKind, Place, PlaceKind, Sequence};
use crate::cot::types::{Type, TypeId};

impl<'a> Checker<'a> {
    pub(super) fn erroneous(&self, span: Span) -> Value {
        make(ExpressionKind::Zero, TypeId::ERRONEOUS, span).into()
    }

    /// The value with a type of its own: untyped numbers become `i64` or `f64`.
    pub(super) fn settle(&mut self, value: Value) -> Expression {
        match value.untyped {
            Untyped::No | Untyped::Float => value.expr,
            Untyped::Int | Untyped::Bits => match self.coerce_quietly(value, TypeId::I64) {
                Ok(expr) => expr,
                Err(value) => {
                    self.type_error(value.expr.span, "this number does not fit i64");
                    make(ExpressionKind::Int(0), TypeId::ERRONEOUS, value.expr.span)
                }
            },
            Untyped::Null | Untyped::Undefined => {
                let what = if value.untyped == Untyped::Null { "null" } else { "undefined" };
                let message = format!("the type of this {what} is not known; annotate it");
                self.type_error(value.expr.span, message);
                self.erroneous(value.expr.span).expr
            }
        }
    }

    /// The value as a `target`; a mismatch is reported.
    pub(super) fn coerce(&mut self, value: Value, target: TypeId) -> Expression {
        let span = value.expr.span;
        match self.coerce_quietly(value, target) {
            Ok(expr) => expr,
            Err(value) => {
                let diagnostic = self.mismatch(&value, target);
                self.push_diagnostic(diagnostic);
                make(ExpressionKind::Zero, target, span)
            }
        }
    }

    pub(super) fn mismatch(&self, value: &Value, target: TypeId) -> Diagnostic {
        let wanted = self.types.name(target);
        let span = value.expr.span;
        let found = match (&value.expr.kind, value.untyped) {
            (ExpressionKind::Int(number), Untyped::Int | Untyped::Bits) if self.is_number_like(target) => {
                return Diagnostic::new(Code::Type, span, format!("the value {number} does not fit {wanted}"));
            }
            (_, Untyped::Null) => "null".to_owned(),
            (_, Untyped::Int | Untyped::Bits) => "an integer".to_owned(),
            (_, Untyped::Float) => "a float".to_owned(),
            _ => format!("'{}'", self.types.name(value.expr.ty)),
        };
        let diagnostic =
            Diagnostic::new(Code::Type, span, format!("type mismatch: expected '{wanted}', found {found}"));
        let hint = match (self.types.get(value.expr.ty), self.types.get(target)) {
            (Type::Optional(of), _) if *of == target => "unwrap it by '.?', 'orelse' or a capture",
            (Type::ErrorUnion { payload, .. }, _) if *payload == target => "handle the error by 'try' or 'catch'",
            (Type::Int { .. }, Type::Int { .. }) => "a conversion that may lose bits is written @intCast(T, x)",
            (Type::Float { .. }, Type::Int { .. }) => "floats are converted by @intFromFloat(x)",
            (Type::Int { .. }, Type::Float { .. }) => "integers are converted by @floatFromInt(T, x)",
            (Type::Int { .. }, Type::Bool) => "write a comparison, such as 'x != 0'",
            (Type::Bool, Type::Int { .. }) => "bools are converted by @intFromBool(x)",
            (Type::Int { .. }, Type::Enum(_)) => "integers are converted by @enumFromInt(T, x)",
            (_, Type::Pointer(to)) if *to == value.expr.ty => "'&' takes an address",
            _ => return diagnostic,
        };
        diagnostic.note(hint)
    }

    fn is_number_like(&self, ty: TypeId) -> bool {
        match self.types.get(ty) {
            Type::Int { .. } => true,
            Type::Optional(of) | Type::ErrorUnion { payload: of, .. } => self.types.is_int(*of),
            _ => false,
        }
    }

    /// Whether an integer is in the range of an integer type.
    pub(super) fn fits(&self, value: i128, ty: TypeId) -> bool {
        match self.types.get(ty) {
            Type::Int { signed: true, bits } => (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(&value),
            Type::Int { signed: false, bits } => (0..1i128 << bits).contains(&value),
            _ => false,
        }
    }

    /// The value as a `target`, or as it was if there is no such conversion.
    pub(super) fn coerce_quietly(&mut self, value: Value, target: TypeId) -> Result<Expression, Value> {
        let (from, span) = (value.expr.ty, value.expr.span);
        if target == TypeId::ERRONEOUS || from == TypeId::ERRONEOUS {
            return Ok(Expression { ty: target, ..value.expr });
        }
        match value.untyped {
            Untyped::No => {}
            Untyped::Undefined => return Ok(make(ExpressionKind::Zero, target, span)),
            Untyped::Null => {
                if matches!(self.types.get(target), Type::Pointer(_) | Type::Optional(_)) {
                    return Ok(make(ExpressionKind::Null, target, span));
                }
            }
            Untyped::Int | Untyped::Bits => match (&value.expr.kind, self.types.get(target)) {
                (ExpressionKind::Int(number), Type::Int { .. }) if self.fits(*number, target) => {
                    return Ok(make(ExpressionKind::Int(*number), target, span));
                }
                (ExpressionKind::Int(number), _) if target == TypeId::U64 && value.untyped == Untyped::Bits => {
                    return Ok(make(ExpressionKind::Int(self.wrap(*number, target)), target, span));
                }
                (ExpressionKind::Int(number), Type::Float { bits }) => {
                    let kind = ExpressionKind::Float(round_float(*number as f64, *bits));
                    return Ok(make(kind, target, span));
                }
                _ => {}
            },
            Untyped::Float => {
                if let (ExpressionKind::Float(number), Type::Float { bits }) =
                    (&value.expr.kind, self.types.get(target))
                {
                    return Ok(make(ExpressionKind::Float(round_float(*number, *bits)), target, span));
                }
            }
        }
        if value.untyped == Untyped::No {
            if from == target {
                return Ok(value.expr);
            }
            if from == TypeId::NO_RETURN {
                return Ok(convert(Conversion::Never, value.expr, target));
            }
        }
        self.coerce_structure(value, target)
    }

    fn coerce_structure(&mut self, value: Value, target: TypeId) -> Result<Expression, Value> {
        let from = value.expr.ty;
        let is_typed = value.untyped == Untyped::No;
        match (self.types.get(from).clone(), self.types.get(target).clone()) {
            (Type::Error(set), Type::ErrorUnion { set: wanted, .. }) if is_typed => {
                if self.types.is_subset(set, wanted) {
                    return Ok(convert(Conversion::ToFailure, value.expr, target));
                }
                Err(value)
            }
            (Type::ErrorUnion { set, payload }, Type::ErrorUnion { set: wanted, payload: target_payload })
                if is_typed && payload == target_payload =>
            {
                if self.types.is_subset(set, wanted) {
                    return Ok(convert(Conversion::Reinterpret, value.expr, target));
                }
                Err(value)
            }
            (_, Type::ErrorUnion { payload, .. }) => {
                let inner = self.coerce_quietly(value, payload)?;
                Ok(convert(Conversion::ToSuccess, inner, target))
            }
            (_, Type::Optional(of)) => {
                let inner = self.coerce_quietly(value, of)?;
                Ok(convert(Conversion::ToOptional, inner, target))
            }
            _ if !is_typed => Err(value),
            (Type::Int { .. }, Type::Int { .. }) if self.widens(from, target) => Ok(self.resize(value.expr, target)),
            (Type::Enum(id), Type::Int { .. }) => {
                let backing = self.types.enums[id.0 as usize].backing;
                if backing != target && !self.widens(backing, target) {
                    return Err(value);
                }
                let number = self.enum_to_backing(value.expr, backing);
                Ok(self.resize(number, target))
            }
            (Type::Union(id), Type::Int { .. }) => {
                let has_payload = self.types.unions[id.0 as usize].variants.iter().any(|it| it.payload != TypeId::VOID);
                let is_bare = matches!(value.expr.kind, ExpressionKind::Union { payload: None, .. });
                if has_payload && !is_bare {
                    return Err(value);
                }
                let tag = convert(Conversion::UnionTag, value.expr, TypeId::I64);
                if target == TypeId::I64 { Ok(tag) } else { Ok(convert(Conversion::ResizeInt, tag, target)) }
            }
            (Type::Error(set), Type::Error(wanted)) if self.types.is_subset(set, wanted) => {
                Ok(convert(Conversion::Reinterpret, value.expr, target))
            }
            (Type::Array { element, .. }, Type::Slice(wanted)) if element == wanted => {
                Ok(self.whole_slice(value.expr, target))
            }
            (Type::Optional(of), Type::Pointer(_)) if of == target => match self.unwrap_weak(value.expr.clone()) {
                expr if expr.ty == target => Ok(expr),
                _ => Err(value),
            },
            (Type::Slice(TypeId::U8), Type::Pointer(TypeId::U8)) => {
                Ok(convert(Conversion::StringToPointer, value.expr, target))
            }
            (Type::Tuple(elements), Type::Tuple(wanted)) if elements.len() == wanted.len() => {
                self.coerce_tuple(value, &wanted, target)
            }
            (Type::Function { .. }, Type::Function { .. }) => match value.expr.kind {
                ExpressionKind::Function(id) => self.by_value(id, target, value.expr.span).ok_or(value),
                _ => Err(value),
            },
            (_, Type::Pointer(to)) if to == from && self.may_pass_by_reference(from) => {
                Ok(self.address_of_value(value.expr, target))
            }
            (Type::Pointer(to), _) if to == target && self.may_pass_by_reference(target) => {
                let span = value.expr.span;
                let kind = PlaceKind::Dereference(Box::new(value.expr));
                let place = Place { kind, ty: target, span };
                Ok(make(ExpressionKind::Load(Box::new(place)), target, span))
            }
            _ => Err(value),
        }
    }

    /// Rule 2 of section 22: in `@safe` files structs and their pointers stand for each other.
    pub(super) fn may_pass_by_reference(&self, ty: TypeId) -> bool {
        let file = self.bodies.last().map(|body| body.env.file);
        matches!(self.types.get(ty), Type::Struct(_)) && file.is_some_and(|file| self.is_safe(file))
    }

    pub(super) fn enum_to_backing(&mut self, expr: Expression, backing: TypeId) -> Expression {
        match expr.kind {
            ExpressionKind::Int(number) => make(ExpressionKind::Int(number), backing, expr.span),
            _ => convert(Conversion::Reinterpret, expr, backing),
        }
    }

    /// Whether every value of one integer type is one of the other.
    pub(super) fn widens(&self, from: TypeId, to: TypeId) -> bool {
        match (self.types.get(from), self.types.get(to)) {
            (Type::Int { signed, bits }, Type::Int { signed: to_signed, bits: to_bits }) => {
                if signed == to_signed {
                    bits <= to_bits
                } else {
                    !signed && bits < to_bits
                }
            }
            _ => false,
        }
    }

    /// An integer with another width, cut or extended; constants are computed.
    pub(super) fn resize(&mut self, expr: Expression, target: TypeId) -> Expression {
        if expr.ty == target {
            return expr;
        }
        match expr.kind {
            ExpressionKind::Int(number) => make(ExpressionKind::Int(self.wrap(number, target)), target, expr.span),
            _ => convert(Conversion::ResizeInt, expr, target),
        }
    }

    /// The low bits of a number, read as an integer type.
    pub(super) fn wrap(&self, number: i128, ty: TypeId) -> i128 {
        compute::wrap(&self.types, number, ty)
    }

    /// An array as a slice of all its elements.
    pub(super) fn whole_slice(&mut self, array: Expression, slice: TypeId) -> Expression {
        let span = array.span;
        let place = self.place_of(array);
        self.mark_address_taken(&place);
        let base = Box::new(Sequence::Array(place));
        make(ExpressionKind::Slice { base, start: None, end: None }, slice, span)
    }

    /// The place that a value was read from, or one made for it.
    pub(super) fn place_of(&mut self, expr: Expression) -> Place {
        let Expression { kind, ty, span } = expr;
        match kind {
            ExpressionKind::Load(place) => *place,
            kind => Place { kind: PlaceKind::Temporary(Box::new(make(kind, ty, span))), ty, span },
        }
    }

    pub(super) fn address_of_value(&mut self, expr: Expression, pointer: TypeId) -> Expression {
        let span = expr.span;
        // The address of what a pointer points to is the pointer.
        let place = self.place_of(expr);
        if let PlaceKind::Dereference(inner) = place.kind {
            return Expression { ty: pointer, ..*inner };
        }
        self.mark_address_taken(&place);
        make(ExpressionKind::AddressOf(Box::new(place)), pointer, span)
    }

    fn coerce_tuple(&mut self, value: Value, wanted: &[TypeId], target: TypeId) -> Result<Expression, Value> {
        let span = value.expr.span;
        if let ExpressionKind::Tuple(elements) = &value.expr.kind {
            let copies = elements.clone().into_iter().zip(wanted);
            let converted: Result<Vec<_>, _> =
                copies.map(|(element, ty)| self.coerce_quietly(element.into(), *ty)).collect();
            return match converted {
                Ok(elements) => Ok(make(ExpressionKind::Tuple(elements), target, span)),
                Err(_) => Err(value),
            };
        }
        let from = value.expr.ty;
        let local = self.new_local("", from);
        let place = self.load_local(local, span);
        let Type::Tuple(types) = self.types.get(from).clone() else { return Err(value) };
        let mut elements = Vec::new();
        for (index, (ty, wanted)) in types.iter().zip(wanted).enumerate() {
            let base = Box::new(self.place_of(place.clone()));
            let field = Place { kind: PlaceKind::Field { base, index }, ty: *ty, span };
            let field = make(ExpressionKind::Load(Box::new(field)), *ty, span);
            match self.coerce_quietly(field.into(), *wanted) {
                Ok(element) => elements.push(element),
                Err(_) => return Err(value),
            }
        }
        let result = make(ExpressionKind::Tuple(elements), target, span);
        Ok(self.with_locals(vec![(local, value.expr)], result))
    }

    /// Whether values of one type are accepted where another is wanted.
    pub(super) fn converts(&mut self, from: TypeId, to: TypeId) -> bool {
        let span = Span::default();
        let place =
            Place { kind: PlaceKind::Dereference(Box::new(make(ExpressionKind::Zero, from, span))), ty: from, span };
        let value = make(ExpressionKind::Load(Box::new(place)), from, span);
        self.coerce_quietly(value.into(), to).is_ok()
    }

    pub(super) fn mutability_message(mutability: Mutability, name: &str) -> String {
        match mutability {
            Mutability::Constant => format!("'{name}' is a constant and can't be assigned to"),
            Mutability::Parameter => format!("'{name}' is a parameter and can't be assigned to; copy it to a variable"),
            Mutability::Variable => unreachable!("variables can be assigned to"),
        }
    }
}
