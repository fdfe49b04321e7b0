//! Functions of the module as C functions that C can hold and call.
//!
//! No code is made at run time: the object holds a number of function pointers for each kind, its
//! slots, and the runtime gives one to each function that C gets to know, for good. A slot knows
//! where its function's entry is kept ([`CallbackPool`]), and calls what all slots of the kind
//! share: arguments to Wasm, the function, the result to C.

use super::foreign::c_type;
use super::thunk::thunk;
use super::types::{POINTER, value_type};
use super::{Env, begin};
use crate::abi::foreign::CallbackPool;
use crate::foreign::{CallbackIndex, Type};
use crate::layout::Symbol;
use crate::number::to_displacement;
use cranelift_codegen::ir::{self, AbiParam, InstBuilder, MemFlagsData, Signature};
use cranelift_codegen::isa::CallConv;

/// [`Symbol::Callback`]: the C arguments, then the entry of the Wasm function.
pub fn common(env: &Env, index: CallbackIndex, out: &mut ir::Function) {
    begin(out, Symbol::Callback(index), common_signature(env, index));
    let callback = &env.foreign.callbacks[index];
    let wasm = env.module.signature(callback.ty);
    thunk(env, out, |it, values| {
        let (code, values) = values.split_last().expect("the entry comes last");
        let args = callback.params.iter().zip(values).zip(wasm.params());
        let args: Vec<_> = args.map(|((ty, value), wasm)| it.convert_to_wasm(ty, *value, value_type(*wasm))).collect();
        let signature = it.signature(callback.ty);
        let call = it.builder.ins().call_indirect(signature, *code, &args);
        let results = it.results(call).to_vec();
        let results: Vec<_> =
            callback.result.iter().zip(results).map(|(ty, value)| it.convert_to_c(ty, value, &[], &[])).collect();
        it.builder.ins().return_(&results);
    });
}

/// [`Symbol::CallbackSlot`]: a function in the platform's C convention.
pub fn slot(env: &Env, index: CallbackIndex, slot: u16, out: &mut ir::Function) {
    let callback = &env.foreign.callbacks[index];
    let mut signature = Signature::new(env.target.default_call_conv);
    // C code that calls may leave anything above narrow integers; what it gets back is clean.
    signature.params.extend(callback.params.iter().map(|ty| AbiParam::new(c_type(ty))));
    signature.returns.extend(callback.result.as_ref().map(|ty| match ty {
        Type::Integer(integer) => env.c.integer(*integer),
        other => AbiParam::new(c_type(other)),
    }));
    begin(out, Symbol::CallbackSlot(index, slot), signature);
    thunk(env, out, |it, values| {
        let pool = it.address_of(Symbol::CallbackPool(index));
        // The functions follow the pool, a word each.
        let offset = usize::from(slot).checked_mul(8).and_then(|words| words.checked_add(size_of::<CallbackPool>()));
        let offset = to_displacement(offset.expect("slots have 16 bits"));
        let code = it.builder.ins().load(POINTER, MemFlagsData::trusted(), pool, offset);
        let args: Vec<_> = values.iter().copied().chain([code]).collect();
        let callee = it.callee_with(Symbol::Callback(index), common_signature(env, index));
        let call = it.builder.ins().call(callee, &args);
        let results = it.results(call).to_vec();
        it.builder.ins().return_(&results);
    });
}

fn common_signature(env: &Env, index: CallbackIndex) -> Signature {
    let callback = &env.foreign.callbacks[index];
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.extend(callback.params.iter().map(|ty| AbiParam::new(c_type(ty))));
    signature.params.push(AbiParam::new(POINTER));
    signature.returns.extend(callback.result.as_ref().map(|ty| AbiParam::new(c_type(ty))));
    signature
}
