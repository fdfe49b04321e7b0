//! What a program that starts threads must be like (wasi-threads: every thread is an instance of
//! its own, with the same imports).
//!
//! Comes in: the modules. Goes out: the function that threads begin with. What an instance has for
//! itself is kept per thread by the layout; what can't be kept so is refused here.

use crate::abi;
use crate::layout;
use crate::resolve::Linked;
use crate::wasm::describe::describe_type;
use crate::wasm::{EntityIndex, FuncIndex, Module};
use anyhow::{Result, bail};
use wasmparser::{CompositeInnerType, FunctionBody, Operator, SubType, ValType};

/// The export that a new thread calls; none if the module starts no threads.
///
/// # Errors
/// When it starts threads but lacks that export, or has something that threads can't have for
/// themselves.
pub fn start(module: &Module) -> Result<Option<FuncIndex>> {
    if !layout::starts_threads(module) {
        return Ok(None);
    }
    let (name, ..) = abi::wasi::THREAD_START;
    let Some(EntityIndex::Function(func)) = module.export(name) else {
        bail!("the module imports `thread-spawn` but exports no function `{name}`, with which threads begin");
    };
    let ty = module.function_type(func);
    if ty.params() != [ValType::I32; 2] || !ty.results().is_empty() {
        bail!("`{name}` is of type {}; threads begin with two i32 and no result", describe_type(ty));
    }
    if module.memories.values().any(|memory| !memory.ty.shared) {
        bail!(
            "the module starts threads, so its memories must be shared; link it with --shared-memory --import-memory"
        );
    }
    if !module.tags.is_empty() {
        bail!("the module starts threads and uses exceptions; both in one program are not supported yet");
    }
    if makes_objects(module) {
        bail!("the module starts threads and uses garbage-collected types; both in one program are not supported yet");
    }
    Ok(Some(func))
}

/// # Errors
/// When there are several modules and one of them starts threads.
pub fn check_modules(linked: &[Linked]) -> Result<()> {
    if linked.len() > 1 && linked.iter().any(|linked| layout::starts_threads(linked.module)) {
        bail!(
            "a module that starts threads must be the only one in its program: --module is not supported with threads yet"
        );
    }
    Ok(())
}

/// Whether the module can have objects of its own.
fn makes_objects(module: &Module) -> bool {
    let is_of_objects = |ty: &SubType| !matches!(ty.composite_type.inner, CompositeInnerType::Func(_));
    // Words of the host can become objects, too.
    let converts = |body: &FunctionBody| {
        let operators = body.get_operators_reader().into_iter().flatten().map_while(Result::ok);
        operators.into_iter().any(|operator| matches!(operator, Operator::AnyConvertExtern))
    };
    module.types.values().any(is_of_objects) || module.bodies().any(|(_, body)| converts(body))
}
