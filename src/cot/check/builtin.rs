//! `@name(…)`: what each builtin takes and yields (section 17).

use std::rc::Rc;

use crate::cot::ast::{Expr, ExprKind, Name};
use crate::cot::check::Checker;
use crate::cot::check::builtins::{BUILTINS, BuiltinFunction, Cast, Extreme, OfValue};
use crate::cot::check::model::{Untyped, Value, convert, make};
use crate::cot::check::suggest::nearest;
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::runtime_function::RuntimeFunction;
use crate::cot::source::Span;
use crate::cot::typed::{Builtin, Callee, Conversion, Expression, ExpressionKind};
use crate::cot::types::{Type, TypeId};

/// A call of a builtin with as many arguments as it takes.
pub(super) struct BuiltinCall<'a> {
    /// Without its `@`.
    pub name: &'static str,
    pub arguments: &'a [Expr],
    pub span: Span,
}

impl<'a> Checker<'a> {
    pub(super) fn check_builtin(
        &mut self,
        name: &'a Name,
        arguments: &'a [Expr],
        expected: Option<TypeId>,
        span: Span,
    ) -> Value {
        if &*name.text == "TypeOf" {
            return self.check_type_of(arguments, span);
        }
        let Some(row) = BUILTINS.iter().find(|row| *row.name == *name.text) else {
            let mut diagnostic =
                Diagnostic::new(Code::Undefined, name.span, format!("there is no builtin '@{}'", name.text));
            if let Some(near) = nearest(&name.text, BUILTINS.iter().map(|row| row.name)) {
                diagnostic = diagnostic.note(format!("did you mean '@{near}'?"));
            }
            self.push_diagnostic(diagnostic);
            return self.erroneous(span);
        };
        if !row.n_arguments.contains(&arguments.len()) {
            let (least, most) = (row.n_arguments.start(), row.n_arguments.end());
            let wanted = match (least, most) {
                (1, 1) => "1 argument".to_owned(),
                _ if least == most => format!("{least} arguments"),
                _ => format!("{least} or {most} arguments"),
            };
            let message = format!("'@{}' takes {wanted}, not {}", name.text, arguments.len());
            self.report(Code::ArgumentCount, span, message);
            return self.erroneous(span);
        }
        self.check_known_builtin(row.function, &BuiltinCall { name: row.name, arguments, span }, expected)
    }

