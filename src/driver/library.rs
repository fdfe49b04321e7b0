//! The stages of a library and what it looks like on the way, up to the last one that an output
//! needs.

use super::{MAIN, Source, Target, Unit, declared, default_file, jobs, outside, validate_bodies};
use crate::abi::program::EntryKind;
use crate::codegen::cranelift::{sweep, target};
use crate::embed;
use crate::header::{self, Library};
use crate::layout::{self, World};
use crate::link::library::{self, SharedLibrary};
use crate::object::imports;
use crate::object::interface::{self, Item, Naming};
use crate::object::{self, ProgramPlan, Role, assembly};
use crate::options::{Emit, Options, Output};
use crate::output;
use crate::progress::{Observer, stage};
use crate::resolve::Linkage;
use crate::translate::Architecture;
use crate::wasm::input::{Input, STDIN};
use crate::wasm::{EntityIndex, unsupported};
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::path::Path;

/// What was made, by its form.
type Results = HashMap<Emit, Vec<u8>>;

/// Makes all `outputs`, none of which is a program, from one compilation.
///
/// # Errors
/// One message that begins with the input's name.
pub fn build(input: &Input, options: &Options, outputs: &[&Output], observer: &dyn Observer) -> Result<()> {
    if let Some((name, _)) = options.modules.first() {
        bail!("{}: --module {name}=... adds a module to a program; a library holds one module", input.name);
    }
    if input.is_script() {
        bail!("{}: a test script becomes a program, and nothing else", input.name);
    }
    let target = Target::new(options)?;
    let source = Source::read(MAIN, input, unsupported::features(&options.enable)?, observer)?;
    let instance = source.parse(observer)?;
    let module = &instance.module;
    let wants = |forms: &[Emit]| outputs.iter().any(|output| forms.contains(&output.emit));
    let mut results = Results::default();
    if wants(&[Emit::Wat]) {
        source.explain(validate_bodies(module))?;
        let text = wasmprinter::print_bytes(&*source.wasm).with_context(|| input.name.clone())?;
        results.insert(Emit::Wat, text.into_bytes());
    }
    if outputs.iter().all(|output| output.emit == Emit::Wat) {
        return write(input, outputs, &results, observer);
    }
    if layout::starts_threads(module) && wants(&[Emit::Staticlib, Emit::Sharedlib]) {
        bail!("{}: the module starts threads (`wasi.thread-spawn`), which only programs can", input.name);
    }
    let prefix = options.prefix.clone().unwrap_or_else(|| default_prefix(&input.name));
    let interface = interface::interface(module, Naming { prefix: &prefix, own_names: options.own_names })
        .with_context(|| input.name.clone())?;
    let linkage = Linkage::open(outside::chosen_symbols(options));
    let foreign = declared(&source, module, &linkage, &target, options, observer)?;
    let imports = imports::open(module, &linkage, &foreign);
    interface::check_imports(&interface, module, &linkage).with_context(|| input.name.clone())?;
    if wants(&[Emit::Header, Emit::Rust]) {
        source.explain(validate_bodies(module))?;
        let library = Library { module, interface: &interface, imports: &imports, prefix: &prefix, input: &input.name };
        results.insert(Emit::Header, header::c::header(&library).into_bytes());
        results.insert(Emit::Rust, header::rust::declarations(&library).into_bytes());
    }
    if wants(&[Emit::Clif, Emit::Asm, Emit::Obj, Emit::Staticlib, Emit::Sharedlib]) {
        let unit = source.explain(Unit::new(module, &linkage, foreign, World::Open, None, observer))?;
        let plan = source.explain(plan(&unit, options, &prefix))?;
        let role = Role::Library { plan: &plan, interface: &interface };
        if wants(&[Emit::Clif]) {
            let text = source
                .explain(sweep::print_clif(&unit.sweep(&target, options), &jobs::list(&unit.env(&target), &role)))?;
            results.insert(Emit::Clif, text.into_bytes());
        }
        if wants(&[Emit::Asm, Emit::Obj, Emit::Staticlib, Emit::Sharedlib]) {
            let code = source.explain(unit.compile(&target, &role, options, observer))?;
            let env = unit.env(&target);
            if wants(&[Emit::Asm]) {
                let sweep = unit.sweep(&target, options);
                let text = match env.machine.architecture {
                    Architecture::X86_64 => assembly::print(&env, &code),
                    // Of other processors the code generator's own listing is all there is.
                    _ => source.explain(sweep::print_listing(&sweep, &jobs::list(&env, &role)))?,
                };
                results.insert(Emit::Asm, text.into_bytes());
            }
            let object = || object::write(&env, 0, &code, &role);
            let object = stage(observer, "object", 0, object).with_context(|| input.name.clone())?;
            let imports = imports.into_iter().map(|import| import.symbol).collect();
            let linking = Linking { outputs, object, interface: &interface, input: &input.name, imports, options };
            linking.run(&mut results, observer).with_context(|| input.name.clone())?;
        }
    }
    write(input, outputs, &results, observer)
}

