//! From an input to an output file. [`compile`] is the list of stages, a line each.

use crate::abi::EntryKind;
use crate::analyze::{self, Facts, Roots};
use crate::codegen::cranelift::sweep::{self, Job, Sweep};
use crate::codegen::cranelift::target;
use crate::layout::{self, Symbol, World};
use crate::link::{self, LinkRequest};
use crate::object::{self, ProgramPlan, Role, assembly, imports};
use crate::options::{Emit, Options};
use crate::output;
use crate::progress::{Observer, stage};
use crate::translate::Env;
use crate::wasm::input::Input;
use crate::wasm::{Definition, EntityIndex, FuncIndex, Module, parse, unsupported};
use anyhow::{Context, Result, anyhow, bail};
use std::io::Write;
use std::path::Path;

/// Compiles `input` and writes what `emit` asks for to `file`: beside it first, then renamed, so that no half-written file is ever
/// seen. `-` is standard output, for text.
///
/// # Errors
/// One message that begins with the input's name.
pub fn build(input: &Input, options: &Options, emit: Emit, file: &Path, observer: &dyn Observer) -> Result<()> {
    let wasm = stage(observer, "read", 0, || input.binary()).with_context(|| input.name.clone())?;
    let product = compile(input, &wasm, options, emit, observer)
        .map_err(|error| explain(error, &wasm))
        .with_context(|| input.name.clone())?;
    match product {
        Product::Text(text) if file == Path::new("-") => {
            std::io::stdout().write_all(text.as_bytes()).context("can't write to standard output")
        }
        Product::Text(text) => output::write(file, text.as_bytes()),
        Product::Object(bytes) => output::write(file, &bytes),
        Product::Program(bytes) => {
            if options.keep {
                output::write(&file.with_extension("o"), &bytes)?;
            }
            let request = LinkRequest { objects: vec![bytes], output: file, strip: options.strip };
            let warnings =
                stage(observer, "link", 0, || link::link(request)).with_context(|| input.name.clone())?;
            warnings.iter().for_each(|warning| observer.warning(warning));
            Ok(())
        }
    }
}

enum Product {
    Text(String),
    Object(Vec<u8>),
    /// An object that still has to be linked with the runtime.
    Program(Vec<u8>),
}

/// The stages.
fn compile(input: &Input, wasm: &[u8], options: &Options, emit: Emit, observer: &dyn Observer) -> Result<Product> {
    let triple = target::triple(options)?;
    let isa = target::isa(&triple, options)?;
    let module = stage(observer, "parse", 0, || parse::parse(wasm))?;
    if emit == Emit::Wat {
        validate_bodies(&module)?;
        return Ok(Product::Text(wasmprinter::print_bytes(wasm)?));
    }
    let plan = if emit == Emit::Exe { Some(plan_program(&module, options)?) } else { None };
    let facts = stage(observer, "analyze", 0, || analyze::facts(&module, &roots(&module, plan.as_ref())));
    let world = if plan.is_some() { World::Closed } else { World::Open };
    let layout = stage(observer, "layout", 0, || layout::plan(&module, &facts, world))?;
    let plan = plan.map(|plan| check_imports(&module, &facts, plan)).transpose()?;
    let target = isa.frontend_config();
    let env = Env { module: &module, facts: &facts, layout: &layout, target, x86: true, fused_multiply_add: false };
    let jobs = jobs(&module, &facts, plan.as_ref());
    let sweep = Sweep { env, isa: &*isa, dump: options.dump.as_deref() };
    if emit == Emit::Clif {
        return sweep::print_clif(&sweep, &jobs).map(Product::Text);
    }
    let code = stage(observer, "compile", jobs.len() as u64, || sweep::compile(&sweep, &jobs, observer))?;
    if emit == Emit::Asm {
        return Ok(Product::Text(assembly::print(&env, &code)));
    }
    let prefix = options.prefix.clone().unwrap_or_else(|| default_prefix(&input.name));
    let role = match &plan {
        Some(plan) => Role::Program(plan),
        None => Role::Library { prefix: &prefix },
    };
    let bytes = stage(observer, "object", 0, || object::write(&module, &layout, &code, &role))?;
    Ok(if plan.is_some() { Product::Program(bytes) } else { Product::Object(bytes) })
}

