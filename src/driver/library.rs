//! The stages of a library and what it looks like on the way, up to the last one that an output
//! needs.

use super::files::default_file;
use super::outside;
use super::pipeline::Session;
use super::plan::{self, Start, Taken};
use super::sources;
use crate::foreign::{Foreign, prototypes};
use crate::header::{self, Library};
use crate::layout::{self, World};
use crate::link::check;
use crate::link::library::{self, SharedLibrary};
use crate::link::native::Natives;
use crate::link::runtime::Runtime;
use crate::listing;
use crate::object::Role;
use crate::object::imports::{self, OpenImport};
use crate::object::interface::{self, Item, Naming};
use crate::options::{Emit, Options, Output};
use crate::output;
use crate::progress::{Observer, stage};
use crate::unit::{self, Analyzed, Unit};
use crate::wasm::input::STDIN;
use crate::wasm::source::MAIN;
use crate::wasm::{EntityIndex, Module};
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::path::Path;
use std::slice;

/// What was made, by its form.
type Results = HashMap<Emit, Vec<u8>>;

/// Makes all `outputs`, none of which is a program, from one compilation.
///
/// # Errors
/// One message that begins with the input's name.
pub fn build(session: &Session, outputs: &[&Output]) -> Result<()> {
    let Session { input, options, .. } = *session;
    if let Some((name, _)) = options.modules.first() {
        bail!("{}: --module {name}=... adds a module to a program; a library holds one module", input.name);
    }
    if input.is_script() {
        bail!("{}: a test script becomes a program, and nothing else", input.name);
    }
    let wants = |forms: &[Emit]| outputs.iter().any(|output| forms.contains(&output.emit));
    let mut results = Results::default();
    let source = session.read(MAIN, input)?;
    let instance = session.parse(&source)?;
    let module = &instance.module;
    if wants(&[Emit::Wat]) {
        source.validate_bodies(module)?;
        let text = session.name(wasmprinter::print_bytes(&*source.wasm))?;
        results.insert(Emit::Wat, text.into_bytes());
    }
    if outputs.iter().all(|output| output.emit == Emit::Wat) {
        return write(session, outputs, &results);
    }
    if layout::starts_threads(module) && wants(&[Emit::Staticlib, Emit::Sharedlib]) {
        bail!("{}: the module starts threads (`wasi.thread-spawn`), which only programs can", input.name);
    }
    if options.instances && wants(&[Emit::Rust, Emit::Cxx]) {
        bail!("{}: a library with instances (--instances) has declarations for C alone", input.name);
    }
    if options.instances && options.profile_generate.is_some() {
        bail!("{}: --profile-generate counts in libraries without --instances", input.name);
    }
    let prefix = options.prefix.clone().unwrap_or_else(|| default_prefix(&input.name));
    let naming = Naming::of(&prefix, options);
    let interface = session.name(interface::interface(module, naming))?;
    let linked = session.open(&instance);
    let foreign = session.declare(slice::from_ref(&linked))?.remove(0);
    let natives = if wants(&[Emit::Sharedlib]) { session.name(natives(session))? } else { None };
    let replaces = |symbol: &str| natives.as_ref().is_some_and(|natives| natives.replaces(symbol));
    let mut imports = imports::open(module, &linked.linkage, &foreign, replaces);
    if options.user_data {
        imports.iter_mut().for_each(|import| import.has_data = gets_data(import, &foreign));
    }
    let function = |import: &OpenImport| match import.entity {
        EntityIndex::Function(func) if import.has_data => Some(func),
        _ => None,
    };
    let with_data = imports.iter().filter_map(function).collect();
    if let Some(natives) = &natives {
        session.name(check_natives(session, natives, (module, &foreign), (&interface, &imports)))?;
    }
    session.name(imports::check_wasi(&imports))?;
    session.name(interface::check_imports(&interface, module, &linked.linkage))?;
    // Compilation validates bodies; what is made without it must not accept an invalid module.
    if wants(&[Emit::Header, Emit::Cxx, Emit::Rust, Emit::Linkage, Emit::Facts, Emit::Layout, Emit::Image]) {
        source.validate_bodies(module)?;
    }
    if wants(&[Emit::Header, Emit::Cxx, Emit::Rust]) {
        let library = Library {
            module,
            interface: &interface,
            imports: &imports,
            foreign: &foreign,
            prefix: &prefix,
            input: &input.name,
            rust_runtime: options.rust_runtime.as_deref(),
            instances: options.instances,
        };
        results.insert(Emit::Header, header::c::header(&library).into_bytes());
        results.insert(Emit::Cxx, header::cxx::header(&library).into_bytes());
        results.insert(Emit::Rust, header::rust::declarations(&library).into_bytes());
    }
    if outputs.iter().any(|output| needs_unit(output.emit)) {
        let analyzed = session.analyze(&linked, foreign, World::Open, None);
        let taken = taken(&analyzed, &imports);
        let unit = session.lay_out(
            analyzed,
            World::Open,
            unit::Edge { with_data, instances: options.instances, ..unit::Edge::default() },
        )?;
        let plan =
            session.name(plan::plan(Start::of_library(module, &prefix), taken, input, options, session.observer))?;
        let role = Role::Library { plan: &plan, interface: &interface };
        for Output { emit, .. } in outputs {
            if let Some(text) = print_stage(*emit, &unit) {
                results.insert(*emit, text.into_bytes());
            }
        }
        if wants(&[Emit::Clif]) {
            results.insert(Emit::Clif, session.print_clif(&unit, &role)?.into_bytes());
        }
        if wants(&[Emit::LlvmIr]) {
            results.insert(Emit::LlvmIr, session.print_llvm(&unit, &role)?.into_bytes());
        }
        if wants(&[Emit::Listing, Emit::Asm, Emit::Obj, Emit::Staticlib, Emit::Sharedlib]) {
            let code = session.compile(&unit, &role)?;
            if wants(&[Emit::Listing]) {
                results.insert(Emit::Listing, session.print_machine_code(&unit, &code, &role)?.into_bytes());
            }
            let mut object = session.write(&unit, &code, &role)?;
            if options.instances {
                object = session.write_instances(object, &interface, &prefix)?;
            }
            if wants(&[Emit::Asm]) {
                results.insert(Emit::Asm, session.print_assembly(&unit, &code, &object)?.into_bytes());
            }
            let imports = imports.into_iter().map(|import| import.symbol).collect();
            let linking = Linking {
                outputs,
                object,
                interface: &interface,
                input: &input.name,
                imports,
                options,
                runtime: session.runtime,
                natives,
            };
            session.name(linking.run(&mut results, session.observer))?;
            session.write_texts(slice::from_ref(&source))?;
        }
    }
    write(session, outputs, &results)
}

