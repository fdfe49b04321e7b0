//! The builtins of the language (section 17), a row each: name, numbers of arguments, and what the
//! checker does with it. To add one, write its row; groups share a method of the checker.

use std::ops::RangeInclusive;

use crate::cot::runtime_function::RuntimeFunction;
use crate::cot::typed::Builtin;

pub(super) struct BuiltinRow {
    /// Without its `@`.
    pub name: &'static str,
    pub n_arguments: RangeInclusive<usize>,
    /// Parameters and result, as editors show them after the name.
    signature: &'static str,
    pub function: BuiltinFunction,
}

#[derive(Clone, Copy)]
pub(super) enum BuiltinFunction {
    Reflection(Reflection),
    /// Takes a type and a value.
    Cast(Cast),
    /// One float, which is also the result.
    OfFloat(Builtin),
    OfFloats(Extreme),
    OfNumbers(Extreme),
    /// One integer of 64 bits, which is also the result.
    BitCount(Builtin),
    /// One enum, union, error or bool.
    OfValue(OfValue),
    Atomic(Atomic),
    /// Of the January dialect: a function of the runtime.
    Memory(RuntimeFunction),
    Arc(Builtin),
    PointerToInt,
    ConstCast,
    String,
    PointerOf,
    LengthOf,
    IntFromFloat,
    EnumFromInt,
    Field,
    TargetOs,
    TargetArch,
    Target,
    EmbedFile,
    CompileError,
    Assert,
    AssertEqual,
    Panic,
    Trap,
}

/// Takes a type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reflection {
    SizeOf,
    AlignOf,
    OffsetOf,
    EnumLen,
    EnumName,
    TypeName,
    TypeInfo,
    HasField,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cast {
    Int,
    Truncate,
    Float,
    FloatFromInt,
    As,
    Bits,
    Pointer,
    IntToPointer,
    Align,
}