fn write(input: &Input, outputs: &[&Output], results: &Results, observer: &dyn Observer) -> Result<()> {
    let put_all = || outputs.iter().try_for_each(|Output { emit, file }| put(file, *emit, &results[emit]));
    stage(observer, "write", 0, put_all).with_context(|| input.name.clone())
}

/// From the object to the files that hold it.
struct Linking<'a> {
    outputs: &'a [&'a Output],
    object: Vec<u8>,
    interface: &'a [Item<'a>],
    /// The module's name.
    input: &'a str,
    /// Symbols of the module's imports.
    imports: Vec<String>,
    options: &'a Options,
}

impl Linking<'_> {
    fn run(self, results: &mut Results, observer: &dyn Observer) -> Result<()> {
        let Linking { outputs, object, interface, input, imports, options } = self;
        let find = |emit| outputs.iter().find(|output| output.emit == emit);
        if find(Emit::Staticlib).is_some() {
            let archive = stage(observer, "link", 0, || library::archive(&object))?;
            results.insert(Emit::Staticlib, archive);
        }
        if let Some(output) = find(Emit::Sharedlib) {
            let library = SharedLibrary {
                object: object.clone(),
                soname: &soname(&output.file, input)?,
                exports: interface.iter().map(|item| item.symbol.as_str()).collect(),
                imports: imports.iter().map(String::as_str).collect(),
                strip: options.strip,
            };
            let (bytes, warnings) = stage(observer, "link", 0, || library::shared(library))?;
            warnings.iter().for_each(|warning| observer.warning(warning));
            results.insert(Emit::Sharedlib, bytes);
        }
        results.insert(Emit::Obj, object);
        Ok(())
    }
}

/// As users of `-shared` choose it: the file's own name, or the one that it would have.
fn soname(file: &Path, input: &str) -> Result<String> {
    let default = default_file(input, "so");
    let file = if output::is_stream(file) { &default } else { file };
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("{}: the name of a shared library has to be UTF-8", file.display()))?;
    Ok(name.to_owned())
}

fn put(file: &Path, emit: Emit, bytes: &[u8]) -> Result<()> {
    match emit {
        Emit::Sharedlib => output::write_program(file, bytes),
        _ => output::write(file, bytes),
    }
}

/// The description of a library: its initialisation, and its powers.
fn plan(unit: &Unit, options: &Options, prefix: &str) -> Result<ProgramPlan> {
    let module = unit.module;
    let initialize = match module.export("_initialize") {
        Some(EntityIndex::Function(func)) => Some(func),
        _ => None,
    };
    let initialize = initialize.filter(|&func| {
        let ty = module.function_type(func);
        ty.params().is_empty() && ty.results().is_empty()
    });
    let wasi = outside::wasi_functions(unit).into_iter().collect();
    let embedded = embed::pack(&options.embedded)?;
    let is_function = |import: &imports::OpenImport| matches!(import.entity, EntityIndex::Function(_));
    let open = imports::open(module, unit.linkage, &unit.foreign).into_iter().filter(is_function);
    Ok(ProgramPlan {
        entry: None,
        script: None,
        entry_name: prefix.to_owned(),
        kind: EntryKind::Library,
        initialize,
        // Threads are the host's business: the function that starts them says that there are none.
        thread_start: None,
        wasi,
        embedded,
        options: options.program_options.clone(),
        foreign: open.map(|it| [it.import.module.to_owned(), it.import.name.to_owned(), it.symbol]).collect(),
        fixed_powers: options.fixed_powers,
        fatal_errors: options.fatal_errors,
        cpu_level: target::cpu_level(&options.cpu),
    })
}

/// `PREFIX` of exported symbols where the user gave none: the input's name without folder and
/// extension.
pub fn default_prefix(name: &str) -> String {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str());
    imports::identifier(stem.filter(|_| name != STDIN).unwrap_or("wasm"))
}
