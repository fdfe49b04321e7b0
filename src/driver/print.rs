//! `--print`: what a build system asks before it links.
//!
//! Comes in: a module, and what it would be linked with. Goes out: a line for each answer, in
//! columns that tabs separate, for programs to read. `-` stands where there is nothing to say.

use super::library::default_prefix;
use super::outside;
use super::pipeline::Session;
use crate::abi;
use crate::codegen::{Generator, target};
use crate::header::prototype;
use crate::link::check::{self, Resolution};
use crate::link::native::Natives;
use crate::link::runtime::{self, Runtime};
use crate::object::imports::{self, OpenImport};
use crate::object::interface::{self, Item, ItemKind, Naming};
use crate::options::Options;
use crate::progress::Silent;
use crate::resolve::{self, Linked};
use crate::wasm::describe::describe_type;
use crate::wasm::input::Input;
use crate::wasm::source::MAIN;
use crate::wasm::{EntityIndex, ImportName, Module};
use anyhow::{Context, Result};
use std::slice;
use target_lexicon::Triple;

/// Of each import: module, name, kind, Wasm type, C symbol, C declaration, and who would define it
/// in a program: the name of one of the user's files, `the C library`, `the runtime`, `module
/// NAME`, or `-` for no one.
///
/// # Errors
/// As for a program, but for imports that nothing defines.
pub fn imports(input: &Input, options: &Options) -> Result<String> {
    let generator = Generator::new(options)?;
    let runtime = any_runtime(generator.triple(), options)?;
    let session = Session::new(input, options, &generator, Some(&runtime), &Silent)?;
    let source = session.read(MAIN, input)?;
    let instance = session.parse(&source)?;
    let linked = session.open(&instance);
    let Linked { module, linkage, .. } = &linked;
    let foreign = session.declare(slice::from_ref(&linked))?.remove(0);
    let natives = Natives::read(&options.link, runtime.target)?;
    let open = imports::open(module, linkage, &foreign, |symbol| natives.replaces(symbol));
    let shim = |it: &OpenImport| match it.entity {
        EntityIndex::Function(func) if !options.link.no_shim => outside::shim_of(&linked, &foreign, func, it, &natives),
        _ => None,
    };
    let is_other = |import: ImportName| options.modules.iter().any(|(name, _)| name == import.module);
    let wanted = open
        .iter()
        .filter(|it| it.refusal.is_none() && !is_other(it.import) && shim(it).is_none())
        .map(|it| &it.symbol[..]);
    let resolution = check::resolve(&wanted.collect::<Vec<_>>(), &natives, &runtime)?;
    let mut text = String::new();
    for (import, entity) in resolve::imports(module) {
        let open = open.iter().find(|it| it.entity == entity && it.refusal.is_none());
        let symbol = open.map_or_else(|| imports::symbol(linkage, import), |it| it.symbol.clone());
        let definer = match (is_other(import), open.and_then(shim)) {
            (true, _) => format!("module {}", import.module.escape_debug()),
            (false, Some(_)) => "the runtime".to_owned(),
            (false, None) => definer(&symbol, entity, open.is_some(), &resolution),
        };
        let (kind, ty) = describe(module, entity);
        let name = [import.module, import.name].map(|it| it.escape_debug().to_string());
        let function = match entity {
            EntityIndex::Function(func) => foreign.function(func),
            _ => None,
        };
        let declaration = match function {
            Some(function) => prototype::declared(&foreign, function, |parameters| format!("{symbol}{parameters}")),
            None => prototype::of_entity(module, entity, &symbol, false),
        };
        line(&mut text, &[&name[0], &name[1], kind, &ty, &symbol, &declaration, &definer]);
    }
    Ok(text)
}

fn definer(symbol: &str, entity: EntityIndex, is_open: bool, resolution: &Resolution) -> String {
    match (resolution.find(symbol), entity) {
        (Some(found), _) if is_open => found.definer.to_string(),
        (_, EntityIndex::Function(_) | EntityIndex::Memory(_)) if !is_open => "the runtime".to_owned(),
        _ => "-".to_owned(),
    }
}

