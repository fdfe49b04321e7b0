//! The builtins of the language (section 17), a row each: name, numbers of arguments, and what the
//! checker does with it. To add one, write its row; groups share a method of the checker.

use std::ops::RangeInclusive;

use crate::cot::runtime_function::RuntimeFunction;
use crate::cot::typed::Builtin;

pub(super) struct BuiltinRow {
    /// Without its `@`.
    pub name: &'static str,
    pub n_arguments: RangeInclusive<usize>,
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

/// Names of all builtins, without their `@`.
pub fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|row| row.name)
}

pub(super) const BUILTINS: &[BuiltinRow] = &[
    row("sizeOf", 1..=1, BuiltinFunction::Reflection(Reflection::SizeOf)),
    row("alignOf", 1..=1, BuiltinFunction::Reflection(Reflection::AlignOf)),
    row("offsetOf", 2..=2, BuiltinFunction::Reflection(Reflection::OffsetOf)),
    row("intCast", 2..=2, BuiltinFunction::Cast(Cast::Int)),
    row("truncate", 2..=2, BuiltinFunction::Cast(Cast::Truncate)),
    row("floatCast", 2..=2, BuiltinFunction::Cast(Cast::Float)),
    row("floatFromInt", 2..=2, BuiltinFunction::Cast(Cast::FloatFromInt)),
    row("intFromFloat", 1..=1, BuiltinFunction::IntFromFloat),
    row("as", 2..=2, BuiltinFunction::Cast(Cast::As)),
    row("bitCast", 2..=2, BuiltinFunction::Cast(Cast::Bits)),
    row("ptrCast", 2..=2, BuiltinFunction::Cast(Cast::Pointer)),
    row("intToPtr", 2..=2, BuiltinFunction::Cast(Cast::IntToPointer)),
    row("ptrToInt", 1..=1, BuiltinFunction::PointerToInt),
    row("constCast", 1..=1, BuiltinFunction::ConstCast),
    row("alignCast", 2..=2, BuiltinFunction::Cast(Cast::Align)),
    row("string", 2..=2, BuiltinFunction::String),
    row("ptrOf", 1..=1, BuiltinFunction::PointerOf),
    row("lenOf", 1..=1, BuiltinFunction::LengthOf),
    row("abs", 1..=1, BuiltinFunction::OfFloat(Builtin::Abs)),
    row("ceil", 1..=1, BuiltinFunction::OfFloat(Builtin::Ceil)),
    row("floor", 1..=1, BuiltinFunction::OfFloat(Builtin::Floor)),
    row("trunc", 1..=1, BuiltinFunction::OfFloat(Builtin::Trunc)),
    row("round", 1..=1, BuiltinFunction::OfFloat(Builtin::Round)),
    row("sqrt", 1..=1, BuiltinFunction::OfFloat(Builtin::Sqrt)),
    row("fmin", 2..=2, BuiltinFunction::OfFloats(Extreme::Min)),
    row("fmax", 2..=2, BuiltinFunction::OfFloats(Extreme::Max)),
    row("min", 2..=2, BuiltinFunction::OfNumbers(Extreme::Min)),
    row("max", 2..=2, BuiltinFunction::OfNumbers(Extreme::Max)),
    row("ctz", 1..=1, BuiltinFunction::BitCount(Builtin::CountTrailingZeros)),
    row("clz", 1..=1, BuiltinFunction::BitCount(Builtin::CountLeadingZeros)),
    row("popCount", 1..=1, BuiltinFunction::BitCount(Builtin::PopulationCount)),
    row("intFromEnum", 1..=1, BuiltinFunction::OfValue(OfValue::IntFromEnum)),
    row("enumFromInt", 1..=2, BuiltinFunction::EnumFromInt),
    row("intFromBool", 1..=1, BuiltinFunction::OfValue(OfValue::IntFromBool)),
    row("tagName", 1..=1, BuiltinFunction::OfValue(OfValue::TagName)),
    row("errorName", 1..=1, BuiltinFunction::OfValue(OfValue::ErrorName)),
    row("enumLen", 1..=1, BuiltinFunction::Reflection(Reflection::EnumLen)),
    row("enumName", 2..=2, BuiltinFunction::Reflection(Reflection::EnumName)),
    row("typeName", 1..=1, BuiltinFunction::Reflection(Reflection::TypeName)),
    row("typeInfo", 1..=1, BuiltinFunction::Reflection(Reflection::TypeInfo)),
    row("hasField", 2..=2, BuiltinFunction::Reflection(Reflection::HasField)),
    row("field", 2..=2, BuiltinFunction::Field),
    row("targetOs", 0..=0, BuiltinFunction::TargetOs),
    row("targetArch", 0..=0, BuiltinFunction::TargetArch),
    row("target", 0..=0, BuiltinFunction::Target),
    row("embedFile", 1..=1, BuiltinFunction::EmbedFile),
    row("compileError", 1..=1, BuiltinFunction::CompileError),
    row("assert", 1..=1, BuiltinFunction::Assert),
    row("assertEq", 2..=2, BuiltinFunction::AssertEqual),
    row("panic", 1..=1, BuiltinFunction::Panic),
    row("trap", 0..=0, BuiltinFunction::Trap),
    row("arcRetain", 1..=1, BuiltinFunction::Arc(Builtin::ArcRetain)),
    row("arcRelease", 1..=1, BuiltinFunction::Arc(Builtin::ArcRelease)),
    row("alloc", 1..=1, BuiltinFunction::Memory(RuntimeFunction::Alloc)),
    row("dealloc", 1..=1, BuiltinFunction::Memory(RuntimeFunction::Dealloc)),
    row("realloc", 2..=2, BuiltinFunction::Memory(RuntimeFunction::Realloc)),
    row("memcpy", 3..=3, BuiltinFunction::Memory(RuntimeFunction::Memcpy)),
    row("atomicLoad", 1..=1, BuiltinFunction::Atomic(Atomic::Load)),
    row("atomicStore", 2..=2, BuiltinFunction::Atomic(Atomic::Store)),
    row("atomicAdd", 2..=2, BuiltinFunction::Atomic(Atomic::Add)),
    row("atomicExchange", 2..=2, BuiltinFunction::Atomic(Atomic::Exchange)),
    row("atomicCAS", 3..=3, BuiltinFunction::Atomic(Atomic::CompareExchange)),
];

const fn row(name: &'static str, n_arguments: RangeInclusive<usize>, function: BuiltinFunction) -> BuiltinRow {
    BuiltinRow { name, n_arguments, function }
}
