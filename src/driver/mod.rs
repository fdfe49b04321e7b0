//! From inputs to output files. [`build`] leads to the lists of stages: a program's, and a
//! library's with all that is printed.

mod explain;
mod foreign;
mod jobs;
mod library;
mod outside;
mod plan;
pub mod print;
mod prototype;
mod script;
mod threads;

use crate::analyze::{self, Facts};
use crate::code::Code;
use crate::codegen::cranelift::sweep::{self, Sweep};
use crate::codegen::cranelift::target::{self, Isa};
use crate::foreign::Foreign;
use crate::layout::{self, Layout, World};
use crate::link::{self, LinkRequest};
use crate::object::{self, ProgramPlan, Role};
use crate::options::{Emit, Options, Output};
use crate::output::{self, Access, Place};
use crate::progress::{Observer, stage};
use crate::resolve::{self, Instance, Linkage, Sizes};
use crate::translate::Env;
use crate::translate::variadic::CAbi;
use crate::wasm::input::{Input, STDIN};
use crate::wasm::{FuncIndex, Module, parse, unsupported};
use anyhow::{Context, Result, bail};
use foreign::Declarations;
use outside::Outside;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wasmparser::WasmFeatures;

/// Name of the main module among the instances: no module can import from it.
const MAIN: &str = "\0main";

/// Compiles `input` and writes `outputs`: each beside its place first, then renamed, so that no
/// half-written file is ever seen.
///
/// A program is a world of its own and has a compilation of its own; all other outputs come from
/// one.
///
/// # Errors
/// One message that begins with the input's name.
pub fn build(input: &Input, options: &Options, outputs: &[Output], observer: &dyn Observer) -> Result<()> {
    let target = Target::new(options)?;
    outputs.iter().try_for_each(|output| check_emit(&target, output.emit))?;
    let (programs, others): (Vec<_>, Vec<_>) = outputs.iter().partition(|output| output.emit == Emit::Exe);
    if !others.is_empty() {
        library::build(input, options, &others, observer)?;
    }
    for Output { file, .. } in programs {
        let place = Place::new(file, Access::Program).with_context(|| input.name.clone())?;
        let kept = options.keep.then(|| kept_object(file, &input.name));
        let program = program(input, options, kept.as_deref(), observer)?;
        stage(observer, "write", 0, || place.write(&program)).with_context(|| input.name.clone())?;
    }
    Ok(())
}

/// The bytes of a program. The object of its main module is written to `kept`.
///
/// # Errors
/// As [`build`].
pub fn program(input: &Input, options: &Options, kept: Option<&Path>, observer: &dyn Observer) -> Result<Vec<u8>> {
    match input.is_script() {
        true => script::program(input, options, observer),
        false => link_modules(input, options, kept, observer),
    }
}

/// Whether there is such a target and processor.
///
/// # Errors
/// When there is not.
pub fn check_target(options: &Options) -> Result<()> {
    Target::new(options).map(|_| ())
}

/// Whether `emit` can be had for the target: what holds the runtime is for one only.
///
/// # Errors
/// When it can't: says what can.
fn check_emit(target: &Target, emit: Emit) -> Result<()> {
    let triple = target.isa.usual.triple();
    let what = match emit {
        Emit::Exe => "program",
        Emit::Staticlib | Emit::Sharedlib => "library",
        _ => return Ok(()),
    };
    if !target::has_runtime(triple) {
        bail!("there is no runtime for {triple}, so that no {what} can be made\nhelp: -c makes an object");
    }
    Ok(())
}

/// The stages of a program, which may consist of several modules.
fn link_modules(input: &Input, options: &Options, kept: Option<&Path>, observer: &dyn Observer) -> Result<Vec<u8>> {
    let target = Target::new(options)?;
    let features = unsupported::features(&options.enable)?;
    let others = read_modules(options)?;
    let named = others.iter().map(|(name, input)| (name.as_str(), input)).chain([(MAIN, input)]);
    let sources =
        named.map(|(name, input)| Source::read(name, input, features, observer)).collect::<Result<Vec<_>>>()?;
    let instances = sources.iter().map(|source| source.parse(observer)).collect::<Result<Vec<_>>>()?;
    let instances = resolve::order(instances)?;
    let sources: Vec<_> = instances.iter().map(|it| find_source(&sources, it)).collect();
    let modules: Vec<_> = instances.iter().map(|instance| &instance.module).collect();
    // The last module of a name hides those before it.
    let lookup = |importer: usize, name: &str| instances[..importer].iter().rposition(|other| other.name == name);
    let mut linkages = resolve::resolve(&modules, Sizes::Initial, lookup).with_context(|| input.name.clone())?;
    linkages.iter_mut().for_each(|linkage| linkage.symbols = outside::chosen_symbols(options));
    let main = instances.last().expect("the main module is one of them");
    let mut plan = plan::program(&main.module, options).with_context(|| input.name.clone())?;
    threads::check_modules(&modules).with_context(|| input.name.clone())?;
    let declarations = Declarations::read(options, target.isa.usual.triple())?;
    let mut units = instances
        .iter()
        .zip(&linkages)
        .zip(&sources)
        .map(|((instance, linkage), source)| {
            let plan = (instance.name == MAIN).then_some(&plan);
            let foreign = source.explain(declarations.check(&instance.module, linkage))?;
            source.explain(Unit::new(&instance.module, linkage, foreign, World::Closed, plan, observer))
        })
        .collect::<Result<Vec<_>>>()?;
    declarations.check_use(&modules, observer)?;
    let outside = outside::look_up(&mut plan, &mut units, &sources, options, observer)?;
    let mut objects = Vec::with_capacity(units.len());
    for (index, (unit, source)) in units.iter().zip(&sources).enumerate() {
        let role = if index + 1 == units.len() { Role::Program(&plan) } else { Role::Member { entries: &[] } };
        let code = source.explain(unit.compile(&target, &role, options, observer))?;
        let object = || object::write(&unit.env(&target), index, &code, &role);
        objects.push(stage(observer, "object", 0, object).with_context(|| source.file.to_owned())?);
    }
    if let Some(kept) = kept {
        output::write(kept, objects.last().expect("the main module is one of them"))?;
    }
    let Outside { natives, uses_c } = outside;
    let request = LinkRequest { objects, natives, uses_c, strip: options.strip, options: &options.link };
    let (program, report) = stage(observer, "link", 0, || link::link(request)).with_context(|| input.name.clone())?;
    report.warnings.iter().for_each(|warning| observer.warning(warning));
    if options.keep {
        observer.linked(&report.command);
    }
    Ok(program)
}

