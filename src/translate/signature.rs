//! Signatures of Wasm function types in CLIF.
//!
//! In the C convention a function with two or more results returns nothing and takes, before its
//! parameters, a pointer to a structure of its results in order, each aligned as C aligns it
//! ([`results_structure`]). What a function of the host gets as its own pointer precedes both.

use super::types::{POINTER, value_type};
use super::{Env, convention};
use crate::abi::builtin::Builtin;
use cranelift_codegen::ir::{AbiParam, Signature, types};
use cranelift_codegen::isa::{CallConv, TargetFrontendConfig};
use wasmparser::{FuncType, ValType};

/// The convention of calls inside the program.
pub fn internal(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend(abi_params(ty.params()));
    signature.returns.extend(abi_params(ty.results()));
    signature
}

/// The platform's C convention, for the values that `Translator::pass_to_c` and
/// `Translator::take_from_host` convert.
pub fn c(env: &Env, ty: &FuncType) -> Signature {
    let mut signature = Signature::new(env.target.default_call_conv);
    if returns_structure(ty) {
        signature.params.push(AbiParam::new(POINTER));
    } else {
        signature.returns.extend(convention::abi_params(env, ty.results()));
    }
    signature.params.extend(convention::abi_params(env, ty.params()));
    signature
}

/// As [`c`], of a function for the host.
pub fn export(env: &Env, ty: &FuncType) -> Signature {
    let mut signature = c(env, ty);
    if env.instances {
        signature.params.insert(0, AbiParam::new(POINTER));
    }
    signature
}

/// `fn(*mut abi::value::Value)`.
pub fn array_entry(target: &TargetFrontendConfig) -> Signature {
    let mut signature = Signature::new(target.default_call_conv);
    signature.params.push(AbiParam::new(POINTER));
    signature
}

/// A function of the runtime, from the letters of its row.
pub fn builtin(env: &Env, builtin: Builtin) -> Signature {
    let letter = |letter| {
        let ty = match letter {
            b'p' => POINTER,
            b'i' => types::I32,
            b'l' => types::I64,
            b'f' => types::F32,
            b'd' => types::F64,
            other => panic!("no builtin has a parameter of type `{}`", char::from(other)),
        };
        convention::extended(env, ty)
    };
    let convention = match builtin {
        // It can land, which only the internal convention allows for.
        Builtin::Throw => CallConv::Tail,
        _ => env.target.default_call_conv,
    };
    let mut signature = Signature::new(convention);
    signature.params.extend(builtin.parameters().bytes().map(letter));
    signature.returns.extend(builtin.result().bytes().map(letter));
    signature
}

/// Whether results go through a pointer in the C convention.
pub fn returns_structure(ty: &FuncType) -> bool {
    ty.results().len() > 1
}

/// Byte offset of each result in the structure of results, and the structure's size.
pub fn results_structure(env: &Env, ty: &FuncType) -> (Vec<u32>, u32) {
    const FEW: &str = "a type has at most 1000 results";
    let mut size = 0u32;
    let mut alignment = 1;
    let offsets = ty.results().iter().map(|&result| {
        let bytes = value_type(result).bytes();
        let aligned = convention::alignment(env, value_type(result));
        alignment = alignment.max(aligned);
        let offset = size.checked_next_multiple_of(aligned).expect(FEW);
        size = offset.checked_add(bytes).expect(FEW);
        offset
    });
    let offsets = offsets.collect();
    (offsets, size.checked_next_multiple_of(alignment).expect(FEW))
}

fn abi_params(types: &[ValType]) -> impl Iterator<Item = AbiParam> {
    types.iter().map(|&ty| AbiParam::new(value_type(ty)))
}
