//! CLIF's types, constants and conventions in LLVM's words.

use super::processor::Processor;
use crate::number::to_usize;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{AbiParam, ArgumentExtension, ArgumentPurpose, Signature, Type, UserExternalName, types};
use cranelift_codegen::isa::CallConv;
use std::fmt::Write;

/// LLVM's name of a type of CLIF.
pub fn name(ty: Type) -> String {
    if ty.is_vector() {
        return format!("<{} x {}>", ty.lane_count(), name(ty.lane_type()));
    }
    match ty {
        types::F32 => "float".to_owned(),
        types::F64 => "double".to_owned(),
        ty => format!("i{}", ty.bits()),
    }
}

/// The part of an intrinsic's name that tells a type.
pub fn suffix(ty: Type) -> String {
    match ty.is_vector() {
        true => format!("v{}{}", ty.lane_count(), suffix(ty.lane_type())),
        false => format!("{}{}", if ty.is_float() { "f" } else { "i" }, ty.bits()),
    }
}

/// `ty` with integers in place of floating-point numbers.
pub fn integers(ty: Type) -> Type {
    if ty.lane_type().is_float() { ty.as_truthy_pedantic() } else { ty }
}

/// A constant of an integer type, of which the low bits of `value` are used.
pub fn integer(ty: Type, value: i64) -> String {
    let unused = 64u32.saturating_sub(ty.bits());
    (value.wrapping_shl(unused) >> unused).to_string()
}

/// A vector constant from its bytes in memory.
pub fn vector(ty: Type, bytes: &[u8]) -> String {
    let lanes: Vec<_> = bytes.iter().map(|byte| format!("i8 {byte}")).collect();
    format!("bitcast (<{} x i8> <{}> to {})", bytes.len(), lanes.join(", "), name(ty))
}

/// All lanes the same integer.
pub fn repeated(ty: Type, value: i64) -> String {
    let lane = format!("{} {}", name(ty.lane_type()), integer(ty.lane_type(), value));
    format!("<{}>", vec![lane; to_usize(ty.lane_count().into())].join(", "))
}

/// The mask of a `shufflevector`.
pub fn mask(lanes: impl IntoIterator<Item = u32>) -> String {
    let lanes: Vec<_> = lanes.into_iter().map(|lane| format!("i32 {lane}")).collect();
    format!("<{} x i32> <{}>", lanes.len(), lanes.join(", "))
}

/// What a symbol is called in the text, until its object is adopted: [`of_symbol`] reads it back.
pub fn symbol(name: &UserExternalName) -> String {
    format!("w2n.{}.{}", name.namespace, name.index)
}

/// The symbol of a name that [`symbol`] made.
pub fn of_symbol(name: &str) -> Option<UserExternalName> {
    let (namespace, index) = name.strip_prefix("w2n.")?.split_once('.')?;
    Some(UserExternalName { namespace: namespace.parse().ok()?, index: index.parse().ok()? })
}

/// Stands for the convention of functions of Wasm, which all of a program share: the C convention,
/// or `tailcc` where a function makes tail calls.
pub const CONVENTION: char = '\u{1}';

/// The words between `call` or `define` and the type of the result.
pub fn convention(signature: &Signature) -> String {
    if signature.call_conv == CallConv::Tail { CONVENTION.to_string() } else { String::new() }
}

/// Whether a function writes its results to where a pointer leads that it gets before all
/// arguments. LLVM would do so by itself where registers don't suffice, but then without tail
/// calls; and on x86-64 floating-point numbers beyond the second in registers that change them.
pub fn returns_by_pointer(processor: &Processor, signature: &Signature) -> bool {
    let count = |is_of: fn(Type) -> bool| signature.returns.iter().filter(|it| is_of(it.value_type)).count();
    let (n_integers, n_floats, n_vectors) = (count(Type::is_int), count(Type::is_float), count(Type::is_vector));
    let n_most = if n_floats > 0 { processor.n_floats } else { processor.n_vectors };
    signature.call_conv == CallConv::Tail
        && (n_integers > processor.n_integers || n_floats.saturating_add(n_vectors) > n_most)
}

/// A parameter that stands at the end of a list and means nothing, see [`is_padded`].
pub const PADDING: &str = "double";

