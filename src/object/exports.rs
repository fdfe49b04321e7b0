//! Symbols for what lies outside of the object: the interface of a library, and what modules of one
//! program share.

use super::bytes::Data;
use super::interface::{Item, ItemKind};
use super::writer::{Writer, entry_symbol, provided_symbol};
use crate::abi::instance::{INSTANCE_SYMBOL, InstanceFields};
use crate::abi::record::Zero;
use crate::layout::Symbol;
use crate::resolve::Provider;
use crate::wasm::{EntityIndex, FuncIndex};
use cranelift_entity::EntitySet;
use object::SymbolScope;
use object::write::StandardSection;

/// Gives everything that a host may use its symbol.
pub fn write(writer: &mut Writer, interface: &[Item]) {
    let mut named = EntitySet::new();
    for item in interface {
        let Some(symbol) = symbol(item.kind) else { continue };
        let id = writer.refer(symbol);
        match item.kind {
            // Code must use the name that the host uses: its own copy of the variable may be the
            // one that counts.
            ItemKind::Global(global) if writer.layout.globals_shown.contains(global) && named.insert(global) => {
                writer.export_symbol(&item.symbol, id, SymbolScope::Dynamic);
            }
            _ => writer.aliases.push((item.symbol.clone(), symbol, SymbolScope::Dynamic)),
        }
    }
}

/// Writes an instance's record with the addresses of everything that a host may use.
///
/// Requires that the program's description is written.
pub fn write_instance(writer: &mut Writer, interface: &[Item]) {
    let mut data = Data::default();
    let program = writer.refer(Symbol::Program);
    data.record(InstanceFields { program: Some(program), library: Zero, next: Zero, is_used: Zero, padding: Zero });
    for item in interface {
        let shown = match item.kind {
            ItemKind::Table(_) | ItemKind::Tag(_) => None,
            kind => symbol(kind),
        };
        data.address(shown.map(|symbol| writer.refer(symbol)));
    }
    let section = writer.object.section_id(StandardSection::Data);
    let symbol = writer.declare(INSTANCE_SYMBOL);
    writer.define(symbol, section, data, 8);
    writer.object.symbol_mut(symbol).scope = SymbolScope::Dynamic;
}

fn symbol(item: ItemKind) -> Option<Symbol> {
    Some(match item {
        ItemKind::New | ItemKind::Free => return None,
        ItemKind::Init => Symbol::LibraryInit,
        ItemKind::Configure => Symbol::LibraryConfigure,
        ItemKind::Reset => Symbol::LibraryReset,
        ItemKind::Interrupt => Symbol::LibraryInterrupt,
        ItemKind::CancelInterrupt => Symbol::LibraryCancelInterrupt,
        ItemKind::MemoryBase(memory) => Symbol::MemoryBase(memory),
        ItemKind::MemorySize(memory) => Symbol::MemorySize(memory),
        ItemKind::MemoryGrowth(memory) => Symbol::MemoryGrowth(memory),
        ItemKind::RefNew => Symbol::LibraryRefNew,
        ItemKind::RefGet => Symbol::LibraryRefGet,
        ItemKind::RefDrop => Symbol::LibraryRefDrop,
        ItemKind::Function(func) => Symbol::Export(func),
        ItemKind::Global(global) => Symbol::Global(global),
        ItemKind::Table(table) => Symbol::Table(table),
        ItemKind::Tag(tag) => Symbol::Tag(tag),
    })
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