    fn check_known_builtin(
        &mut self,
        function: BuiltinFunction,
        call: &BuiltinCall<'a>,
        expected: Option<TypeId>,
    ) -> Value {
        let BuiltinCall { arguments, span, .. } = *call;
        match function {
            BuiltinFunction::Reflection(reflection) => self.check_reflection(reflection, arguments, span),
            BuiltinFunction::Cast(cast) => {
                let env = self.env();
                let ty = self.type_argument(&arguments[0], &env);
                self.check_conversion(cast, ty, &arguments[1], span)
            }
            BuiltinFunction::PointerToInt => {
                let value = self.check_settled(&arguments[0]);
                self.pointer_to_int(value, span)
            }
            BuiltinFunction::ConstCast => self.check(&arguments[0], expected),
            BuiltinFunction::String => self.check_string_from_parts(arguments, span),
            BuiltinFunction::LengthOf => {
                let value = self.check_as(&arguments[0], TypeId::STRING);
                self.length_of(value, span)
            }
            BuiltinFunction::PointerOf => {
                let value = self.check_as(&arguments[0], TypeId::STRING);
                let pointer = self.types.pointer(TypeId::U8);
                let pointer = make(ExpressionKind::SlicePointer(Box::new(value)), pointer, span);
                convert(Conversion::PointerToInt, pointer, TypeId::I64).into()
            }
            BuiltinFunction::IntFromFloat => {
                let value = self.check_float(&arguments[0]);
                self.float_to_int(value, TypeId::I64, span).into()
            }
            BuiltinFunction::OfFloat(builtin) => {
                let value = self.check_float(&arguments[0]);
                let ty = value.ty;
                self.call_builtin(builtin, vec![value], ty, span)
            }
            BuiltinFunction::OfFloats(extreme) => self.check_extreme_of_floats(extreme, arguments, span),
            BuiltinFunction::OfNumbers(extreme) => self.check_extreme(extreme, call),
            BuiltinFunction::BitCount(builtin) => {
                let value = self.check_index_value(&arguments[0]);
                self.call_builtin(builtin, vec![value], TypeId::I64, span)
            }
            BuiltinFunction::OfValue(of_value) => self.check_of_value(of_value, call),
            BuiltinFunction::EnumFromInt => self.check_enum_from_int(arguments, expected, span),
            BuiltinFunction::Field => self.check_field_builtin(arguments, span),
            BuiltinFunction::TargetOs => self.text(&self.options.target_os.clone(), span),
            BuiltinFunction::TargetArch => self.text(&self.options.target_arch.clone(), span),
            BuiltinFunction::Target => {
                let target = format!("{}-{}", self.options.target_arch, self.options.target_os);
                self.text(&target, span)
            }
            BuiltinFunction::EmbedFile => self.check_embed_file(&arguments[0], span),
            BuiltinFunction::CompileError => {
                let message = self.constant_text(&arguments[0]).unwrap_or_default();
                self.type_error(span, message);
                self.erroneous(span)
            }
            BuiltinFunction::Assert => self.check_assert(arguments, span),
            BuiltinFunction::AssertEqual => self.check_assert_eq(arguments, span),
            BuiltinFunction::Panic => {
                let message = self.check_as(&arguments[0], TypeId::STRING);
                self.call_builtin(Builtin::Panic, vec![message], TypeId::NO_RETURN, span)
            }
            BuiltinFunction::Trap => self.call_builtin(Builtin::Trap, Vec::new(), TypeId::NO_RETURN, span),
            BuiltinFunction::Arc(builtin) => {
                let value = self.check_settled(&arguments[0]);
                self.call_builtin(builtin, vec![value], TypeId::VOID, span)
            }
            BuiltinFunction::Atomic(atomic) => self.check_atomic(atomic, call),
            BuiltinFunction::Memory(function) => self.check_memory_builtin(function, arguments, span),
        }
    }

    /// `@TypeOf(e)` where a value is wanted: zero, of the type of `e`, which is not evaluated.
    fn check_type_of(&mut self, arguments: &'a [Expr], span: Span) -> Value {
        if !self.has_arguments("@TypeOf", arguments, 1, span) {
            return self.erroneous(span);
        }
        let env = self.env();
        let ty = self.type_of(&arguments[0], &env);
        let kind = if ty == TypeId::VOID { ExpressionKind::Void } else { ExpressionKind::Zero };
        make(kind, ty, span).into()
    }

    pub(super) fn text(&mut self, text: &str, span: Span) -> Value {
        let id = self.output.string(&Rc::from(text.as_bytes()));
        make(ExpressionKind::String(id), TypeId::STRING, span).into()
    }

    pub(super) fn integer(&self, number: i128, span: Span) -> Value {
        make(ExpressionKind::Int(number), TypeId::I64, span).into()
    }

    /// A constant string.
    pub(super) fn constant_text(&mut self, expr: &'a Expr) -> Option<String> {
        let value = self.check_as(expr, TypeId::STRING);
        if let ExpressionKind::String(id) = value.kind {
            return Some(String::from_utf8_lossy(&self.output[id]).into_owned());
        }
        if !matches!(value.kind, ExpressionKind::Zero) {
            self.type_error(expr.span, "this must be a constant string");
        }
        None
    }

    /// `x as T`
    pub(super) fn check_cast(&mut self, value: &'a Expr, ty: TypeId, span: Span) -> Value {
        self.check_conversion(Cast::As, ty, value, span)
    }

