//! Exports of an object: global symbols `PREFIX_NAME`, functions in the platform's C convention, the rest as data.

use super::imports::identifier;
use super::writer::{Writer, entry_symbol, provided_symbol};
use crate::layout::Symbol;
use crate::resolve::Provider;
use crate::wasm::{EntityIndex, FuncIndex};
use anyhow::{Result, bail};
use object::SymbolScope;
use std::collections::HashMap;

/// Gives every export its symbol.
///
/// # Errors
/// When two exports would get the same one.
pub fn write(writer: &mut Writer, prefix: &str) -> Result<()> {
    let mut taken: HashMap<String, &str> = HashMap::new();
    for export in &writer.module.exports {
        let name = symbol(prefix, export.name);
        if let Some(other) = taken.insert(name.clone(), export.name) {
            bail!(
                "exports `{}` and `{}` both become the symbol `{name}`",
                other.escape_debug(),
                export.name.escape_debug()
            );
        }
        let symbol = match export.entity {
            EntityIndex::Function(func) => Symbol::Export(func),
            other => internal_symbol(other),
        };
        writer.refer(symbol);
        writer.aliases.push((name, symbol, SymbolScope::Dynamic));
    }
    Ok(())
}

/// The C symbol of an export: `PREFIX_name`.
pub fn symbol(prefix: &str, export: &str) -> String {
    format!("{prefix}_{}", identifier_part(export))
}

/// Gives what other modules of the same program import its hidden symbol.
pub fn write_visible(writer: &mut Writer, instance: usize) {
    for &entity in &writer.linkage.visible {
        let symbol = internal_symbol(entity);
        writer.refer(symbol);
        writer.aliases.push((provided_symbol(Provider { instance, entity }), symbol, SymbolScope::Linkage));
    }
}

/// Gives what a script calls its hidden symbol.
pub fn write_entries(writer: &mut Writer, instance: usize, entries: &[FuncIndex]) {
    for &func in entries {
        writer.aliases.push((entry_symbol(instance, func), Symbol::ArrayEntry(func), SymbolScope::Linkage));
    }
}

fn internal_symbol(entity: EntityIndex) -> Symbol {
    match entity {
        EntityIndex::Function(func) => Symbol::Function(func),
        EntityIndex::Table(table) => Symbol::Table(table),
        EntityIndex::Memory(memory) => Symbol::Memory(memory),
        EntityIndex::Global(global) => Symbol::Global(global),
        EntityIndex::Tag(tag) => Symbol::Tag(tag),
    }
}

/// As [`identifier`], for text that stands behind something else: a leading digit needs no escape.
fn identifier_part(name: &str) -> String {
    identifier(&format!("_{name}"))[1..].to_owned()
}
