//! `--print`: what a build system asks before it links.
//!
//! Comes in: a module, and what it would be linked with. Goes out: a line for each answer, in
//! columns, for programs to read. `-` stands where there is nothing to say.

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
use serde::Serialize;
use std::slice;
use target_lexicon::Triple;

/// A line of an answer, in columns.
pub trait Row: Serialize {
    /// The columns as text for tabs between them: names are escaped, and `-` stands for nothing.
    fn columns(&self) -> Vec<String>;
}

/// An import. `-` stands for a symbol, declaration or definer that there is not.
#[derive(Debug, Serialize)]
pub struct ImportRow {
    pub module: String,
    pub name: String,
    pub kind: &'static str,
    /// The Wasm type, as in the text format.
    #[serde(rename = "type")]
    pub ty: String,
    pub symbol: String,
    /// In C.
    pub declaration: String,
    /// Who would define it in a program.
    pub definer: String,
}

/// An export; none is what every library has besides.
#[derive(Debug, Serialize)]
pub struct ExportRow {
    pub name: Option<String>,
    pub kind: &'static str,
    #[serde(rename = "type")]
    pub ty: String,
    pub symbol: String,
    pub declaration: String,
}

/// A symbol that objects may need.
#[derive(Debug, Serialize)]
pub struct SymbolRow {
    pub symbol: String,
    pub definer: &'static str,
}

impl Row for ImportRow {
    fn columns(&self) -> Vec<String> {
        let [module, name, definer] = [&self.module, &self.name, &self.definer].map(|it| it.escape_debug().to_string());
        vec![
            module,
            name,
            self.kind.to_owned(),
            self.ty.clone(),
            self.symbol.clone(),
            self.declaration.clone(),
            definer,
        ]
    }
}

impl Row for ExportRow {
    fn columns(&self) -> Vec<String> {
        let name = self.name.as_ref().map_or("-".to_owned(), |name| name.escape_debug().to_string());
        vec![name, self.kind.to_owned(), self.ty.clone(), self.symbol.clone(), self.declaration.clone()]
    }
}

impl Row for SymbolRow {
    fn columns(&self) -> Vec<String> {
        vec![self.symbol.clone(), self.definer.to_owned()]
    }
}

/// Of each import: module, name, kind, Wasm type, C symbol, C declaration, and who would define it
/// in a program: the name of one of the user's files, `the C library`, `the runtime`, `module
/// NAME`, or `-` for no one.
///
/// # Errors
/// As for a program, but for imports that nothing defines.
pub fn imports(input: &Input, options: &Options) -> Result<Vec<ImportRow>> {
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
    let mut rows = Vec::new();
    for (import, entity) in resolve::imports(module) {
        let open = open.iter().find(|it| it.entity == entity && it.refusal.is_none());
        let symbol = open.map_or_else(|| imports::symbol(linkage, import), |it| it.symbol.clone());
        let definer = match (is_other(import), open.and_then(shim)) {
            (true, _) => format!("module {}", import.module),
            (false, Some(_)) => "the runtime".to_owned(),
            (false, None) => definer(&symbol, entity, open.is_some(), &resolution),
        };
        let (kind, ty) = describe(module, entity);
        let function = match entity {
            EntityIndex::Function(func) => foreign.function(func),
            _ => None,
        };
        let declaration = match function {
            Some(function) => prototype::declared(&foreign, function, |parameters| format!("{symbol}{parameters}")),
            None => prototype::of_entity(module, entity, &symbol, false),
        };
        let (module, name) = (import.module.to_owned(), import.name.to_owned());
        rows.push(ImportRow { module, name, kind, ty, symbol, declaration, definer });
    }
    Ok(rows)
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
pub fn exports(input: &Input, options: &Options) -> Result<Vec<ExportRow>> {
    let generator = Generator::new(options)?;
    let session = Session::new(input, options, &generator, None, &Silent)?;
    let source = session.read(MAIN, input)?;
    let instance = session.parse(&source)?;
    let prefix = options.prefix.clone().unwrap_or_else(|| default_prefix(&input.name));
    let mut rows = Vec::new();
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
            ItemKind::RefNew => (("function", "-".to_owned()), format!("w2n_handle {symbol}(w2n_anyref);")),
            ItemKind::RefGet => (("function", "-".to_owned()), format!("w2n_anyref {symbol}(w2n_handle);")),
            ItemKind::RefDrop => (("function", "-".to_owned()), format!("void {symbol}(w2n_handle);")),
            ItemKind::Function(func) => entity(EntityIndex::Function(func)),
            ItemKind::Global(global) => entity(EntityIndex::Global(global)),
            ItemKind::Table(table) => entity(EntityIndex::Table(table)),
            ItemKind::Tag(tag) => entity(EntityIndex::Tag(tag)),
        };
        rows.push(ExportRow { name: export.map(str::to_owned), kind, ty, symbol, declaration });
    }
    Ok(rows)
}

/// What objects may need: the symbol, and whether the runtime or the C library defines it.
///
/// # Errors
/// When this program carries no runtime.
pub fn runtime_symbols(options: &Options) -> Result<Vec<SymbolRow>> {
    let row = |definer: &'static str| move |symbol: &str| SymbolRow { symbol: symbol.to_owned(), definer };
    let runtime = any_runtime(&target::triple(options)?, options)?;
    let own = runtime.functions()?;
    let of_c = abi::c_library::C_FUNCTIONS.split(' ').map(row("the C library"));
    Ok(own.iter().map(|name| row("the runtime")(name)).chain(of_c).collect())
}

/// The runtime for a target; else that for another, which knows the same C functions.
fn any_runtime(triple: &Triple, options: &Options) -> Result<Runtime> {
    let found = runtime::of(triple, options.runtime.as_deref())?.or_else(|| runtime::carried().next());
    found.context("this build of wasm2native carries no runtime, so it does not know who defines what")
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
        EntityIndex::Tag(tag) => ("tag", describe_type(module.signature(module.tags[tag].ty))),
    }
}
