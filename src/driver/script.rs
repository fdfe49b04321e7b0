//! The stages of a test script: all its modules and commands become one program.
//!
//! What can be checked without running is checked here: modules that must be refused. The program
//! reports the result like any other's.

use super::{Target, Unit, explain, validate_bodies};
use crate::abi::program::EntryKind;
use crate::abi::script::{Action, Outcome};
use crate::codegen::cranelift::target;
use crate::foreign::Foreign;
use crate::layout::World;
use crate::link::native::Natives;
use crate::link::{self, LinkRequest};
use crate::object::script::{Command, Subject};
use crate::object::{self, ProgramPlan, Role};
use crate::options::{LinkOptions, Options};
use crate::progress::{Observer, Silent, stage};
use crate::resolve::{self, Linkage, Provider, Sizes};
use crate::script::{self, Encoded, InstanceSource, Invoke, Script, Step, StepKind};
use crate::wasm::describe::describe_name;
use crate::wasm::input::Input;
use crate::wasm::{EntityIndex, FuncIndex, Module, parse, unsupported};
use anyhow::{Context, Result, anyhow, bail};
use cranelift_entity::EntitySet;
use std::collections::HashMap;
use wasmparser::{ValType, WasmFeatures};

/// The last module of the program, which holds its description: an empty one.
const EMPTY_MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// The bytes of the program.
pub fn program(input: &Input, options: &Options, observer: &dyn Observer) -> Result<Vec<u8>> {
    if options.link != LinkOptions::default() {
        bail!("{}: a test script is linked with nothing but the modules in it", input.name);
    }
    let target = Target::new(options)?;
    let text = input.script().expect("it was recognised as a script");
    let script = stage(observer, "read", 0, || script::read(text)).with_context(|| input.name.clone())?;
    let features = unsupported::features(&options.enable)?;
    let parsed = stage(observer, "parse", 0, || parse_all(&script, features));
    let empty = parse::parse(EMPTY_MODULE, features)?;
    let mut refused = HashMap::new();
    let objects = loop {
        let mut program = Linked { modules: Vec::new(), linkages: Vec::new(), refused };
        program.link_all(&script, &parsed, &empty);
        let commands = program.commands(&script, features);
        let Linked { mut modules, mut linkages, refused: known } = program;
        modules.push(&empty);
        linkages.push(Linkage::default());
        let compiled = compile_all(commands, &modules, &linkages, &target, options, observer);
        match compiled.with_context(|| input.name.clone())? {
            Ok(objects) => break objects,
            // What is beyond a limit fails alone. The next round links the others without it.
            Err(beyond) => refused = known.into_iter().chain(beyond).collect(),
        }
    };
    let request = LinkRequest {
        objects,
        natives: Natives::default(),
        uses_c: false,
        strip: options.strip,
        options: &options.link,
    };
    let (program, _) = stage(observer, "link", 0, || link::link(request)).with_context(|| input.name.clone())?;
    Ok(program)
}

fn parse_all(script: &Script, features: WasmFeatures) -> Vec<Result<Module<'_>>> {
    script.instances.iter().map(|source| parse_one(&source.wasm, features)).collect()
}

fn parse_one(wasm: &Encoded, features: WasmFeatures) -> Result<Module<'_>> {
    let wasm = wasm.as_ref().map_err(|message| anyhow!("{message}"))?;
    let module = parse::parse(wasm, features).and_then(|module| validate_bodies(&module).map(|()| module));
    module.map_err(|error| explain::explain(error, wasm, features))
}

/// The objects of all modules, or what is wrong with those that can't be compiled, by their number.
type Compiled = std::result::Result<Vec<Vec<u8>>, HashMap<usize, String>>;

