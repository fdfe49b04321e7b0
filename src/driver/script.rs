//! The stages of a test script: all its modules and commands become one program.
//!
//! What can be checked without running is checked here: modules that must be refused. The program reports the result like
//! any other's.

use super::{Target, Unit, explain, validate_bodies};
use crate::abi::{Action, EntryKind, Outcome};
use crate::codegen::cranelift::target;
use crate::layout::World;
use crate::link::{self, LinkRequest};
use crate::object::script::{Command, Subject};
use crate::object::{self, ProgramPlan, Role};
use crate::options::Options;
use crate::progress::{Observer, Silent, stage};
use crate::resolve::{self, Linkage, Provider, Sizes};
use crate::script::{self, InstanceSource, Invoke, Script, Step, StepKind};
use crate::wasm::input::Input;
use crate::wasm::{EntityIndex, FuncIndex, Module, parse, unsupported};
use anyhow::{Context, Result, anyhow, bail};
use cranelift_entity::EntitySet;
use std::path::Path;
use wasmparser::ValType;

/// The last module of the program, which holds its description: an empty one.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

pub fn build(input: &Input, options: &Options, file: &Path, observer: &dyn Observer) -> Result<()> {
    let target = Target::new(options)?;
    let text = std::str::from_utf8(&input.bytes).expect("it was recognised as text");
    let script = stage(observer, "read", 0, || script::read(text)).with_context(|| input.name.clone())?;
    let modules = stage(observer, "parse", 0, || parse_all(&script)).with_context(|| input.name.clone())?;
    let modules: Vec<_> = modules.iter().collect();
    let lookup = |importer: usize, name: &str| script.instances.get(importer)?.registry.get(name).copied();
    let mut linkages = resolve::resolve(&modules, Sizes::Possible, lookup).with_context(|| input.name.clone())?;
    let commands = commands(&script, &modules, &mut linkages).with_context(|| input.name.clone())?;
    let objects = compile_all(&script.instances, commands, &modules, &linkages, &target, options, observer);
    let request =
        LinkRequest { objects: objects.with_context(|| input.name.clone())?, output: file, strip: options.strip };
    stage(observer, "link", 0, || link::link(request)).with_context(|| input.name.clone())?;
    Ok(())
}

fn parse_all(script: &Script) -> Result<Vec<Module<'_>>> {
    let instances = script.instances.iter().map(|instance| instance.wasm.as_slice());
    let mut modules = Vec::new();
    for (index, wasm) in instances.chain([EMPTY_MODULE]).enumerate() {
        let module = parse::parse(wasm).map_err(|error| explain::explain(error, wasm));
        modules.push(module.with_context(|| format!("module {index}"))?);
    }
    Ok(modules)
}