/// What the user links into a shared library, if there is something.
///
/// # Errors
/// As [`Natives::read`]; when a C compiler would have to link.
fn natives(session: &Session) -> Result<Option<Natives>> {
    let link = &session.options.link;
    if link.files.is_empty() && link.libraries.is_empty() && link.linker.is_none() && link.flags.is_empty() {
        return Ok(None);
    }
    let natives = Natives::read(link, session.runtime()?.target)?;
    if natives.compiler.is_some() {
        bail!(
            "shared libraries are linked in process, from objects and archives\n\
             help: a C compiler makes one of --emit staticlib: cc -shared -Wl,--whole-archive LIB.a -Wl,--no-whole-archive ..."
        );
    }
    natives.warnings.iter().for_each(|warning| session.observer.warning(warning));
    natives.read.iter().for_each(|file| session.observer.reads(file));
    Ok(Some(natives))
}

/// Looks for what linkers would find wrong, and for imports that are defined with other types.
fn check_natives(
    session: &Session,
    natives: &Natives,
    types: (&Module, &Foreign),
    (interface, imports): (&[Item], &[OpenImport]),
) -> Result<()> {
    let wanted: Vec<&str> = imports.iter().map(|it| &it.symbol[..]).collect();
    let own: Vec<&str> = interface.iter().map(|it| &it.symbol[..]).collect();
    let resolution = check::resolve_in_library(&wanted, natives, session.runtime()?, &own)?;
    sources::check(types, imports, &resolution, natives, &session.options.link)
}

