//! From inputs to an output file. [`build`] leads to the lists of stages: a program's, an object's, a text's.

mod explain;
mod jobs;
mod plan;
mod script;

use crate::analyze::{self, Facts};
use crate::code::Code;
use crate::codegen::cranelift::sweep::{self, Sweep};
use crate::codegen::cranelift::target::{self, Isa};
use crate::layout::{self, Layout, World};
use crate::link::{self, LinkRequest};
use crate::object::{self, ProgramPlan, Role, assembly, imports};
use crate::options::{Emit, Options};
use crate::output;
use crate::progress::{Observer, stage};
use crate::resolve::{self, Instance, Linkage, Sizes};
use crate::translate::{Architecture, Env};
use crate::wasm::input::Input;
use crate::wasm::{Module, parse, unsupported};
use anyhow::{Context, Result, bail};
use std::borrow::Cow;
use std::io::Write;
use std::path::Path;
use wasmparser::WasmFeatures;

/// Name of the main module among the instances: no module can import from it.
const MAIN: &str = "\0main";

/// Compiles `input` and writes what `emit` asks for to `file`: beside it first, then renamed, so that no half-written file
/// is ever
/// seen. `-` is standard output, for text.
///
/// # Errors
/// One message that begins with the input's name.
pub fn build(input: &Input, options: &Options, emit: Emit, file: &Path, observer: &dyn Observer) -> Result<()> {
    check_emit(&Target::new(options)?, emit)?;
    match emit {
        Emit::Exe if input.is_script() => script::build(input, options, file, observer),
        Emit::Exe => build_program(input, options, file, observer),
        Emit::Obj => output::write(file, &build_object(input, options, observer)?),
        Emit::Wat | Emit::Clif | Emit::Asm => {
            let text = build_text(input, options, emit, observer)?;
            if file == Path::new("-") {
                return std::io::stdout().write_all(text.as_bytes()).context("can't write to standard output");
            }
            output::write(file, text.as_bytes())
        }
    }
}

/// Whether there is such a target and processor.
///
/// # Errors
/// When there is not.
pub fn check_target(options: &Options) -> Result<()> {
    Target::new(options).map(|_| ())
}

/// Whether `emit` can be had for the target.
///
/// # Errors
/// When it can't: says what can.
fn check_emit(target: &Target, emit: Emit) -> Result<()> {
    let triple = target.isa.usual.triple();
    match emit {
        Emit::Exe if !target::has_runtime(triple) => {
            bail!("there is no runtime for {triple}, so that no program can be made\nhelp: -c makes an object")
        }
        _ => Ok(()),
    }
}

/// The stages of a program, which may consist of several modules.
fn build_program(input: &Input, options: &Options, file: &Path, observer: &dyn Observer) -> Result<()> {
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
    let linkages = resolve::resolve(&modules, Sizes::Initial, lookup).with_context(|| input.name.clone())?;
    let main = instances.last().expect("the main module is one of them");
    let plan = plan::program(&main.module, options).with_context(|| input.name.clone())?;
    let units = instances
        .iter()
        .zip(&linkages)
        .zip(&sources)
        .map(|((instance, linkage), source)| {
            let plan = (instance.name == MAIN).then_some(&plan);
            source.explain(Unit::new(&instance.module, linkage, World::Closed, plan, observer))
        })
        .collect::<Result<Vec<_>>>()?;
    let plan = plan::check_imports(plan, &units, &sources)?;
    let mut objects = Vec::with_capacity(units.len());
    for (index, (unit, source)) in units.iter().zip(&sources).enumerate() {
        let role = if index + 1 == units.len() { Role::Program(&plan) } else { Role::Member { entries: &[] } };
        let code = source.explain(unit.compile(&target, &role, options, observer))?;
        let object = || object::write(&unit.env(&target), index, &code, &role);
        objects.push(stage(observer, "object", 0, object).with_context(|| source.file.to_owned())?);
    }
    if options.keep {
        // Beside the program, and never in its place.
        let mut object = file.as_os_str().to_owned();
        object.push(".o");
        output::write(Path::new(&object), objects.last().expect("the main module is one of them"))?;
    }
    let request = LinkRequest { objects, output: file, strip: options.strip };
    let warnings = stage(observer, "link", 0, || link::link(request)).with_context(|| input.name.clone())?;
    warnings.iter().for_each(|warning| observer.warning(warning));
    Ok(())
}