    fn check_conversion(&mut self, cast: Cast, ty: TypeId, value: &'a Expr, span: Span) -> Value {
        let hint = matches!(cast, Cast::As | Cast::Align).then_some(ty);
        let value = self.check(value, hint);
        if ty == TypeId::ERRONEOUS || value.is_erroneous() {
            return self.erroneous(span);
        }
        let value = match self.convert_value(cast, value, ty) {
            Ok(expr) => Expression { span, ..expr },
            Err(value) => {
                let (found, wanted) = (self.name_of_value(&value), self.types.name(ty));
                self.type_error(span, format!("'{}' can't make '{wanted}' of '{found}'", cast.shown()));
                return self.erroneous(span);
            }
        };
        value.into()
    }

    fn convert_value(&mut self, cast: Cast, value: Value, ty: TypeId) -> Result<Expression, Value> {
        let target = self.types.get(ty).clone();
        let is_int_like = |it: &Self, value: &Value| {
            value.untyped.is_int() || value.untyped == Untyped::No && it.is_int_or_enum(value.expr.ty)
        };
        match (cast, &target) {
            (Cast::Int | Cast::Truncate, Type::Int { .. }) if is_int_like(self, &value) => {
                Ok(self.cast_to_int(value, ty))
            }
            (Cast::Int, Type::Int { .. }) if self.types.is_float(value.expr.ty) => {
                let span = value.expr.span;
                let whole = self.float_to_int(value.expr, TypeId::I64, span);
                Ok(self.resize(whole, ty))
            }
            (Cast::FloatFromInt, Type::Float { .. }) if is_int_like(self, &value) => {
                let value = self.cast_to_int_own(value);
                Ok(self.int_to_float(value, ty))
            }
            (Cast::Float, Type::Float { .. }) if self.types.is_float(value.expr.ty) => {
                Ok(self.resize_float(value.expr, ty))
            }
            (Cast::Bits, _) => self.bit_cast(value, ty),
            (Cast::Pointer, Type::Pointer(_)) => {
                let value = self.settle(value);
                match self.types.get(value.ty) {
                    Type::Pointer(_) => Ok(convert(Conversion::Reinterpret, value, ty)),
                    Type::Int { .. } => {
                        let value = self.resize(value, TypeId::I64);
                        Ok(convert(Conversion::IntToPointer, value, ty))
                    }
                    _ => Err(value.into()),
                }
            }
            (Cast::IntToPointer, Type::Pointer(_)) if is_int_like(self, &value) => {
                let value = self.cast_to_int(value, TypeId::I64);
                Ok(convert(Conversion::IntToPointer, value, ty))
            }
            (Cast::Align, _) => self.coerce_quietly(value, ty),
            (Cast::As, _) => self.cast(value, ty),
            _ => Err(value),
        }
    }

    fn is_int_or_enum(&self, ty: TypeId) -> bool {
        self.types.is_int(ty) || self.types.enum_type(ty).is_some()
    }

    /// `@as(T, x)`, `x as T`: what converts by itself, and between numbers.
    fn cast(&mut self, value: Value, ty: TypeId) -> Result<Expression, Value> {
        let value = match self.coerce_quietly(value, ty) {
            Ok(expr) => return Ok(expr),
            Err(value) => value,
        };
        let from = value.expr.ty;
        match (self.types.get(from).clone(), self.types.get(ty).clone()) {
            _ if matches!(value.untyped, Untyped::Null | Untyped::Undefined) => Err(value),
            (Type::Int { .. } | Type::Enum(_), Type::Int { .. }) => Ok(self.cast_to_int(value, ty)),
            (Type::Int { .. } | Type::Enum(_), Type::Float { .. }) => {
                let value = self.cast_to_int_own(value);
                Ok(self.int_to_float(value, ty))
            }
            (Type::Float { .. }, Type::Float { .. }) => Ok(self.resize_float(value.expr, ty)),
            (Type::Float { .. }, Type::Int { .. }) => {
                let span = value.expr.span;
                Ok(self.float_to_int(value.expr, ty, span))
            }
            (Type::Bool, Type::Int { .. }) => {
                let number = self.int_from_bool(value.expr);
                Ok(self.resize(number, ty))
            }
            (Type::Pointer(_), Type::Pointer(_)) => Ok(convert(Conversion::Reinterpret, value.expr, ty)),
            _ => Err(value),
        }
    }