/// Whether the last parameter is [`PADDING`]. With `tailcc`, LLVM 19 counts the bytes of a
/// function's arguments on the stack differently for the function and for a tail call of it, where
/// there is a vector among them and they are not a multiple of 16 bytes: each such call would move
/// the stack pointer. Then there are more than eight floating-point and vector arguments, and one
/// more lies on the stack. On aarch64 it costs nothing.
pub fn is_padded(processor: &Processor, signature: &Signature) -> bool {
    /// Registers for arguments (System V ABI for x86-64, 3.2.3).
    const N_INTEGERS: usize = 6;
    const N_VECTORS: usize = 8;
    let (mut n_integers, mut n_vectors) = (usize::from(returns_by_pointer(processor, signature)), 0_usize);
    let (mut n_bytes, mut has_vector) = (0_usize, false);
    for ty in signature.params.iter().map(|it| it.value_type) {
        let (count, most) = if ty.is_int() { (&mut n_integers, N_INTEGERS) } else { (&mut n_vectors, N_VECTORS) };
        *count = count.saturating_add(1);
        if *count > most {
            let size = if ty.is_vector() { 16 } else { 8 };
            n_bytes = n_bytes.next_multiple_of(size).saturating_add(size);
            has_vector |= ty.is_vector();
        }
    }
    signature.call_conv == CallConv::Tail && has_vector && !n_bytes.is_multiple_of(16)
}

/// Bytes of a result that is written: as many as the widest has.
pub const RESULT: usize = 16;

/// The type of what a function returns.
pub fn result(processor: &Processor, signature: &Signature) -> String {
    if returns_by_pointer(processor, signature) {
        return "void".to_owned();
    }
    let types: Vec<_> = signature.returns.iter().map(|result| name(result.value_type)).collect();
    match &types[..] {
        [] => "void".to_owned(),
        [one] => format!("{}{one}", extension(&signature.returns[0])),
        more => format!("{{ {} }}", more.join(", ")),
    }
}

/// A parameter's or argument's type with its attributes.
pub fn parameter(parameter: &AbiParam) -> String {
    match parameter.purpose {
        ArgumentPurpose::StructReturn => "ptr sret(i8)".to_owned(),
        ArgumentPurpose::StructArgument(size) => format!("ptr byval([{size} x i8]) align 8"),
        _ => format!("{} {}", name(parameter.value_type), extension(parameter)).trim_end().to_owned(),
    }
}

/// Whether it is a pointer in LLVM, where CLIF has an integer.
pub fn is_pointer(parameter: &AbiParam) -> bool {
    matches!(parameter.purpose, ArgumentPurpose::StructReturn | ArgumentPurpose::StructArgument(_))
}

fn extension(parameter: &AbiParam) -> &'static str {
    match parameter.extension {
        ArgumentExtension::None => "",
        ArgumentExtension::Uext => "zeroext ",
        ArgumentExtension::Sext => "signext ",
    }
}

/// A function's type, for declarations.
pub fn parameters(processor: &Processor, signature: &Signature) -> String {
    let mut text = String::new();
    if returns_by_pointer(processor, signature) {
        text.push_str(if signature.params.is_empty() { "ptr" } else { "ptr, " });
    }
    for (nth, it) in signature.params.iter().enumerate() {
        let comma = if nth > 0 { ", " } else { "" };
        write!(text, "{comma}{}", parameter(it)).expect("a string");
    }
    if is_padded(processor, signature) {
        write!(text, ", {PADDING}").expect("a string");
    }
    text
}

pub fn integer_condition(condition: IntCC) -> &'static str {
    match condition {
        IntCC::Equal => "eq",
        IntCC::NotEqual => "ne",
        IntCC::SignedLessThan => "slt",
        IntCC::SignedGreaterThanOrEqual => "sge",
        IntCC::SignedGreaterThan => "sgt",
        IntCC::SignedLessThanOrEqual => "sle",
        IntCC::UnsignedLessThan => "ult",
        IntCC::UnsignedGreaterThanOrEqual => "uge",
        IntCC::UnsignedGreaterThan => "ugt",
        IntCC::UnsignedLessThanOrEqual => "ule",
    }
}

pub fn float_condition(condition: FloatCC) -> &'static str {
    match condition {
        FloatCC::Ordered => "ord",
        FloatCC::Unordered => "uno",
        FloatCC::Equal => "oeq",
        FloatCC::NotEqual => "une",
        FloatCC::OrderedNotEqual => "one",
        FloatCC::UnorderedOrEqual => "ueq",
        FloatCC::LessThan => "olt",
        FloatCC::LessThanOrEqual => "ole",
        FloatCC::GreaterThan => "ogt",
        FloatCC::GreaterThanOrEqual => "oge",
        FloatCC::UnorderedOrLessThan => "ult",
        FloatCC::UnorderedOrLessThanOrEqual => "ule",
        FloatCC::UnorderedOrGreaterThan => "ugt",
        FloatCC::UnorderedOrGreaterThanOrEqual => "uge",
    }
}