/// The stages of an object.
fn build_object(input: &Input, options: &Options, observer: &dyn Observer) -> Result<Vec<u8>> {
    let target = Target::new(options)?;
    let source = Source::read(MAIN, input, unsupported::features(&options.enable)?, observer)?;
    let instance = source.parse(observer)?;
    let linkage = Linkage::default();
    let unit = source.explain(Unit::new(&instance.module, &linkage, World::Open, None, observer))?;
    let prefix = options.prefix.clone().unwrap_or_else(|| default_prefix(&input.name));
    let role = Role::Library { prefix: &prefix };
    let code = source.explain(unit.compile(&target, &role, options, observer))?;
    let object = || object::write(&unit.env(&target), 0, &code, &role);
    stage(observer, "object", 0, object).with_context(|| input.name.clone())
}

/// The stages up to the one that is printed.
fn build_text(input: &Input, options: &Options, emit: Emit, observer: &dyn Observer) -> Result<String> {
    let target = Target::new(options)?;
    let source = Source::read(MAIN, input, unsupported::features(&options.enable)?, observer)?;
    let instance = source.parse(observer)?;
    if emit == Emit::Wat {
        source.explain(validate_bodies(&instance.module))?;
        return wasmprinter::print_bytes(&*source.wasm).with_context(|| input.name.clone());
    }
    let linkage = Linkage::default();
    let unit = source.explain(Unit::new(&instance.module, &linkage, World::Open, None, observer))?;
    let role = Role::Library { prefix: "" };
    let jobs = || jobs::list(&instance.module, &unit.facts, &linkage, &role);
    if emit == Emit::Clif {
        return source.explain(sweep::print_clif(&unit.sweep(&target, options), &jobs()));
    }
    if target.isa.machine().architecture != Architecture::X86_64 {
        // Of other processors the code generator's own listing is all there is.
        return source.explain(sweep::print_listing(&unit.sweep(&target, options), &jobs()));
    }
    let code = source.explain(unit.compile(&target, &role, options, observer))?;
    Ok(assembly::print(&unit.env(&target), &code))
}

/// What machine code is made for.
struct Target {
    isa: Isa,
}

impl Target {
    fn new(options: &Options) -> Result<Target> {
        Ok(Target { isa: Isa::new(&target::triple(options)?, options)? })
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
    facts: Facts,
    layout: Layout,
}

impl<'a> Unit<'a> {
    fn new(
        module: &'a Module<'a>,
        linkage: &'a Linkage,
        world: World,
        plan: Option<&ProgramPlan>,
        observer: &dyn Observer,
    ) -> Result<Unit<'a>> {
        let roots = jobs::roots(module, linkage, world, plan);
        let facts = stage(observer, "analyze", 0, || analyze::facts(module, &roots));
        let layout = stage(observer, "layout", 0, || layout::plan(module, &facts, linkage, world))?;
        Ok(Unit { module, linkage, facts, layout })
    }

    fn env(&self, target: &Target) -> Env<'_> {
        let Unit { module, linkage, facts, layout } = self;
        let (machine, target) = (target.isa.machine(), target.isa.usual.frontend_config());
        Env { module, facts, layout, linkage, target, machine }
    }

    fn sweep<'s>(&'s self, target: &'s Target, options: &'s Options) -> Sweep<'s> {
        Sweep { env: self.env(target), isa: &target.isa, dump: options.dump.as_deref() }
    }

    fn compile(&self, target: &Target, role: &Role, options: &Options, observer: &dyn Observer) -> Result<Code> {
        let jobs = jobs::list(self.module, &self.facts, self.linkage, role);
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

/// `PREFIX` of exported symbols where the user gave none: the input's name without folder and extension.
fn default_prefix(name: &str) -> String {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or("wasm");
    imports::identifier(stem)
}