    /// An integer or enum with the bits of another integer type.
    fn cast_to_int(&mut self, value: Value, ty: TypeId) -> Expression {
        if let (true, ExpressionKind::Int(number)) = (value.untyped.is_int(), &value.expr.kind) {
            return make(ExpressionKind::Int(self.wrap(*number, ty)), ty, value.expr.span);
        }
        let value = self.cast_to_int_own(value);
        self.resize(value, ty)
    }

    /// An integer as it is, an enum as its number.
    fn cast_to_int_own(&mut self, value: Value) -> Expression {
        match self.types.enum_type(value.expr.ty) {
            Some(of) => {
                let backing = of.backing;
                self.enum_to_backing(value.expr, backing)
            }
            // A constant keeps its value, whatever it is.
            None if value.untyped.is_int() => value.expr,
            None => self.settle(value),
        }
    }

    fn bit_cast(&mut self, value: Value, ty: TypeId) -> Result<Expression, Value> {
        let is_number = |it: &Self, ty: TypeId| it.types.is_int(ty) || it.types.is_float(ty);
        // A literal takes the size that is wanted.
        let size = self.types.size(ty);
        let value = match value.untyped {
            Untyped::Int | Untyped::Bits => {
                let of_size = [TypeId::U8, TypeId::U16, TypeId::U32, TypeId::U64];
                let same = of_size.into_iter().find(|it| self.types.size(*it) == size).unwrap_or(TypeId::U64);
                self.cast_to_int(value, same)
            }
            Untyped::Float if size == 4 => self.resize_float(value.expr, TypeId::F32),
            _ => self.settle(value),
        };
        if !is_number(self, ty) || !is_number(self, value.ty) || self.types.size(value.ty) != size {
            return Err(value.into());
        }
        if value.ty == ty {
            return Ok(value);
        }
        if let (ExpressionKind::Int(number), true) = (&value.kind, self.types.is_int(ty)) {
            return Ok(make(ExpressionKind::Int(self.wrap(*number, ty)), ty, value.span));
        }
        match self.fold_conversion(Conversion::BitCast, &value, ty, value.span) {
            Some(known) => Ok(known),
            None => Ok(convert(Conversion::BitCast, value, ty)),
        }
    }

    fn pointer_to_int(&mut self, value: Expression, span: Span) -> Value {
        match self.types.get(value.ty) {
            Type::Pointer(_) | Type::Function { .. } => {}
            Type::Optional(of) if self.types.is_pointer(*of) => {}
            Type::Erroneous => return self.erroneous(span),
            _ => {
                let name = self.types.name(value.ty);
                self.type_error(span, format!("'@ptrToInt' needs a pointer, not '{name}'"));
                return self.erroneous(span);
            }
        }
        convert(Conversion::PointerToInt, value, TypeId::I64).into()
    }

    fn check_string_from_parts(&mut self, arguments: &'a [Expr], span: Span) -> Value {
        let address = self.check(&arguments[0], Some(TypeId::I64));
        let address = if self.types.is_pointer(address.expr.ty) && address.untyped == Untyped::No {
            convert(Conversion::PointerToInt, address.expr, TypeId::I64)
        } else {
            self.coerce(address, TypeId::I64)
        };
        let length = self.check_as(&arguments[1], TypeId::I64);
        self.call_builtin(Builtin::StringFromParts, vec![address, length], TypeId::STRING, span)
    }