fn compile_all(
    sources: &[InstanceSource],
    commands: Vec<Command>,
    modules: &[&Module],
    linkages: &[Linkage],
    target: &Target,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Vec<Vec<u8>>> {
    let mut entries: Vec<EntitySet<FuncIndex>> = modules.iter().map(|_| EntitySet::new()).collect();
    for command in &commands {
        if let Subject::Function { instance, func } = command.subject {
            entries[instance].insert(func);
        }
    }
    let plan = plan(commands, options);
    let last = modules.len() - 1;
    let mut objects = Vec::with_capacity(modules.len());
    observer.stage("compile", modules.len() as u64);
    for (index, (module, linkage)) in modules.iter().zip(linkages).enumerate() {
        let entries: Vec<FuncIndex> = entries[index].iter().collect();
        let role = if index == last { Role::Program(&plan) } else { Role::Member { entries: &entries } };
        let compile = || -> Result<Vec<u8>> {
            let unit = Unit::new(module, linkage, World::Closed, None, &Silent)?;
            let code = unit.compile(target, &role, options, &Silent)?;
            object::write(&unit.env(target), index, &code, &role)
        };
        let wasm = sources.get(index).map_or(EMPTY_MODULE, |source| &source.wasm);
        let object = compile().map_err(|error| explain::explain(error, wasm));
        objects.push(object.with_context(|| format!("module {index}"))?);
        observer.advance(1);
    }
    Ok(objects)
}

fn plan(commands: Vec<Command>, options: &Options) -> ProgramPlan {
    ProgramPlan {
        entry: None,
        script: Some(commands),
        entry_name: String::new(),
        kind: EntryKind::Run,
        initialize: None,
        wasi: false,
        wasi_memory: None,
        options: options.program_options.clone(),
        fixed_powers: options.fixed_powers,
        cpu_level: target::cpu_level(&options.cpu),
    }
}

/// Turns steps into commands. Globals that are read and functions that are called become visible.
fn commands(script: &Script, modules: &[&Module], linkages: &mut [Linkage]) -> Result<Vec<Command>> {
    for (module, linkage) in modules.iter().zip(&*linkages) {
        if let Some((import, _)) = resolve::imports(module).find(|(_, entity)| linkage.provider(*entity).is_none()) {
            bail!("nothing defines the import `{}.{}`", import.module.escape_debug(), import.name.escape_debug());
        }
    }
    script
        .steps
        .iter()
        .map(|step| command(step, modules, linkages).with_context(|| format!("line {}", step.line)))
        .collect()
}

fn command(step: &Step, modules: &[&Module], linkages: &mut [Linkage]) -> Result<Command> {
    let mut command = Command {
        line: step.line,
        action: Action::Hold,
        subject: Subject::Nothing,
        outcome: Outcome::Any,
        is_assertion: true,
        arguments: Vec::new(),
        results: Vec::new(),
        message: String::new(),
    };
    match &step.kind {
        StepKind::Instantiate { instance, trap } => {
            command.action = Action::Instantiate;
            command.subject = Subject::Instance(*instance);
            command.is_assertion = trap.is_some();
            command.outcome = if trap.is_some() { Outcome::Trap } else { Outcome::Any };
            command.message = trap.clone().unwrap_or_default();
        }
        StepKind::Invoke(Invoke { instance, function, arguments, outcome, results, message }) => {
            let Provider { instance, entity } = export(modules, linkages, *instance, function)?;
            let EntityIndex::Function(func) = entity else { bail!("`{function}` is no function") };
            linkages[instance].visible.insert(entity);
            command.action = Action::Call;
            command.subject = Subject::Function { instance, func };
            command.outcome = *outcome;
            command.is_assertion = *outcome != Outcome::Any;
            command.arguments.clone_from(arguments);
            command.results.clone_from(results);
            command.message.clone_from(message);
        }
        StepKind::Get { instance, global, results } => {
            let provider = export(modules, linkages, *instance, global)?;
            let EntityIndex::Global(index) = provider.entity else { bail!("`{global}` is no global") };
            linkages[provider.instance].visible.insert(provider.entity);
            let size = match modules[provider.instance].globals[index].ty.content_type {
                ValType::I32 | ValType::F32 => 4,
                ValType::V128 => 16,
                _ => 8,
            };
            command.action = Action::ReadGlobal;
            command.subject = Subject::Global { provider, size };
            command.outcome = Outcome::Return;
            command.results.clone_from(results);
        }
        StepKind::Refuse { wasm, message } => {
            if let Some(failure) = check_refused(wasm) {
                command.action = Action::Fail;
                command.message = format!("{failure}, instead of: {message}");
            }
        }
        StepKind::Unlinkable { source, message } => {
            if let Some(failure) = check_unlinkable(source, modules, linkages) {
                command.action = Action::Fail;
                command.message = format!("{failure}, instead of: {message}");
            }
        }
        StepKind::Unsupported(what) => bail!("{what} are not supported"),
    }
    Ok(command)
}

fn export(modules: &[&Module], linkages: &[Linkage], instance: usize, name: &str) -> Result<Provider> {
    let entity = modules[instance].export(name).ok_or_else(|| anyhow!("the module exports no `{name}`"))?;
    Ok(linkages[instance].provider(entity).unwrap_or(Provider { instance, entity }))
}

/// What is wrong if the module is not refused as invalid.
fn check_refused(wasm: &Result<Vec<u8>, String>) -> Option<String> {
    let wasm = wasm.as_ref().ok()?;
    match parse::parse(wasm).and_then(|module| validate_bodies(&module)) {
        Ok(()) => Some("the module is accepted".to_owned()),
        Err(_) => match unsupported::missing_proposals(wasm)[..] {
            [] => None,
            ref missing => Some(format!("the module is refused only because {} is missing", missing.join(", "))),
        },
    }
}

fn check_unlinkable(source: &InstanceSource, modules: &[&Module], linkages: &[Linkage]) -> Option<String> {
    let module = match parse::parse(&source.wasm) {
        Ok(module) => module,
        Err(error) => return Some(format!("the module is invalid: {error:#}")),
    };
    let linkage =
        resolve::link(modules, linkages, &module, Sizes::Initial, |name| source.registry.get(name).copied()).ok()?;
    let is_complete = resolve::imports(&module).all(|(_, entity)| linkage.provider(entity).is_some());
    is_complete.then(|| "the module can be linked".to_owned())
}