/// # Errors
/// When the last module, which holds the program's description, can't be compiled.
fn compile_all(
    commands: Vec<Command>,
    modules: &[&Module],
    linkages: &[Linkage],
    target: &Target,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Compiled> {
    let mut entries: Vec<EntitySet<FuncIndex>> = modules.iter().map(|_| EntitySet::new()).collect();
    for command in &commands {
        if let Subject::Function { instance, func } = command.subject {
            entries[instance].insert(func);
        }
    }
    let plan = plan(commands, options);
    let mut objects = Vec::with_capacity(modules.len());
    let mut refused = HashMap::new();
    observer.stage("compile", modules.len() as u64);
    for (index, (module, linkage)) in modules.iter().zip(linkages).enumerate() {
        let entries: Vec<FuncIndex> = entries[index].iter().collect();
        let is_last = index + 1 == modules.len();
        let role = if is_last { Role::Program(&plan) } else { Role::Member { entries: &entries } };
        let compile = || -> Result<Vec<u8>> {
            let unit = Unit::new(module, linkage, Foreign::default(), World::Closed, None, &Silent)?;
            let code = unit.compile(target, &role, options, &Silent)?;
            object::write(&unit.env(target), index, &code, &role)
        };
        match compile() {
            Ok(object) => objects.push(object),
            Err(error) if is_last => return Err(error),
            Err(error) => drop(refused.insert(index, format!("{error:#}"))),
        }
        observer.advance(1);
    }
    Ok(if refused.is_empty() { Ok(objects) } else { Err(refused) })
}

fn plan(commands: Vec<Command>, options: &Options) -> ProgramPlan {
    ProgramPlan {
        entry: None,
        script: Some(commands),
        entry_name: String::new(),
        kind: EntryKind::Run,
        initialize: None,
        thread_start: None,
        wasi: Default::default(),
        embedded: Vec::new(),
        options: options.program_options.clone(),
        foreign: Vec::new(),
        fixed_powers: options.fixed_powers,
        fatal_errors: options.fatal_errors,
        cpu_level: target::cpu_level(&options.cpu),
    }
}

/// The script's modules, linked with each other. In place of one that can't be used stands an empty
/// one.
struct Linked<'m> {
    modules: Vec<&'m Module<'m>>,
    linkages: Vec<Linkage>,
    /// What is wrong with those that can't be used.
    refused: HashMap<usize, String>,
}