/// Whether a function of the host gets its pointer: what is declared, and what is the C library's,
/// has parameters that are known.
fn gets_data(import: &OpenImport, foreign: &Foreign) -> bool {
    match import.entity {
        EntityIndex::Function(func) => foreign.function(func).is_none() && prototypes::find(&import.symbol).is_none(),
        _ => false,
    }
}

/// The result of a stage before code, for the forms that are one.
fn print_stage(emit: Emit, unit: &Unit) -> Option<String> {
    match emit {
        Emit::Linkage => Some(listing::linkage::print(unit)),
        Emit::Facts => Some(listing::facts::print(unit)),
        Emit::Layout => Some(listing::layout::print(unit)),
        Emit::Image => Some(listing::image::print(unit)),
        _ => None,
    }
}

/// Whether a form comes from a module that is laid out.
fn needs_unit(emit: Emit) -> bool {
    !matches!(emit, Emit::Wat | Emit::Header | Emit::Cxx | Emit::Rust)
}

/// What the code takes from its host.
fn taken(analyzed: &Analyzed, imports: &[OpenImport]) -> Taken {
    let is_function = |import: &&OpenImport| matches!(import.entity, EntityIndex::Function(_));
    let names = |it: &OpenImport| [it.import.module.to_owned(), it.import.name.to_owned(), it.symbol.clone()];
    let is_called = |import: &&OpenImport| match import.entity {
        EntityIndex::Function(func) => analyzed.facts.reachable.contains(func),
        _ => false,
    };
    Taken {
        functions: imports.iter().filter(is_called).map(|it| it.symbol.clone()).collect(),
        wasi: outside::wasi_functions(analyzed, imports).into_iter().map(|(_, name)| name).collect(),
        foreign: imports.iter().filter(is_function).map(names).collect(),
    }
}

fn write(session: &Session, outputs: &[&Output], results: &Results) -> Result<()> {
    let put_all = || outputs.iter().try_for_each(|Output { emit, file }| put(file, *emit, &results[emit]));
    session.name(stage(session.observer, "write", 0, put_all))
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
    runtime: Option<&'a Runtime>,
    /// What the shared library has besides.
    natives: Option<Natives>,
}

impl Linking<'_> {
    fn run(self, results: &mut Results, observer: &dyn Observer) -> Result<()> {
        let Linking { outputs, object, interface, input, imports, options, runtime, natives } = self;
        let runtime = || runtime.context("there is no runtime for the target");
        let find = |emit| outputs.iter().find(|output| output.emit == emit);
        if find(Emit::Staticlib).is_some() {
            let archive = stage(observer, "link", 0, || library::archive(runtime()?, &object))?;
            results.insert(Emit::Staticlib, archive);
        }
        if let Some(output) = find(Emit::Sharedlib) {
            let library = SharedLibrary {
                runtime: runtime()?,
                object: object.clone(),
                soname: &soname(&output.file, input)?,
                exports: interface.iter().map(|item| item.symbol.as_str()).collect(),
                imports: imports.iter().map(String::as_str).collect(),
                natives,
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
    let name = name.with_context(|| format!("{}: the name of a shared library must be UTF-8", file.display()))?;
    Ok(name.to_owned())
}

fn put(file: &Path, emit: Emit, bytes: &[u8]) -> Result<()> {
    match emit {
        Emit::Sharedlib => output::write_program(file, bytes),
        _ => output::write(file, bytes),
    }
}

/// `PREFIX` of exported symbols where the user gave none: the input's name without folder and
/// extension.
pub fn default_prefix(name: &str) -> String {
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str());
    imports::identifier(stem.filter(|_| name != STDIN).unwrap_or("wasm"))
}