impl Cast {
    /// As messages call it: the operator `as` is written without `@`.
    pub fn shown(self) -> String {
        let is_own = |row: &&BuiltinRow| matches!(row.function, BuiltinFunction::Cast(cast) if cast == self);
        let row = BUILTINS.iter().find(is_own).expect("every cast has a row");
        if self == Cast::As { row.name.to_owned() } else { format!("@{}", row.name) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    Min,
    Max,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OfValue {
    IntFromEnum,
    IntFromBool,
    TagName,
    ErrorName,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Atomic {
    Load,
    Store,
    Add,
    Exchange,
    CompareExchange,
}

impl BuiltinRow {
    /// `name: type`, one by one.
    fn parameters(&self) -> impl Iterator<Item = &'static str> {
        let list = self.signature.trim_start_matches('(').split_once(')').map_or("", |(list, _)| list);
        list.split(", ").filter(|it| !it.is_empty())
    }
}

/// The declaration of a builtin in the form of a function's, and its parameters; none if there is
/// no builtin of that name (without `@`).
pub fn builtin_signature(name: &str) -> Option<(String, Vec<String>)> {
    let row = BUILTINS.iter().find(|row| row.name == name)?;
    Some((format!("@{name}{}", row.signature), row.parameters().map(str::to_owned).collect()))
}

/// Names of all builtins, without their `@`.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|row| row.name)
}

pub(super) const BUILTINS: &[BuiltinRow] = &[
    row("sizeOf", 1..=1, "(T: type) i64", BuiltinFunction::Reflection(Reflection::SizeOf)),
    row("alignOf", 1..=1, "(T: type) i64", BuiltinFunction::Reflection(Reflection::AlignOf)),
    row("offsetOf", 2..=2, "(T: type, field: string) i64", BuiltinFunction::Reflection(Reflection::OffsetOf)),
    row("intCast", 2..=2, "(T: type, x: integer) T", BuiltinFunction::Cast(Cast::Int)),
    row("truncate", 2..=2, "(T: type, x: integer) T", BuiltinFunction::Cast(Cast::Truncate)),
    row("floatCast", 2..=2, "(T: type, x: float) T", BuiltinFunction::Cast(Cast::Float)),
    row("floatFromInt", 2..=2, "(T: type, x: integer) T", BuiltinFunction::Cast(Cast::FloatFromInt)),
    row("intFromFloat", 1..=1, "(x: float) i64", BuiltinFunction::IntFromFloat),
    row("as", 2..=2, "(T: type, x: T) T", BuiltinFunction::Cast(Cast::As)),
    row("bitCast", 2..=2, "(T: type, x: number) T", BuiltinFunction::Cast(Cast::Bits)),
    row("ptrCast", 2..=2, "(T: type, p: pointer) T", BuiltinFunction::Cast(Cast::Pointer)),
    row("intToPtr", 2..=2, "(T: type, n: i64) T", BuiltinFunction::Cast(Cast::IntToPointer)),
    row("ptrToInt", 1..=1, "(p: pointer) i64", BuiltinFunction::PointerToInt),
    row("constCast", 1..=1, "(p: pointer) pointer", BuiltinFunction::ConstCast),
    row("alignCast", 2..=2, "(T: type, p: pointer) T", BuiltinFunction::Cast(Cast::Align)),
    row("string", 2..=2, "(p: pointer, n: i64) string", BuiltinFunction::String),
    row("ptrOf", 1..=1, "(s: string) i64", BuiltinFunction::PointerOf),
    row("lenOf", 1..=1, "(s: string) i64", BuiltinFunction::LengthOf),
    row("abs", 1..=1, "(x: float) float", BuiltinFunction::OfFloat(Builtin::Abs)),
    row("ceil", 1..=1, "(x: float) float", BuiltinFunction::OfFloat(Builtin::Ceil)),
    row("floor", 1..=1, "(x: float) float", BuiltinFunction::OfFloat(Builtin::Floor)),
    row("trunc", 1..=1, "(x: float) float", BuiltinFunction::OfFloat(Builtin::Trunc)),
    row("round", 1..=1, "(x: float) float", BuiltinFunction::OfFloat(Builtin::Round)),
    row("sqrt", 1..=1, "(x: float) float", BuiltinFunction::OfFloat(Builtin::Sqrt)),
    row("fmin", 2..=2, "(a: float, b: float) float", BuiltinFunction::OfFloats(Extreme::Min)),
    row("fmax", 2..=2, "(a: float, b: float) float", BuiltinFunction::OfFloats(Extreme::Max)),
    row("min", 2..=2, "(a: number, b: number) number", BuiltinFunction::OfNumbers(Extreme::Min)),
    row("max", 2..=2, "(a: number, b: number) number", BuiltinFunction::OfNumbers(Extreme::Max)),
    row("ctz", 1..=1, "(x: integer) i64", BuiltinFunction::BitCount(Builtin::CountTrailingZeros)),
    row("clz", 1..=1, "(x: integer) i64", BuiltinFunction::BitCount(Builtin::CountLeadingZeros)),
    row("popCount", 1..=1, "(x: integer) i64", BuiltinFunction::BitCount(Builtin::PopulationCount)),
    row("intFromEnum", 1..=1, "(e: enum) i64", BuiltinFunction::OfValue(OfValue::IntFromEnum)),
    row("enumFromInt", 1..=2, "(T: type, n: i64) T", BuiltinFunction::EnumFromInt),
    row("intFromBool", 1..=1, "(b: bool) i64", BuiltinFunction::OfValue(OfValue::IntFromBool)),
    row("tagName", 1..=1, "(v: enum) string", BuiltinFunction::OfValue(OfValue::TagName)),
    row("errorName", 1..=1, "(e: error) string", BuiltinFunction::OfValue(OfValue::ErrorName)),
    row("enumLen", 1..=1, "(T: type) i64", BuiltinFunction::Reflection(Reflection::EnumLen)),
    row("enumName", 2..=2, "(T: type, n: i64) string", BuiltinFunction::Reflection(Reflection::EnumName)),
    row("typeName", 1..=1, "(T: type) string", BuiltinFunction::Reflection(Reflection::TypeName)),
    row("typeInfo", 1..=1, "(T: type) information", BuiltinFunction::Reflection(Reflection::TypeInfo)),
    row("hasField", 2..=2, "(T: type, field: string) bool", BuiltinFunction::Reflection(Reflection::HasField)),
    row("field", 2..=2, "(v: value, field: string) value", BuiltinFunction::Field),
    row("targetOs", 0..=0, "() string", BuiltinFunction::TargetOs),
    row("targetArch", 0..=0, "() string", BuiltinFunction::TargetArch),
    row("target", 0..=0, "() string", BuiltinFunction::Target),
    row("embedFile", 1..=1, "(path: string) string", BuiltinFunction::EmbedFile),
    row("compileError", 1..=1, "(message: string) noreturn", BuiltinFunction::CompileError),
    row("assert", 1..=1, "(condition: bool) void", BuiltinFunction::Assert),
    row("assertEq", 2..=2, "(expected: value, received: value) void", BuiltinFunction::AssertEqual),
    row("panic", 1..=1, "(message: string) noreturn", BuiltinFunction::Panic),
    row("trap", 0..=0, "() noreturn", BuiltinFunction::Trap),
    row("arcRetain", 1..=1, "(x: pointer) void", BuiltinFunction::Arc(Builtin::ArcRetain)),
    row("arcRelease", 1..=1, "(x: pointer) void", BuiltinFunction::Arc(Builtin::ArcRelease)),
    row("alloc", 1..=1, "(size: i64) i64", BuiltinFunction::Memory(RuntimeFunction::Alloc)),
    row("dealloc", 1..=1, "(p: i64) void", BuiltinFunction::Memory(RuntimeFunction::Dealloc)),
    row("realloc", 2..=2, "(p: i64, size: i64) i64", BuiltinFunction::Memory(RuntimeFunction::Realloc)),
    row("memcpy", 3..=3, "(to: i64, from: i64, size: i64) void", BuiltinFunction::Memory(RuntimeFunction::Memcpy)),
    row("atomicLoad", 1..=1, "(p: *T) T", BuiltinFunction::Atomic(Atomic::Load)),
    row("atomicStore", 2..=2, "(p: *T, x: T) void", BuiltinFunction::Atomic(Atomic::Store)),
    row("atomicAdd", 2..=2, "(p: *T, x: T) T", BuiltinFunction::Atomic(Atomic::Add)),
    row("atomicExchange", 2..=2, "(p: *T, x: T) T", BuiltinFunction::Atomic(Atomic::Exchange)),
    row("atomicCAS", 3..=3, "(p: *T, expected: T, new: T) T", BuiltinFunction::Atomic(Atomic::CompareExchange)),
];

const fn row(
    name: &'static str,
    n_arguments: RangeInclusive<usize>,
    signature: &'static str,
    function: BuiltinFunction,
) -> BuiltinRow {
    BuiltinRow { name, n_arguments, signature, function }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_have_as_many_parameters_as_the_rows_say() {
        for row in BUILTINS {
            assert_eq!(row.parameters().count(), *row.n_arguments.end(), "@{}", row.name);
        }
    }
}