impl<'m> Linked<'m> {
    fn link_all(&mut self, script: &Script, parsed: &'m [Result<Module<'m>>], empty: &'m Module<'m>) {
        for (index, (source, module)) in script.instances.iter().zip(parsed).enumerate() {
            let linked = match (self.refused.get(&index), module) {
                (Some(reason), _) => Err(anyhow!("{reason}")),
                (None, Ok(module)) => self.link(source, module),
                (None, Err(error)) => Err(anyhow!("{error:#}")),
            };
            if let Err(error) = linked {
                self.refused.insert(index, format!("{error:#}"));
                self.modules.push(empty);
                self.linkages.push(Linkage::default());
            }
        }
    }

    /// Turns steps into commands. Globals that are read and functions that are called become
    /// visible. A step that can't be taken fails when the program runs.
    fn commands(&mut self, script: &Script, features: WasmFeatures) -> Vec<Command> {
        let fail = |line, error| Command { action: Action::Fail, message: format!("{error:#}"), ..Command::new(line) };
        let command = |step: &Step| self.command(step, features).unwrap_or_else(|error| fail(step.line, error));
        script.steps.iter().map(command).collect()
    }

    fn command(&mut self, step: &Step, features: WasmFeatures) -> Result<Command> {
        let mut command = Command::new(step.line);
        match &step.kind {
            StepKind::Instantiate { instance, trap } => {
                if let Some(reason) = self.refused.get(instance) {
                    bail!("{reason}");
                }
                command.action = Action::Instantiate;
                command.subject = Subject::Instance(*instance);
                command.is_assertion = trap.is_some();
                command.outcome = if trap.is_some() { Outcome::Trap } else { Outcome::Any };
                command.message = trap.clone().unwrap_or_default();
            }
            StepKind::Invoke(Invoke { instance, function, arguments, outcome, results, message }) => {
                let Provider { instance, entity } = self.export(*instance, function)?;
                let EntityIndex::Function(func) = entity else { bail!("`{function}` is no function") };
                self.linkages[instance].visible.insert(entity);
                command.action = Action::Call;
                command.subject = Subject::Function { instance, func };
                command.outcome = *outcome;
                command.is_assertion = *outcome != Outcome::Any;
                command.arguments.clone_from(arguments);
                command.results.clone_from(results);
                command.message.clone_from(message);
            }
            StepKind::Get { instance, global, results } => {
                let provider = self.export(*instance, global)?;
                let EntityIndex::Global(index) = provider.entity else { bail!("`{global}` is no global") };
                self.linkages[provider.instance].visible.insert(provider.entity);
                let size = match self.modules[provider.instance].globals[index].ty.content_type {
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
                if let Some(failure) = check_refused(wasm, features) {
                    command.action = Action::Fail;
                    command.message = format!("{failure}, instead of: {message}");
                }
            }
            StepKind::Unlinkable { source, message } => {
                let module = parse_one(&source.wasm, features)?;
                if self.find_imports(source, &module, Sizes::Initial).is_ok() {
                    bail!("the module can be linked, instead of: {message}");
                }
            }
            StepKind::Thread { n_steps } => {
                command.action = Action::StartThread;
                command.subject = Subject::Steps(*n_steps);
                command.is_assertion = false;
            }
            StepKind::Wait { thread } => {
                command.action = Action::JoinThread;
                command.subject = Subject::Steps(*thread);
                command.is_assertion = false;
            }
            StepKind::Impossible(reason) => bail!("{reason}"),
        }
        Ok(command)
    }

    /// Adds a module to the program.
    fn link(&mut self, source: &InstanceSource, module: &'m Module<'m>) -> Result<()> {
        let linkage = self.find_imports(source, module, Sizes::Possible)?;
        for provider in resolve::imports(module).filter_map(|(_, entity)| linkage.provider(entity)) {
            self.linkages[provider.instance].visible.insert(provider.entity);
        }
        self.modules.push(module);
        self.linkages.push(linkage);
        Ok(())
    }

    /// Links a module with those before it. All that it imports has to be there.
    fn find_imports(&self, source: &InstanceSource, module: &Module, sizes: Sizes) -> Result<Linkage> {
        let lookup = |name: &str| source.registry.get(name).copied();
        let linkage = resolve::link(&self.modules, &self.linkages, module, sizes, lookup)?;
        match resolve::imports(module).find(|(_, entity)| linkage.provider(*entity).is_none()) {
            Some((import, _)) => bail!("nothing defines the import {}", describe_name(import)),
            None => Ok(linkage),
        }
    }

    fn export(&self, instance: usize, name: &str) -> Result<Provider> {
        let entity = self.modules[instance].export(name).ok_or_else(|| anyhow!("the module exports no `{name}`"))?;
        Ok(self.linkages[instance].provider(entity).unwrap_or(Provider { instance, entity }))
    }
}

/// What is wrong if the module is not refused as invalid.
fn check_refused(wasm: &Encoded, features: WasmFeatures) -> Option<String> {
    let wasm = wasm.as_ref().ok()?;
    match parse::parse(wasm, features).and_then(|module| validate_bodies(&module)) {
        Ok(()) => Some("the module is accepted".to_owned()),
        Err(_) => {
            // The standard says that it is invalid: what is no part of the standard can't make it
            // valid.
            let missing = unsupported::missing_proposals(wasm, features);
            let standard = missing.iter().all(|proposal| proposal.is_in_standard());
            let titles: Vec<_> = missing.iter().map(|proposal| proposal.title).collect();
            let is_ours = standard && !titles.is_empty();
            is_ours.then(|| format!("the module is refused only because {} is not supported", titles.join(", ")))
        }
    }
}