/// What an object or library has for its host: name of the export, kind, Wasm type, C symbol, C
/// declaration.
///
/// # Errors
/// When the module is not valid, or two exports get the same symbol.
pub fn exports(input: &Input, options: &Options) -> Result<String> {
    let generator = Generator::new(options)?;
    let session = Session::new(input, options, &generator, None, &Silent)?;
    let source = session.read(MAIN, input)?;
    let instance = session.parse(&source)?;
    let prefix = options.prefix.clone().unwrap_or_else(|| default_prefix(&input.name));
    let mut text = String::new();
    let module = &instance.module;
    for Item { symbol, export, kind } in interface::interface(module, Naming::of(&prefix, options))? {
        let memory = |memory| ("memory", describe(module, EntityIndex::Memory(memory)).1);
        let entity = |entity| (describe(module, entity), prototype::of_entity(module, entity, &symbol, false));
        let ((kind, ty), declaration) = match kind {
            ItemKind::New => {
                (("function", "-".to_owned()), format!("{prefix}_instance *{symbol}(const w2n_config *);"))
            }
            ItemKind::Free => (("function", "-".to_owned()), format!("void {symbol}({prefix}_instance *);")),
            ItemKind::Init | ItemKind::Reset | ItemKind::Interrupt | ItemKind::CancelInterrupt => {
                (("function", "-".to_owned()), format!("int {symbol}(void);"))
            }
            ItemKind::Configure => (("function", "-".to_owned()), format!("int {symbol}(const w2n_config *);")),
            ItemKind::MemoryBase(index) => (memory(index), format!("void *{symbol}(void);")),
            ItemKind::MemorySize(index) => (memory(index), format!("size_t {symbol}(void);")),
            ItemKind::MemoryGrowth(index) => (memory(index), format!("int64_t {symbol}(uint64_t);")),
            ItemKind::Function(func) => entity(EntityIndex::Function(func)),
            ItemKind::Global(global) => entity(EntityIndex::Global(global)),
            ItemKind::Table(table) => entity(EntityIndex::Table(table)),
            ItemKind::Tag(tag) => entity(EntityIndex::Tag(tag)),
        };
        let name = export.map_or("-".to_owned(), |name| name.escape_debug().to_string());
        line(&mut text, &[&name, kind, &ty, &symbol, &declaration]);
    }
    Ok(text)
}

/// What objects may need: the symbol, and whether the runtime or the C library defines it.
///
/// # Errors
/// When this program carries no runtime.
pub fn runtime_symbols(options: &Options) -> Result<String> {
    let mut text = String::new();
    any_runtime(&target::triple(options)?, options)?
        .functions()?
        .iter()
        .for_each(|name| line(&mut text, &[name, "the runtime"]));
    abi::c_library::C_FUNCTIONS.split(' ').for_each(|name| line(&mut text, &[name, "the C library"]));
    Ok(text)
}

/// The runtime for a target; else that for another, which knows the same C functions.
fn any_runtime(triple: &Triple, options: &Options) -> Result<Runtime> {
    let found = runtime::of(triple, options.runtime.as_deref())?.or_else(|| runtime::carried().next());
    found.context("this build of wasm2native carries no runtime, so it does not know who defines what")
}

fn line(text: &mut String, columns: &[&str]) {
    text.push_str(&columns.join("\t"));
    text.push('\n');
}

/// Kind and type, the type as in the text format.
fn describe(module: &Module, entity: EntityIndex) -> (&'static str, String) {
    let limits = |initial: u64, maximum: Option<u64>| match maximum {
        Some(maximum) => format!("{initial} {maximum}"),
        None => initial.to_string(),
    };
    match entity {
        EntityIndex::Function(func) => ("function", describe_type(module.function_type(func))),
        EntityIndex::Table(table) => {
            let ty = &module.tables[table].ty;
            ("table", format!("{} {}", limits(ty.initial, ty.maximum), ty.element_type))
        }
        EntityIndex::Memory(memory) => {
            let ty = &module.memories[memory].ty;
            let index = if ty.memory64 { "i64 " } else { "" };
            let shared = if ty.shared { " shared" } else { "" };
            ("memory", format!("{index}{}{shared}", limits(ty.initial, ty.maximum)))
        }
        EntityIndex::Global(global) => {
            let ty = &module.globals[global].ty;
            let content = ty.content_type;
            ("global", if ty.mutable { format!("(mut {content})") } else { content.to_string() })
        }
        EntityIndex::Tag(tag) => ("tag", describe_type(&module.types[module.tags[tag].ty])),
    }
}