/// Where `--keep` puts the object: beside the program, and never in its place. Nothing lies beside
/// a device or a pipe; then it is where `-c` would put it.
pub fn kept_object(program: &Path, input: &str) -> PathBuf {
    match output::is_stream(program) {
        true => default_file(input, "o"),
        false => {
            let mut object = program.as_os_str().to_owned();
            object.push(".o");
            object.into()
        }
    }
}

/// What an output is called in the current directory if it has no name of its own.
fn default_file(input: &str, extension: &str) -> PathBuf {
    let stem = Path::new(input).file_stem().filter(|_| input != STDIN).unwrap_or("a".as_ref());
    Path::new(stem).with_added_extension(extension)
}

/// The declared imports of a module that stands alone.
fn declared(
    source: &Source,
    module: &Module,
    linkage: &Linkage,
    target: &Target,
    options: &Options,
    observer: &dyn Observer,
) -> Result<Foreign> {
    let declarations = Declarations::read(options, target.isa.usual.triple())?;
    let foreign = source.explain(declarations.check(module, linkage))?;
    declarations.check_use(&[module], observer)?;
    Ok(foreign)
}

/// What machine code is made for.
struct Target {
    isa: Isa,
    spectre_masks: bool,
}

impl Target {
    fn new(options: &Options) -> Result<Target> {
        let isa = Isa::new(&target::triple(options)?, options)?;
        Ok(Target { isa, spectre_masks: options.spectre_masks })
    }
}

/// A module before it is parsed.
struct Source<'a> {
    /// What others import from.
    name: &'a str,
    /// What messages begin with.
    file: &'a str,
    wasm: Cow<'a, [u8]>,
    features: WasmFeatures,
}

impl<'a> Source<'a> {
    fn read(name: &'a str, input: &'a Input, features: WasmFeatures, observer: &dyn Observer) -> Result<Source<'a>> {
        let wasm = stage(observer, "read", 0, || input.binary()).with_context(|| input.name.clone())?;
        Ok(Source { name, file: &input.name, wasm, features })
    }

    fn parse(&self, observer: &dyn Observer) -> Result<Instance<'_>> {
        let module = self.explain(stage(observer, "parse", 0, || parse::parse(&self.wasm, self.features)))?;
        Ok(Instance { name: self.name.to_owned(), module })
    }

    /// Adds to an error what the user needs to understand it.
    fn explain<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| explain::explain(error, &self.wasm, self.features)).with_context(|| self.file.to_owned())
    }
}

fn find_source<'s, 'a>(sources: &'s [Source<'a>], instance: &Instance) -> &'s Source<'a> {
    sources.iter().find(|source| source.name == instance.name).expect("it was parsed from one of them")
}

fn read_modules(options: &Options) -> Result<Vec<(String, Input)>> {
    options.modules.iter().map(|(name, path)| Ok((name.clone(), Input::read(path)?))).collect()
}

/// One module with all that was found out about it.
struct Unit<'a> {
    module: &'a Module<'a>,
    linkage: &'a Linkage,
    foreign: Foreign,
    facts: Facts,
    layout: Layout,
    /// Function imports that nothing defines and that may be called nevertheless.
    undefined: BTreeSet<FuncIndex>,
}

impl<'a> Unit<'a> {
    fn new(
        module: &'a Module<'a>,
        linkage: &'a Linkage,
        foreign: Foreign,
        world: World,
        plan: Option<&ProgramPlan>,
        observer: &dyn Observer,
    ) -> Result<Unit<'a>> {
        let roots = jobs::roots(module, linkage, &foreign, world, plan);
        let facts = stage(observer, "analyze", 0, || analyze::facts(module, &roots));
        let layout = stage(observer, "layout", 0, || layout::plan(module, &facts, linkage, &foreign, world))?;
        Ok(Unit { module, linkage, foreign, facts, layout, undefined: BTreeSet::new() })
    }

    fn env(&self, target: &Target) -> Env<'_> {
        let Unit { module, linkage, foreign, facts, layout, undefined } = self;
        let Target { isa, spectre_masks } = target;
        Env {
            module,
            facts,
            layout,
            linkage,
            foreign,
            c: CAbi::of(isa.usual.triple()),
            undefined,
            target: isa.usual.frontend_config(),
            spectre_masks: *spectre_masks,
            machine: isa.machine(),
        }
    }

    fn sweep<'s>(&'s self, target: &'s Target, options: &'s Options) -> Sweep<'s> {
        Sweep { env: self.env(target), isa: &target.isa, dump: options.dump.as_deref() }
    }

    fn compile(&self, target: &Target, role: &Role, options: &Options, observer: &dyn Observer) -> Result<Code> {
        let jobs = jobs::list(&self.env(target), role);
        let compile = || sweep::compile(&self.sweep(target, options), &jobs, observer);
        stage(observer, "compile", jobs.len() as u64, compile)
    }
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
