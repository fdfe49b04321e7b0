//! `@name(…)`: what each builtin takes and yields (section 17).

use std::rc::Rc;

use crate::cot::ast::{Expr, ExprKind, Name};
use crate::cot::check::Checker;
use crate::cot::check::model::{Untyped, Value, convert, make};
use crate::cot::check::suggest::nearest;
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;
use crate::cot::typed::{Builtin, Conversion, Expression, ExpressionKind};
use crate::cot::types::{Type, TypeId};

/// Names and numbers of arguments; 99 stands for one or two.
const BUILTINS: &[(&str, usize)] = &[
    ("sizeOf", 1),
    ("alignOf", 1),
    ("offsetOf", 2),
    ("intCast", 2),
    ("truncate", 2),
    ("floatCast", 2),
    ("floatFromInt", 2),
    ("intFromFloat", 1),
    ("as", 2),
    ("bitCast", 2),
    ("ptrCast", 2),
    ("intToPtr", 2),
    ("ptrToInt", 1),
    ("constCast", 1),
    ("alignCast", 2),
    ("string", 2),
    ("ptrOf", 1),
    ("lenOf", 1),
    ("abs", 1),
    ("ceil", 1),
    ("floor", 1),
    ("trunc", 1),
    ("round", 1),
    ("sqrt", 1),
    ("fmin", 2),
    ("fmax", 2),
    ("min", 2),
    ("max", 2),
    ("ctz", 1),
    ("clz", 1),
    ("popCount", 1),
    ("intFromEnum", 1),
    ("enumFromInt", 99),
    ("intFromBool", 1),
    ("tagName", 1),
    ("errorName", 1),
    ("enumLen", 1),
    ("enumName", 2),
    ("typeName", 1),
    ("typeInfo", 1),
    ("hasField", 2),
    ("field", 2),
    ("targetOs", 0),
    ("targetArch", 0),
    ("target", 0),
    ("embedFile", 1),
    ("compileError", 1),
    ("assert", 1),
    ("assertEq", 2),
    ("panic", 1),
    ("trap", 0),
    ("arcRetain", 1),
    ("arcRelease", 1),
    ("alloc", 1),
    ("dealloc", 1),
    ("realloc", 2),
    ("memcpy", 3),
    ("atomicLoad", 1),
    ("atomicStore", 2),
    ("atomicAdd", 2),
    ("atomicExchange", 2),
    ("atomicCAS", 3),
];

impl<'a> Checker<'a> {
    pub(super) fn check_builtin(
        &mut self,
        name: &'a Name,
        arguments: &'a [Expr],
        expected: Option<TypeId>,
        span: Span,
    ) -> Value {
        if &*name.text == "TypeOf" {
            self.type_error(span, "'@TypeOf' is a type; it has no value");
            return self.erroneous(span);
        }
        let Some((_, wanted)) = BUILTINS.iter().find(|(known, _)| *known == &*name.text) else {
            let mut diagnostic =
                Diagnostic::new(Code::Undefined, name.span, format!("there is no builtin '@{}'", name.text));
            if let Some(near) = nearest(&name.text, BUILTINS.iter().map(|(known, _)| *known)) {
                diagnostic = diagnostic.note(format!("did you mean '@{near}'?"));
            }
            self.push_diagnostic(diagnostic);
            return self.erroneous(span);
        };
        let fits = if *wanted == 99 { matches!(arguments.len(), 1 | 2) } else { arguments.len() == *wanted };
        if !fits {
            let wanted = match wanted {
                1 => "1 argument".to_owned(),
                99 => "1 or 2 arguments".to_owned(),
                _ => format!("{wanted} arguments"),
            };
            let message = format!("'@{}' takes {wanted}, not {}", name.text, arguments.len());
            self.report(Code::ArgumentCount, span, message);
            return self.erroneous(span);
        }
        self.check_known_builtin(&name.text, arguments, expected, span)
    }

