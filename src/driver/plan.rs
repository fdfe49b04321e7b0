//! What an executable runs.

use super::threads;
use crate::abi::program::EntryKind;
use crate::codegen::cranelift::target;
use crate::embed;
use crate::object::ProgramPlan;
use crate::options::Options;
use crate::wasm::describe::describe_type;
use crate::wasm::{EntityIndex, Module};
use anyhow::{Result, anyhow, bail};
use std::collections::BTreeSet;

/// Finds out what an executable runs.
pub fn program(module: &Module, options: &Options) -> Result<ProgramPlan> {
    let function = |name: &str| match module.export(name) {
        Some(EntityIndex::Function(func)) => Some((name.to_owned(), func)),
        _ => None,
    };
    let (entry_name, entry) = match &options.invoke {
        Some(name) => function(name)
            .ok_or_else(|| anyhow!("the module exports no function `{name}`; it exports {}", list_exports(module)))?,
        None => function("_start").or_else(|| function("main")).ok_or_else(|| {
            anyhow!(
                "the module exports neither `_start` nor `main`, so there is nothing to run; \
                 choose an export with --invoke NAME (there is {}), or make an object with -c",
                list_exports(module)
            )
        })?,
    };
    let ty = module.function_type(entry);
    if options.invoke.is_none() && !ty.params().is_empty() {
        bail!(
            "`{entry_name}` takes parameters {}; --invoke {entry_name} reads them from the program's command line",
            describe_type(ty)
        );
    }
    let initialize = function("_initialize").filter(|_| entry_name != "_start" && entry_name != "_initialize");
    Ok(ProgramPlan {
        entry: Some(entry),
        script: None,
        entry_name,
        kind: if options.invoke.is_some() { EntryKind::Invoke } else { EntryKind::Run },
        initialize: initialize.map(|(_, func)| func),
        thread_start: threads::start(module)?,
        wasi: BTreeSet::new(),
        embedded: embed::pack(&options.embedded)?,
        options: options.program_options.clone(),
        foreign: Vec::new(),
        fixed_powers: options.fixed_powers,
        fatal_errors: options.fatal_errors,
        cpu_level: target::cpu_level(&options.cpu),
    })
}

fn list_exports(module: &Module) -> String {
    const LONGEST: usize = 60;
    let names: Vec<_> = module
        .exports
        .iter()
        .filter(|export| matches!(export.entity, EntityIndex::Function(_)))
        .map(|export| format!("`{}`", export.name.escape_debug().take(LONGEST).collect::<String>()))
        .collect();
    match names.len() {
        0 => "no function".to_owned(),
        1..=12 => names.join(", "),
        more => format!("{} and {} more", names[..12].join(", "), more - 12),
    }
}
