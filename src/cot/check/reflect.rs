//! What a program asks about its own types: sizes, names, variants, fields (sections 17 and 21).

use crate::cot::ast::Expr;
use crate::cot::check::Checker;
use crate::cot::check::builtins::Reflection;
use crate::cot::check::model::{Value, make};
use crate::cot::diagnostic::Code;
use crate::cot::source::Span;
use crate::cot::typed::{Expression, ExpressionKind};
use crate::cot::types::{Field, StructId, StructLayout, StructType, Type, TypeId};

impl<'a> Checker<'a> {
    pub(super) fn check_reflection(&mut self, reflection: Reflection, arguments: &'a [Expr], span: Span) -> Value {
        let env = self.env();
        let ty = self.type_argument(&arguments[0], &env);
        if ty == TypeId::ERRONEOUS {
            return self.erroneous(span);
        }
        if matches!(reflection, Reflection::SizeOf | Reflection::AlignOf | Reflection::OffsetOf) && !self.has_size(ty) {
            let message = format!("the size of '{}' is not known yet: it depends on this", self.types.name(ty));
            self.type_error(span, message);
            return self.erroneous(span);
        }
        match reflection {
            Reflection::SizeOf => self.integer(i128::from(self.types.size(ty)), span),
            Reflection::AlignOf => self.integer(i128::from(self.types.align(ty)), span),
            Reflection::TypeName => {
                let name = self.types.name(ty);
                self.text(&name, span)
            }
            Reflection::TypeInfo => self.check_type_info(ty, arguments[0].span, span),
            Reflection::EnumLen | Reflection::EnumName => self.check_enum_reflection(reflection, ty, arguments, span),
            Reflection::OffsetOf | Reflection::HasField => {
                let Some(field) = self.constant_text(&arguments[1]) else { return self.erroneous(span) };
                let index = self.types.find_member(ty, &field);
                if reflection == Reflection::HasField {
                    return make(ExpressionKind::Bool(index.is_some()), TypeId::BOOL, span).into();
                }
                let Some(index) = index.filter(|_| self.types.struct_type(ty).is_some()) else {
                    let message = format!("'{}' has no field '{field}'", self.types.name(ty));
                    self.report(Code::NoSuchField, arguments[1].span, message);
                    return self.erroneous(span);
                };
                self.integer(i128::from(self.types.field_offset(ty, index)), span)
            }
        }
    }

    fn check_enum_reflection(
        &mut self,
        reflection: Reflection,
        ty: TypeId,
        arguments: &'a [Expr],
        span: Span,
    ) -> Value {
        let names: Vec<String> = match (self.types.enum_type(ty), self.types.union_type(ty)) {
            (Some(of), _) => of.variants.iter().map(|(name, _)| name.clone()).collect(),
            (_, Some(of)) => of.variants.iter().map(|variant| variant.name.clone()).collect(),
            _ => {
                let message = format!("'{}' is not an enum", self.types.name(ty));
                self.type_error(arguments[0].span, message);
                return self.erroneous(span);
            }
        };
        if reflection == Reflection::EnumLen {
            return self.integer(names.len() as i128, span);
        }
        let env = self.env();
        let Some(index) = self.constant_integer(&arguments[1], &env, "the index of a variant") else {
            return self.erroneous(span);
        };
        match usize::try_from(index).ok().and_then(|index| names.get(index)) {
            Some(name) => self.text(name, span),
            None => {
                let message = format!("there are {} variants, none has the index {index}", names.len());
                self.type_error(arguments[1].span, message);
                self.erroneous(span)
            }
        }
    }

    /// `@typeInfo(T)`: a struct with the name, and an array with name and value of each variant; of
    /// fields the value is the index.
    fn check_type_info(&mut self, ty: TypeId, argument: Span, span: Span) -> Value {
        let parts: Vec<(String, i128)> = if let Some(of) = self.types.enum_type(ty) {
            of.variants.clone()
        } else if let Some(of) = self.types.union_type(ty) {
            of.variants.iter().zip(0..).map(|(it, index)| (it.name.clone(), index)).collect()
        } else if let Some(of) = self.types.struct_type(ty) {
            of.fields.iter().zip(0..).map(|(it, index)| (it.name.clone(), index)).collect()
        } else {
            Vec::new()
        };
        let name = self.types.name(ty);
        if parts.is_empty() {
            self.type_error(argument, format!("'{name}' has neither variants nor fields"));
            return self.erroneous(span);
        }
        let part_type = self.information("TypeInfo.Field", &[("name", TypeId::STRING), ("value", TypeId::I64)]);
        let fields_type = self.types.intern(Type::Array { element: part_type, length: parts.len() as u64 });
        let info_type =
            self.information(&format!("TypeInfo({name})"), &[("name", TypeId::STRING), ("fields", fields_type)]);
        let parts = parts.into_iter().map(|(name, value)| {
            let value = self.integer(self.wrap(value, TypeId::I64), span).expr;
            let fields = vec![(0, self.text(&name, span).expr), (1, value)];
            make(ExpressionKind::Struct(fields), part_type, span)
        });
        let parts = make(ExpressionKind::Array(parts.collect()), fields_type, span);
        let fields = vec![(0, self.text(&name, span).expr), (1, parts)];
        make(ExpressionKind::Struct(fields), info_type, span).into()
    }

    /// A struct that no program declares, the same one for the same fields.
    fn information(&mut self, name: &str, fields: &[(&str, TypeId)]) -> TypeId {
        let key = (name.to_owned(), fields[1].1);
        if let Some(ty) = self.informations.get(&key) {
            return *ty;
        }
        let id = StructId(self.types.structs.len() as u32);
        let fields = fields.iter().map(|(name, ty)| Field { name: (*name).to_owned(), ty: *ty }).collect();
        self.types.structs.push(StructType { name: name.to_owned(), layout: StructLayout::Ordinary, fields });
        let ty = self.types.intern(Type::Struct(id));
        self.informations.insert(key, ty);
        ty
    }

    /// Whether the name of a constant stands for its value: a number, bool or string, or what
    /// `@typeInfo` tells. Fields and elements of other constants can be assigned to.
    pub(super) fn is_compile_time(&self, expr: &Expression) -> bool {
        Self::is_constant(expr) || Self::is_known(expr) && self.is_information(expr.ty)
    }

    fn is_information(&self, ty: TypeId) -> bool {
        match self.types.get(ty) {
            Type::Array { element, .. } => self.is_information(*element),
            _ => self.informations.values().any(|it| *it == ty),
        }
    }

    /// Whether all parts of a value are constants.
    pub(super) fn is_known(expr: &Expression) -> bool {
        match &expr.kind {
            ExpressionKind::Array(items) => items.iter().all(Self::is_known),
            ExpressionKind::Struct(fields) => fields.iter().all(|(_, field)| Self::is_known(field)),
            _ => Self::is_constant(expr),
        }
    }
}
