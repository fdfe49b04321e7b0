//! The C interface of a library: which symbols its host may use, and what each stands for.
//!
//! Every export is `PREFIX_NAME`, or a function may keep its own name. Beside them there are functions of the library's own: `PREFIX_init`,
//! and for each memory that a host may see one for its base and one for its size. An export that would get the name of one of those is
//! `PREFIX_export_NAME`.

use super::imports::{self, identifier};
use crate::abi;
use crate::resolve::{self, Linkage};
use crate::wasm::describe::describe_name;
use crate::wasm::{EntityIndex, FuncIndex, GlobalIndex, MemoryIndex, Module, TableIndex, TagIndex};
use anyhow::{Result, bail};
use std::collections::HashMap;

/// Functions that a module exports for whoever runs it as a program.
const OF_PROGRAMS: [&str; 3] = ["main", "_start", "_initialize"];

/// How exports become symbols.
#[derive(Copy, Clone, Debug)]
pub struct Naming<'n> {
    pub prefix: &'n str,
    /// Functions keep their names where C can spell them, but those that programs begin with.
    pub own_names: bool,
}

/// Something that a host may use.
#[derive(Clone, Debug, PartialEq)]
pub struct Item<'a> {
    pub symbol: String,
    /// Name of the export; none for what the library adds.
    pub export: Option<&'a str>,
    pub kind: Kind,
}

#[derive(Copy, Clone, Debug, PartialEq)]
pub enum Kind {
    /// `int PREFIX_init(void)`
    Init,
    /// `void *PREFIX_memory(void)`
    MemoryBase(MemoryIndex),
    /// `size_t PREFIX_memory_size(void)`
    MemorySize(MemoryIndex),
    Function(FuncIndex),
    Global(GlobalIndex),
    Table(TableIndex),
    Tag(TagIndex),
}

/// The interface of a module as a library: first what is its own, then its exports in their order.
///
/// # Errors
/// When two exports would get the same symbol, or when no C name can begin with the prefix.
pub fn interface<'a>(module: &Module<'a>, naming: Naming) -> Result<Vec<Item<'a>>> {
    let Naming { prefix, own_names } = naming;
    check_prefix(prefix)?;
    let symbol = |name: &str| format!("{prefix}_{}", identifier_part(name));
    let mut items = vec![Item { symbol: symbol("init"), export: None, kind: Kind::Init }];
    for (name, export, memory) in memories(module) {
        items.push(Item { symbol: symbol(name), export, kind: Kind::MemoryBase(memory) });
        items.push(Item { symbol: symbol(&format!("{name}_size")), export, kind: Kind::MemorySize(memory) });
    }
    let own: Vec<String> = items.iter().map(|item| item.symbol.clone()).collect();
    for export in &module.exports {
        let kind = match export.entity {
            EntityIndex::Function(func) => Kind::Function(func),
            EntityIndex::Global(global) => Kind::Global(global),
            EntityIndex::Table(table) => Kind::Table(table),
            EntityIndex::Tag(tag) => Kind::Tag(tag),
            EntityIndex::Memory(_) => continue,
        };
        let mut symbol = symbol(export.name);
        if own.contains(&symbol) {
            symbol = format!("{prefix}_export_{}", identifier_part(export.name));
        }
        let is_function = matches!(kind, Kind::Function(_)) && !OF_PROGRAMS.contains(&export.name);
        if own_names && is_function && identifier(export.name) == export.name {
            symbol = export.name.to_owned();
        }
        items.push(Item { symbol, export: Some(export.name), kind });
    }
    check(&items)?;
    Ok(items)
}

/// The memories that a host may see: those that are exported, and under the name `memory` the first if none has that name.
fn memories<'a>(module: &Module<'a>) -> Vec<(&'a str, Option<&'a str>, MemoryIndex)> {
    let exported = module.exports.iter().filter_map(|export| match export.entity {
        EntityIndex::Memory(memory) => Some((export.name, Some(export.name), memory)),
        _ => None,
    });
    let mut memories: Vec<_> = exported.collect();
    if !memories.iter().any(|(name, ..)| *name == "memory")
        && let Some(first) = memories.first().map(|(.., memory)| *memory).or(module.memories.keys().next())
    {
        memories.insert(0, ("memory", None, first));
    }
    memories
}

fn check(items: &[Item]) -> Result<()> {
    let mut taken: HashMap<&str, Option<&str>> = HashMap::new();
    for item in items {
        if let Some(other) = taken.insert(&item.symbol, item.export) {
            let describe = |export: Option<&str>| {
                export.map_or("of the library".to_owned(), |name| format!("`{}`", name.escape_debug()))
            };
            bail!("exports {} and {} both become the symbol `{}`", describe(other), describe(item.export), item.symbol);
        }
    }
    Ok(())
}

/// The prefix is the beginning of an identifier of C, and of none of the runtime.
fn check_prefix(prefix: &str) -> Result<()> {
    if identifier(prefix) != prefix {
        bail!("the prefix `{}` is no identifier of C; choose another with --prefix NAME", prefix.escape_debug());
    }
    if prefix == "w2n" || prefix.starts_with("w2n_") || abi::wasi::MODULES.contains(&prefix) {
        bail!("names with the prefix `{prefix}` are the runtime's own; choose another with --prefix NAME");
    }
    Ok(())
}

/// An import under the name of an export would be that export, and call itself.
///
/// # Errors
/// When there is one.
pub fn check_imports(items: &[Item], module: &Module, linkage: &Linkage) -> Result<()> {
    // A memory that is imported is the library's own, and has no symbol.
    let has_symbol = |entity: &EntityIndex| !matches!(entity, EntityIndex::Memory(_));
    for (import, _) in resolve::imports(module).filter(|(_, entity)| has_symbol(entity)) {
        let symbol = imports::symbol(linkage, import);
        if let Some(item) = items.iter().find(|item| item.symbol == symbol) {
            let import = describe_name(import);
            let export = item
                .export
                .map_or("a function of the library".to_owned(), |it| format!("export `{}`", it.escape_debug()));
            bail!(
                "import {import} and {export} both become the symbol `{symbol}`\nhelp: --prefix gives exports other symbols, \
                 --import-symbol the import"
            );
        }
    }
    Ok(())
}

/// As [`identifier`], for text that stands behind something else: a leading digit needs no escape.
fn identifier_part(name: &str) -> String {
    identifier(&format!("_{name}"))[1..].to_owned()
}
