//! What a library needs before it can be called.

use super::Unit;
use crate::abi::EntryKind;
use crate::codegen::cranelift::target;
use crate::object::{ProgramPlan, imports};
use crate::options::Options;
use crate::wasm::EntityIndex;

/// The description of a library: its initialisation, and its powers.
pub fn plan(unit: &Unit, options: &Options, prefix: &str) -> ProgramPlan {
    let module = unit.module;
    let initialize = match module.export("_initialize") {
        Some(EntityIndex::Function(func)) => Some(func),
        _ => None,
    };
    let initialize = initialize.filter(|&func| {
        let ty = module.function_type(func);
        ty.params().is_empty() && ty.results().is_empty()
    });
    let memory = match module.export("memory") {
        Some(EntityIndex::Memory(memory)) => Some(memory),
        _ => module.memories.keys().next(),
    };
    let wasi = module.functions.iter().any(|(index, func)| {
        func.definition.import().is_some_and(imports::is_wasi) && unit.facts.reachable.contains(index)
    });
    ProgramPlan {
        entry: None,
        script: None,
        entry_name: prefix.to_owned(),
        kind: EntryKind::Library,
        initialize,
        wasi,
        wasi_memory: memory.filter(|_| wasi),
        options: options.program_options.clone(),
        fixed_powers: options.fixed_powers,
        cpu_level: target::cpu_level(&options.cpu),
    }
}