    /// An argument that must be a float; integers are taken as well.
    fn check_float(&mut self, expr: &'a Expr) -> Expression {
        let value = self.check(expr, None);
        if self.types.is_float(value.expr.ty) && matches!(value.untyped, Untyped::No | Untyped::Float) {
            return value.expr;
        }
        if value.untyped == Untyped::No && self.types.is_int(value.expr.ty) {
            return self.int_to_float(value.expr, TypeId::F64);
        }
        self.coerce(value, TypeId::F64)
    }

    fn float_to_int(&mut self, value: Expression, ty: TypeId, span: Span) -> Expression {
        match self.fold_conversion(Conversion::FloatToInt, &value, ty, span) {
            Some(known) => known,
            None => convert(Conversion::FloatToInt, value, ty),
        }
    }

    fn check_extreme_of_floats(&mut self, extreme: Extreme, arguments: &'a [Expr], span: Span) -> Value {
        let left = self.check_float(&arguments[0]);
        let right = self.check_float(&arguments[1]);
        let ty = self.peer_type(left.ty, right.ty);
        if !self.types.is_float(ty) {
            return self.erroneous(span);
        }
        let arguments = vec![self.resize_float(left, ty), self.resize_float(right, ty)];
        let builtin = match extreme {
            Extreme::Min => Builtin::FloatMin,
            Extreme::Max => Builtin::FloatMax,
        };
        self.call_builtin(builtin, arguments, ty, span)
    }

    fn check_extreme(&mut self, extreme: Extreme, call: &BuiltinCall<'a>) -> Value {
        let BuiltinCall { name, arguments, span } = *call;
        let left = self.check(&arguments[0], None);
        let right = self.check(&arguments[1], None);
        if left.is_erroneous() || right.is_erroneous() {
            return self.erroneous(span);
        }
        let names = (self.name_of_value(&left), self.name_of_value(&right));
        let Some((left, right, untyped)) = self.peers(left, right) else {
            self.type_error(span, format!("'@{name}' needs two numbers, not '{}' and '{}'", names.0, names.1));
            return self.erroneous(span);
        };
        if let (ExpressionKind::Int(a), ExpressionKind::Int(b)) = (&left.kind, &right.kind) {
            let number = if extreme == Extreme::Min { *a.min(b) } else { *a.max(b) };
            return Value { expr: make(ExpressionKind::Int(number), left.ty, span), untyped };
        }
        let ty = left.ty;
        let builtin = match (self.types.is_float(ty), extreme) {
            (true, Extreme::Min) => Builtin::FloatMin,
            (true, Extreme::Max) => Builtin::FloatMax,
            (false, Extreme::Min) => Builtin::IntMin,
            (false, Extreme::Max) => Builtin::IntMax,
        };
        self.call_builtin(builtin, vec![left, right], ty, span)
    }

    fn check_of_value(&mut self, of_value: OfValue, call: &BuiltinCall<'a>) -> Value {
        let BuiltinCall { name, arguments, span } = *call;
        let value = self.check_settled(&arguments[0]);
        let ty = self.types.get(value.ty).clone();
        match (of_value, ty) {
            (_, Type::Erroneous) => self.erroneous(span),
            (OfValue::IntFromEnum, Type::Enum(id)) => {
                let backing = self.types.enums[id.0 as usize].backing;
                let number = self.enum_to_backing(value, backing);
                self.resize(number, TypeId::I64).into()
            }
            (OfValue::IntFromEnum, Type::Union(_)) => convert(Conversion::UnionTag, value, TypeId::I64).into(),
            (OfValue::IntFromBool, Type::Bool) => self.int_from_bool(value).into(),
            (OfValue::TagName, Type::Enum(_) | Type::Union(_)) => {
                self.call_builtin(Builtin::TagName, vec![value], TypeId::STRING, span)
            }
            (OfValue::ErrorName, Type::Error(_)) => {
                self.call_builtin(Builtin::ErrorName, vec![value], TypeId::STRING, span)
            }
            _ => {
                let found = self.types.name(value.ty);
                self.type_error(span, format!("'@{name}' does not take '{found}'"));
                self.erroneous(span)
            }
        }
    }