/// Which functions to make, in the order of the text section.
fn jobs(module: &Module, facts: &Facts, plan: Option<&ProgramPlan>) -> Vec<Job> {
    let mut jobs = Vec::with_capacity(module.functions.len() + 2);
    for (index, func) in &module.functions {
        let reachable = facts.reachable.contains(index);
        match &func.definition {
            Definition::Import(_) if !facts.address_taken.contains(index) => {}
            Definition::Local(_) if !reachable => jobs.push(Job::Validate(index)),
            _ => jobs.push(Job::Translate(Symbol::Function(index))),
        }
    }
    let edges: Vec<Symbol> = match plan {
        Some(plan) => std::iter::once(plan.entry).chain(plan.initialize).map(Symbol::ArrayEntry).collect(),
        None => {
            let mut exported: Vec<_> = exported_functions(module).collect();
            exported.sort_unstable();
            exported.dedup();
            exported.into_iter().map(Symbol::Export).collect()
        }
    };
    jobs.extend(edges.into_iter().chain([Symbol::Initialize]).map(Job::Translate));
    jobs
}

fn roots(module: &Module, plan: Option<&ProgramPlan>) -> Roots {
    match plan {
        Some(plan) => {
            Roots { functions: std::iter::once(plan.entry).chain(plan.initialize).collect(), exports_visible: false }
        }
        None => Roots { functions: exported_functions(module).collect(), exports_visible: true },
    }
}

fn exported_functions(module: &Module) -> impl Iterator<Item = FuncIndex> {
    module.exports.iter().filter_map(|export| match export.entity {
        EntityIndex::Function(func) => Some(func),
        _ => None,
    })
}

/// Finds out what an executable runs.
fn plan_program(module: &Module, options: &Options) -> Result<ProgramPlan> {
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
            imports::describe_type(ty)
        );
    }
    let initialize = function("_initialize").filter(|_| entry_name != "_start" && entry_name != "_initialize");
    let memory = match module.export("memory") {
        Some(EntityIndex::Memory(memory)) => Some(memory),
        _ => module.memories.keys().next(),
    };
    Ok(ProgramPlan {
        entry,
        entry_name,
        kind: if options.invoke.is_some() { EntryKind::Invoke } else { EntryKind::Run },
        initialize: initialize.map(|(_, func)| func),
        wasi: false,
        wasi_memory: memory,
        options: options.program_options.clone(),
        fixed_powers: options.fixed_powers,
        cpu_level: target::cpu_level(&options.cpu),
    })
}

fn list_exports(module: &Module) -> String {
    let names: Vec<_> = module
        .exports
        .iter()
        .filter(|export| matches!(export.entity, EntityIndex::Function(_)))
        .map(|export| format!("`{}`", export.name.escape_debug()))
        .collect();
    match names.len() {
        0 => "no function".to_owned(),
        1..=12 => names.join(", "),
        more => format!("{} and {} more", names[..12].join(", "), more - 12),
    }
}

/// An executable's imports must all be defined before the linker sees them.
fn check_imports(module: &Module, facts: &Facts, mut plan: ProgramPlan) -> Result<ProgramPlan> {
    let undefined = imports::undefined(module, |func| facts.reachable.contains(func));
    if !undefined.is_empty() {
        bail!(
            "nothing defines what the module imports:\n  {}\nhelp: an executable gets WASI preview 1 and memories from the runtime; \
             -c makes an object with these as undefined symbols",
            undefined.join("\n  ")
        );
    }
    plan.wasi = module
        .functions
        .iter()
        .any(|(index, func)| func.definition.import().is_some_and(imports::is_wasi) && facts.reachable.contains(index));
    if !plan.wasi {
        plan.wasi_memory = None;
    }
    Ok(plan)
}

fn validate_bodies(module: &Module) -> Result<()> {
    let mut allocations = wasmparser::FuncValidatorAllocations::default();
    for (func, body) in module.bodies() {
        let mut validator = module.validator(func).into_validator(allocations);
        validator.validate(body).with_context(|| module.describe(func))?;
        allocations = validator.into_allocations();
    }
    Ok(())
}

/// A module may be refused because it is invalid, or because it needs something that we don't have: says which.
fn explain(error: anyhow::Error, wasm: &[u8]) -> anyhow::Error {
    if error.downcast_ref::<wasmparser::BinaryReaderError>().is_none() {
        return error;
    }
    let missing = unsupported::missing_proposals(wasm);
    if missing.is_empty() {
        return error.context("invalid module");
    }
    error.context(format!("the module needs what is not supported yet: {}", missing.join(", ")))
}

/// `PREFIX` of exported symbols where the user gave none: the input's name without folder and extension.
fn default_prefix(name: &str) -> String {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or("wasm");
    imports::identifier(stem)
}
