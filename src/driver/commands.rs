//! A test script's modules, linked with each other, and its steps as commands.
//!
//! What can be checked without running is checked here: modules that must be refused, and imports
//! that must not fit. A step that can't be taken becomes a command that fails when the program
//! runs.

use super::pipeline::Session;
use crate::abi::script::{Action, Outcome};
use crate::object::program::type_code;
use crate::object::script::{Command, Subject};
use crate::report::shown;
use crate::resolve::{self, Instance, Linked, Provider, Providers, Sizes};
use crate::script::{Encoded, InstanceSource, Invoke, Script, Step, StepKind};
use crate::wasm::describe::describe_name;
use crate::wasm::source::Source;
use crate::wasm::{EntityIndex, Module, unsupported, value_size};
use anyhow::{Result, anyhow, bail};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use wasmparser::WasmFeatures;

/// What a script becomes.
pub struct Resolved<'m> {
    /// The modules, and after them the empty one, which holds the program's description.
    pub linked: Vec<Linked<'m>>,
    pub commands: Vec<Command>,
    /// What is wrong with the modules that can't be used, by their number.
    pub refused: HashMap<usize, String>,
}

/// Links the modules of a script. `empty` stands in place of one that is `refused` or can't be
/// used.
pub fn resolve<'m>(
    script: &Script,
    parsed: &'m [Result<Instance<'m>>],
    empty: &'m Instance<'m>,
    refused: HashMap<usize, String>,
    session: &Session,
) -> Resolved<'m> {
    let mut linker =
        Linker { sources: Vec::new(), modules: Vec::new(), providers: Vec::new(), used: Vec::new(), refused };
    linker.link_all(script, parsed, empty);
    let commands = linker.commands(script, session.features);
    linker.push(empty, Providers::default());
    let Linker { sources, modules, providers, used, refused } = linker;
    let placed = session.placed(&modules, &providers);
    let linkages = resolve::linkages(providers, used, &BTreeMap::new(), placed);
    let modules = sources.into_iter().zip(modules).zip(linkages).enumerate();
    let linked = modules.map(|(index, ((source, module), linkage))| Linked { index, source, module, linkage });
    Resolved { linked: linked.collect(), commands, refused }
}

/// The binary form of one of the script's modules.
///
/// # Errors
/// When there is none.
pub fn source(wasm: &Encoded, features: WasmFeatures) -> Result<Source<'_>> {
    let wasm = wasm.as_ref().map_err(|message| anyhow!("{message}"))?;
    Ok(Source { name: "", file: None, wasm: Cow::Borrowed(wasm), features, text: None, listing: None })
}

/// Parses and validates one of the script's modules.
///
/// # Errors
/// When it is invalid or not supported.
pub fn parse<'s>(source: &'s Source<'s>) -> Result<Module<'s>> {
    let module = source.parse()?;
    source.validate_bodies(&module)?;
    Ok(module)
}

/// The modules that are linked so far.
struct Linker<'m> {
    sources: Vec<&'m Source<'m>>,
    modules: Vec<&'m Module<'m>>,
    providers: Vec<Providers>,
    /// What the commands call and read.
    used: Vec<Provider>,
    refused: HashMap<usize, String>,
}

impl<'m> Linker<'m> {
    fn link_all(&mut self, script: &Script, parsed: &'m [Result<Instance<'m>>], empty: &'m Instance<'m>) {
        for (index, (source, instance)) in script.instances.iter().zip(parsed).enumerate() {
            let linked = match (self.refused.get(&index), instance) {
                (Some(reason), _) => Err(anyhow!("{reason}")),
                (None, Ok(instance)) => {
                    self.find_imports(source, &instance.module, Sizes::Possible).map(|it| (instance, it))
                }
                (None, Err(error)) => Err(anyhow!("{error:#}")),
            };
            match linked {
                Ok((instance, providers)) => self.push(instance, providers),
                Err(error) => {
                    self.refused.insert(index, format!("{error:#}"));
                    self.push(empty, Providers::default());
                }
            }
        }
    }

    fn push(&mut self, instance: &'m Instance<'m>, providers: Providers) {
        self.sources.push(instance.source);
        self.modules.push(&instance.module);
        self.providers.push(providers);
    }

    /// Turns steps into commands.
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
            StepKind::Invoke(Invoke { instance, function, arguments, outcome, results, call, expected, message }) => {
                let Provider { instance, entity } = self.export(*instance, function)?;
                let EntityIndex::Function(func) = entity else { bail!("`{function}` is not a function") };
                self.used.push(Provider { instance, entity });
                command.action = Action::Call;
                command.subject = Subject::Function { instance, func };
                command.outcome = *outcome;
                command.is_assertion = *outcome != Outcome::Any;
                command.arguments.clone_from(arguments);
                command.results.clone_from(results);
                command.types = {
                    let module = self.modules[instance];
                    module.function_type(func).results().iter().map(|ty| type_code(module, *ty)).collect()
                };
                command.call.clone_from(call);
                command.expected.clone_from(expected);
                command.message.clone_from(message);
            }
            StepKind::Get { instance, global, results, expected } => {
                let provider = self.export(*instance, global)?;
                let EntityIndex::Global(index) = provider.entity else { bail!("`{global}` is not a global") };
                self.used.push(provider);
                let content = self.modules[provider.instance].globals[index].ty.content_type;
                let size = value_size(content);
                command.action = Action::ReadGlobal;
                command.subject = Subject::Global { provider, size };
                command.outcome = Outcome::Return;
                command.results.clone_from(results);
                command.types = vec![type_code(self.modules[provider.instance], content)];
                command.call = format!("global {}", shown(global));
                command.expected.clone_from(expected);
            }
            StepKind::Refuse { wasm, message } => {
                if let Some(failure) = check_refused(wasm, features) {
                    command.action = Action::Fail;
                    command.message = format!("{failure}, instead of: {message}");
                }
            }
            StepKind::Unlinkable { source, message } => {
                let binary = self::source(&source.wasm, features)?;
                let module = parse(&binary)?;
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

    /// Which modules before it define what a module imports. All of that must be there.
    fn find_imports(&self, source: &InstanceSource, module: &Module, sizes: Sizes) -> Result<Providers> {
        let lookup = |name: &str| source.registry.get(name).copied();
        let providers = resolve::resolve_one(&self.modules, &self.providers, module, sizes, lookup)?;
        match resolve::imports(module).find(|(_, entity)| providers.get(*entity).is_none()) {
            Some((import, _)) => bail!("nothing defines the import {}", describe_name(import)),
            None => Ok(providers),
        }
    }

    fn export(&self, instance: usize, name: &str) -> Result<Provider> {
        let entity = self.modules[instance].export(name).ok_or_else(|| anyhow!("the module exports no `{name}`"))?;
        Ok(self.providers[instance].get(entity).unwrap_or(Provider { instance, entity }))
    }
}

/// What is wrong if the module is not refused as invalid.
fn check_refused(wasm: &Encoded, features: WasmFeatures) -> Option<String> {
    let source = source(wasm, features).ok()?;
    match parse(&source) {
        Ok(_) => Some("the module is accepted".to_owned()),
        Err(_) => {
            // The standard says that it is invalid: what is not part of the standard can't make it
            // valid.
            let missing = unsupported::missing_proposals(&source.wasm, features);
            let standard = missing.iter().all(|proposal| proposal.is_in_standard());
            let titles: Vec<_> = missing.iter().map(|proposal| proposal.title).collect();
            let is_ours = standard && !titles.is_empty();
            is_ours.then(|| format!("the module is refused only because {} is not supported", titles.join(", ")))
        }
    }
}