    pub(super) fn int_from_bool(&mut self, value: Expression) -> Expression {
        match value.kind {
            ExpressionKind::Bool(known) => make(ExpressionKind::Int(i128::from(known)), TypeId::I64, value.span),
            _ => convert(Conversion::BoolToInt, value, TypeId::I64),
        }
    }

    fn check_enum_from_int(&mut self, arguments: &'a [Expr], expected: Option<TypeId>, span: Span) -> Value {
        let env = self.env();
        let (ty, number) = match arguments {
            [ty, number] => (self.type_argument(ty, &env), number),
            _ => match expected {
                Some(ty) => (self.innermost(ty), &arguments[0]),
                None => {
                    self.type_error(span, "the enum is not known here; write @enumFromInt(T, n)");
                    return self.erroneous(span);
                }
            },
        };
        let number = self.check(number, None);
        let Some(backing) = self.types.enum_type(ty).map(|of| of.backing) else {
            if ty != TypeId::ERRONEOUS {
                let name = self.types.name(ty);
                self.type_error(span, format!("'{name}' is not an enum"));
            }
            return self.erroneous(span);
        };
        if !self.types.is_int(number.expr.ty) {
            let number = self.coerce(number, TypeId::I64);
            return Expression { ty: TypeId::ERRONEOUS, ..number }.into();
        }
        let number = self.cast_to_int(number, backing);
        match number.kind {
            ExpressionKind::Int(number) => make(ExpressionKind::Int(number), ty, span).into(),
            _ => convert(Conversion::Reinterpret, number, ty).into(),
        }
    }

    /// `@field(v, "name")`
    fn check_field_builtin(&mut self, arguments: &'a [Expr], span: Span) -> Value {
        let value = self.check_settled(&arguments[0]);
        let Some(field) = self.constant_text(&arguments[1]) else { return self.erroneous(span) };
        let name = Name { text: field.into(), span: arguments[1].span };
        self.field(value, &name, span)
    }

    fn check_embed_file(&mut self, path: &'a Expr, span: Span) -> Value {
        let Some(wanted) = self.constant_text(path) else { return self.erroneous(span) };
        let source = self.loaded.sources.get(span.file);
        let full = source.folder().join(&wanted);
        match std::fs::read(&full) {
            Ok(bytes) => {
                let id = self.output.string(&bytes.into());
                make(ExpressionKind::String(id), TypeId::STRING, span).into()
            }
            Err(error) => {
                self.type_error(path.span, format!("can't read '{}': {error}", full.display()));
                self.erroneous(span)
            }
        }
    }

    /// `@alloc(n)` and its like of the January dialect.
    fn check_memory_builtin(&mut self, function: RuntimeFunction, arguments: &'a [Expr], span: Span) -> Value {
        let mut words = Vec::new();
        for argument in arguments {
            let is_pointer_text = matches!(argument.kind, ExprKind::String(_));
            let value = self.check(argument, (!is_pointer_text).then_some(TypeId::I64));
            words.push(match self.types.get(value.expr.ty) {
                Type::Pointer(_) if value.untyped == Untyped::No => {
                    convert(Conversion::PointerToInt, value.expr, TypeId::I64)
                }
                _ => self.coerce(value, TypeId::I64),
            });
        }
        // `@alloc(n)` is `alloc(0, n)`.
        if function == RuntimeFunction::Alloc {
            words.insert(0, make(ExpressionKind::Int(0), TypeId::I64, span));
        }
        let ty = match function {
            RuntimeFunction::Alloc | RuntimeFunction::Realloc => TypeId::I64,
            _ => TypeId::VOID,
        };
        make(ExpressionKind::Call { callee: Callee::Runtime(function), arguments: words }, ty, span).into()
    }
}