    fn check_known_builtin(
        &mut self,
        name: &str,
        arguments: &'a [Expr],
        expected: Option<TypeId>,
        span: Span,
    ) -> Value {
        match name {
            "sizeOf" | "alignOf" | "offsetOf" | "enumLen" | "enumName" | "typeName" | "typeInfo" | "hasField" => {
                self.check_reflection(name, arguments, span)
            }
            "intCast" | "truncate" | "floatCast" | "floatFromInt" | "as" | "bitCast" | "ptrCast" | "intToPtr"
            | "alignCast" => {
                let env = self.env();
                let ty = self.type_argument(&arguments[0], &env);
                self.check_conversion(name, ty, &arguments[1], span)
            }
            "ptrToInt" => {
                let value = self.check_settled(&arguments[0]);
                self.pointer_to_int(value, span)
            }
            "constCast" => self.check(&arguments[0], expected),
            "string" => self.check_string_from_parts(arguments, span),
            "ptrOf" | "lenOf" => {
                let value = self.check_as(&arguments[0], TypeId::STRING);
                if name == "lenOf" {
                    return self.length_of(value, span);
                }
                let pointer = self.types.pointer(TypeId::U8);
                let pointer = make(ExpressionKind::SlicePointer(Box::new(value)), pointer, span);
                convert(Conversion::PointerToInt, pointer, TypeId::I64).into()
            }
            "intFromFloat" => {
                let value = self.check_float(&arguments[0]);
                self.float_to_int(value, TypeId::I64, span).into()
            }
            "abs" | "ceil" | "floor" | "trunc" | "round" | "sqrt" => self.check_float_function(name, arguments, span),
            "fmin" | "fmax" | "min" | "max" => self.check_min_max(name, arguments, span),
            "ctz" | "clz" | "popCount" => self.check_bit_count(name, arguments, span),
            "intFromEnum" | "enumFromInt" | "intFromBool" | "tagName" | "errorName" => {
                self.check_enum_builtin(name, arguments, expected, span)
            }
            "field" => self.check_field_builtin(arguments, span),
            "targetOs" => self.text(&self.options.target_os.clone(), span),
            "targetArch" => self.text(&self.options.target_arch.clone(), span),
            "target" => {
                let target = format!("{}-{}", self.options.target_arch, self.options.target_os);
                self.text(&target, span)
            }
            "embedFile" => self.check_embed_file(&arguments[0], span),
            "compileError" => {
                let message = self.constant_text(&arguments[0]).unwrap_or_default();
                self.type_error(span, message);
                self.erroneous(span)
            }
            "assert" => self.check_assert(arguments, span),
            "assertEq" => self.check_assert_eq(arguments, span),
            "panic" => {
                let message = self.check_as(&arguments[0], TypeId::STRING);
                self.call_builtin(Builtin::Panic, vec![message], TypeId::NO_RETURN, span)
            }
            "trap" => self.call_builtin(Builtin::Trap, Vec::new(), TypeId::NO_RETURN, span),
            "arcRetain" | "arcRelease" => {
                let value = self.check_settled(&arguments[0]);
                let builtin = if name == "arcRetain" { Builtin::ArcRetain } else { Builtin::ArcRelease };
                self.call_builtin(builtin, vec![value], TypeId::VOID, span)
            }
            "atomicLoad" | "atomicStore" | "atomicAdd" | "atomicExchange" | "atomicCAS" => {
                self.check_atomic(name, arguments, span)
            }
            _ => self.check_memory_builtin(name, arguments, span),
        }
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
            self.type_error(expr.span, "this has to be a constant string");
        }
        None
    }

    /// `x as T`
    pub(super) fn check_cast(&mut self, value: &'a Expr, ty: TypeId, span: Span) -> Value {
        self.check_conversion("as", ty, value, span)
    }

    fn check_conversion(&mut self, name: &str, ty: TypeId, value: &'a Expr, span: Span) -> Value {
        let hint = matches!(name, "as" | "alignCast").then_some(ty);
        let value = self.check(value, hint);
        if ty == TypeId::ERRONEOUS || value.is_erroneous() {
            return self.erroneous(span);
        }
        let value = match self.convert_value(name, value, ty) {
            Ok(expr) => Expression { span, ..expr },
            Err(value) => {
                let (found, wanted) = (self.name_of_value(&value), self.types.name(ty));
                let name = if name == "as" { "as" } else { &format!("@{name}") };
                self.type_error(span, format!("'{name}' can't make '{wanted}' of '{found}'"));
                return self.erroneous(span);
            }
        };
        value.into()
    }

    fn convert_value(&mut self, name: &str, value: Value, ty: TypeId) -> Result<Expression, Value> {
        let target = self.types.get(ty).clone();
        let is_int_like = |it: &Self, value: &Value| {
            value.untyped == Untyped::Int || value.untyped == Untyped::No && it.is_int_or_enum(value.expr.ty)
        };
        match (name, &target) {
            ("intCast" | "truncate", Type::Int { .. }) if is_int_like(self, &value) => Ok(self.cast_to_int(value, ty)),
            ("floatFromInt", Type::Float { .. }) if is_int_like(self, &value) => {
                let value = self.cast_to_int_own(value);
                Ok(self.int_to_float(value, ty))
            }
            ("floatCast", Type::Float { .. }) if self.types.is_float(value.expr.ty) => {
                Ok(self.resize_float(value.expr, ty))
            }
            ("bitCast", _) => self.bit_cast(value, ty),
            ("ptrCast", Type::Pointer(_)) => {
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
            ("intToPtr", Type::Pointer(_)) if is_int_like(self, &value) => {
                let value = self.cast_to_int(value, TypeId::I64);
                Ok(convert(Conversion::IntToPointer, value, ty))
            }
            ("alignCast", _) => self.coerce_quietly(value, ty),
            ("as", _) => self.cast(value, ty),
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
        if let (Untyped::Int, ExpressionKind::Int(number)) = (value.untyped, &value.expr.kind) {
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
            None if value.untyped == Untyped::Int => value.expr,
            None => self.settle(value),
        }
    }

    fn bit_cast(&mut self, value: Value, ty: TypeId) -> Result<Expression, Value> {
        let is_number = |it: &Self, ty: TypeId| it.types.is_int(ty) || it.types.is_float(ty);
        // A literal takes the size that is wanted.
        let size = self.types.size(ty);
        let value = match value.untyped {
            Untyped::Int => {
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

    /// An argument that has to be a float; integers are taken as well.
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

    fn check_float_function(&mut self, name: &str, arguments: &'a [Expr], span: Span) -> Value {
        let value = self.check_float(&arguments[0]);
        let ty = value.ty;
        let builtin = match name {
            "abs" => Builtin::Abs,
            "ceil" => Builtin::Ceil,
            "floor" => Builtin::Floor,
            "trunc" => Builtin::Trunc,
            "round" => Builtin::Round,
            _ => Builtin::Sqrt,
        };
        self.call_builtin(builtin, vec![value], ty, span)
    }

    fn check_min_max(&mut self, name: &str, arguments: &'a [Expr], span: Span) -> Value {
        let is_min = name.ends_with("min");
        if name.starts_with('f') {
            let left = self.check_float(&arguments[0]);
            let right = self.check_float(&arguments[1]);
            let ty = self.peer_type(left.ty, right.ty);
            if !self.types.is_float(ty) {
                return self.erroneous(span);
            }
            let arguments = vec![self.resize_float(left, ty), self.resize_float(right, ty)];
            let builtin = if is_min { Builtin::FloatMin } else { Builtin::FloatMax };
            return self.call_builtin(builtin, arguments, ty, span);
        }
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
            let number = if is_min { *a.min(b) } else { *a.max(b) };
            return Value { expr: make(ExpressionKind::Int(number), left.ty, span), untyped };
        }
        let ty = left.ty;
        let builtin = match (self.types.is_float(ty), is_min) {
            (true, true) => Builtin::FloatMin,
            (true, false) => Builtin::FloatMax,
            (false, true) => Builtin::IntMin,
            (false, false) => Builtin::IntMax,
        };
        self.call_builtin(builtin, vec![left, right], ty, span)
    }

    fn check_bit_count(&mut self, name: &str, arguments: &'a [Expr], span: Span) -> Value {
        let value = self.check_index_value(&arguments[0]);
        let builtin = match name {
            "ctz" => Builtin::CountTrailingZeros,
            "clz" => Builtin::CountLeadingZeros,
            _ => Builtin::PopulationCount,
        };
        self.call_builtin(builtin, vec![value], TypeId::I64, span)
    }

    fn check_enum_builtin(&mut self, name: &str, arguments: &'a [Expr], expected: Option<TypeId>, span: Span) -> Value {
        if name == "enumFromInt" {
            return self.check_enum_from_int(arguments, expected, span);
        }
        let value = self.check_settled(&arguments[0]);
        let ty = self.types.get(value.ty).clone();
        match (name, ty) {
            (_, Type::Erroneous) => self.erroneous(span),
            ("intFromEnum", Type::Enum(id)) => {
                let backing = self.types.enums[id.0 as usize].backing;
                let number = self.enum_to_backing(value, backing);
                self.resize(number, TypeId::I64).into()
            }
            ("intFromEnum", Type::Union(_)) => convert(Conversion::UnionTag, value, TypeId::I64).into(),
            ("intFromBool", Type::Bool) => self.int_from_bool(value).into(),
            ("tagName", Type::Enum(_) | Type::Union(_)) => {
                self.call_builtin(Builtin::TagName, vec![value], TypeId::STRING, span)
            }
            ("errorName", Type::Error(_)) => self.call_builtin(Builtin::ErrorName, vec![value], TypeId::STRING, span),
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
    fn check_memory_builtin(&mut self, name: &str, arguments: &'a [Expr], span: Span) -> Value {
        use crate::cot::runtime_function::RuntimeFunction;
        use crate::cot::typed::Callee;
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
        let (function, ty) = match name {
            "alloc" => {
                words.insert(0, make(ExpressionKind::Int(0), TypeId::I64, span));
                (RuntimeFunction::Alloc, TypeId::I64)
            }
            "realloc" => (RuntimeFunction::Realloc, TypeId::I64),
            "dealloc" => (RuntimeFunction::Dealloc, TypeId::VOID),
            _ => (RuntimeFunction::Memcpy, TypeId::VOID),
        };
        make(ExpressionKind::Call { callee: Callee::Runtime(function), arguments: words }, ty, span).into()
    }
}
