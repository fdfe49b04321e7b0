//! What an executable or a library runs, and with what.

use super::threads;
use crate::abi;
use crate::abi::program::EntryKind;
use crate::abi::shim::Shim;
use crate::embed;
use crate::object::ProgramPlan;
use crate::object::script::Command;
use crate::options::{Options, ProfileOutput};
use crate::progress::Observer;
use crate::report::Coded;
use crate::report::code::Code;
use crate::wasm::describe::describe_type;
use crate::wasm::input::{Input, STDIN};
use crate::wasm::{EntityIndex, FuncIndex, Module};
use anyhow::{Result, anyhow, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// What the runtime calls of the main module.
pub struct Start {
    pub kind: EntryKind,
    /// Name of the exported function, or prefix of the library.
    pub name: String,
    /// `None` in libraries and scripts.
    pub entry: Option<FuncIndex>,
    /// A WASI reactor's `_initialize`.
    pub initialize: Option<FuncIndex>,
    /// What a new thread calls, if the module starts some.
    pub thread_start: Option<FuncIndex>,
    /// What is run instead of an entry.
    pub script: Option<Vec<Command>>,
}

impl Start {
    /// What an executable calls.
    ///
    /// # Errors
    /// When the module exports nothing that can be called.
    pub fn of_program(module: &Module, options: &Options) -> Result<Start> {
        let function = |name: &str| function(module, name).map(|func| (name.to_owned(), func));
        let (name, entry) = match &options.invoke {
            Some(name) => function(name).ok_or_else(|| {
                anyhow!("the module exports no function `{name}`; it exports {}", list_exports(module))
            })?,
            None => function("_start").or_else(|| function("main")).ok_or_else(|| {
                let message = format!(
                    "the module exports neither `_start` nor `main`, so there is nothing to run; \
                     choose an export with --invoke NAME (there is {}), or make an object with -c",
                    list_exports(module)
                );
                Coded::new(Code::NoEntry, message)
            })?,
        };
        let ty = module.function_type(entry);
        if options.invoke.is_none() && !ty.params().is_empty() {
            bail!(
                "`{name}` takes parameters {}; --invoke {name} reads them from the program's command line",
                describe_type(ty)
            );
        }
        let initialize = function("_initialize").filter(|_| name != "_start" && name != "_initialize");
        Ok(Start {
            kind: if options.invoke.is_some() { EntryKind::Invoke } else { EntryKind::Run },
            name,
            entry: Some(entry),
            initialize: initialize.map(|(_, func)| func),
            thread_start: threads::start(module)?,
            script: None,
        })
    }

    /// What a library with this prefix calls before its first export.
    pub fn of_library(module: &Module, prefix: &str) -> Start {
        let initialize = function(module, "_initialize").filter(|&func| {
            let ty = module.function_type(func);
            ty.params().is_empty() && ty.results().is_empty()
        });
        Start {
            kind: EntryKind::Library,
            name: prefix.to_owned(),
            entry: None,
            initialize,
            // Threads are the host's business: the function that starts them says that there are
            // none.
            thread_start: None,
            script: None,
        }
    }

    /// What a test script runs.
    pub fn of_script(commands: Vec<Command>) -> Start {
        Start {
            kind: EntryKind::Run,
            name: String::new(),
            entry: None,
            initialize: None,
            thread_start: None,
            script: Some(commands),
        }
    }

    /// All functions that the runtime calls.
    pub fn functions(&self) -> impl Iterator<Item = FuncIndex> {
        [self.entry, self.initialize, self.thread_start].into_iter().flatten()
    }
}

fn function(module: &Module, name: &str) -> Option<FuncIndex> {
    match module.export(name) {
        Some(EntityIndex::Function(func)) => Some(func),
        _ => None,
    }
}

/// What reachable code takes from outside of Wasm.
#[derive(Debug, Default)]
pub struct Taken {
    /// Functions of WASI, with their module where that is not preview 1.
    pub wasi: BTreeSet<String>,
    /// C functions and shims: module and name of the import, and the symbol.
    pub foreign: Vec<[String; 3]>,
    /// The symbols of those that are functions.
    pub functions: BTreeSet<String>,
}

/// The description of a program or library for its object.
///
/// # Errors
/// When a directory tree that the program is to carry can't be read.
pub fn plan(
    start: Start,
    taken: Taken,
    input: &Input,
    options: &Options,
    observer: &dyn Observer,
) -> Result<ProgramPlan> {
    let Start { kind, name, entry, initialize, thread_start, script } = start;
    let shims = taken.foreign.iter().filter_map(|[.., symbol]| abi::shim::of_symbol(symbol));
    let uses_wasi = shims.into_iter().any(Shim::uses_wasi);
    let starts_wasi = uses_wasi || !taken.wasi.is_empty();
    Ok(ProgramPlan {
        entry,
        script,
        entry_name: name,
        kind,
        initialize,
        thread_start,
        starts_wasi,
        timeout: kind != EntryKind::Library && (starts_wasi || options.timeout),
        extra_powers: uses_wasi || taken.wasi.iter().any(|function| abi::wasi::uses_extra_powers(function)),
        wasi: taken.wasi,
        embedded: embed::pack(&options.embedded, observer)?,
        options: options.program_options.clone(),
        foreign: taken.foreign,
        foreign_functions: taken.functions,
        fixed_powers: options.fixed_powers,
        interruptible: options.interruptible,
        fatal_errors: options.fatal_errors,
        profile: options.profile_generate.as_ref().map(|output| match output {
            ProfileOutput::ByName => format!("{}.profile", stem(input)),
            ProfileOutput::File(file) => file.clone(),
        }),
    })
}

/// The input's name without folder and extension.
fn stem(input: &Input) -> &str {
    let stem = Path::new(&input.name).file_stem().and_then(|stem| stem.to_str());
    stem.filter(|_| input.name != STDIN).unwrap_or("wasm")
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
