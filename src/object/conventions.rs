//! Marks at what carries function references from one object to another: a table, a function with
//! such a parameter, a tag. A reference is called as the code generator of its own object has it,
//! so both objects must come from generators whose calls fit each other.
//!
//! For each such symbol an object defines `SYMBOL.w2n_one_generator`, in a group that is named
//! after the generator and its convention. Of groups with one name a linker keeps the first; from
//! groups with two names it gets the symbol twice, which is an error ("COMDAT", System V ABI,
//! chapter 4, "Section Groups"). Our own linker's message is better: see `link::conventions`.

use super::Role;
use super::interface::ItemKind;
use super::writer::Writer;
use crate::layout::Symbol;
use crate::wasm::structure::is_function;
use crate::wasm::{EntityIndex, Module};
use object::elf::{SHF_ALLOC, SHF_GROUP, SHT_PROGBITS};
use object::write::{Comdat, SymbolSection};
use object::{BinaryFormat, ComdatKind, SectionFlags, SectionKind, SymbolKind, SymbolScope};
use std::collections::BTreeSet;
use wasmparser::{FuncType, ValType};

/// Ends the symbol that two objects may define only if they come from generators that fit each
/// other.
pub const ONE_GENERATOR: &str = ".w2n_one_generator";

/// Stands between a marked symbol and the name of the generator and its convention.
pub const GENERATOR: &str = ".w2n_generator.";

/// Marks the interface of an object whose functions call each other by `convention`.
pub fn write(writer: &mut Writer, convention: &str) {
    if writer.format.binary != BinaryFormat::Elf {
        return;
    }
    let mut symbols = imported(writer);
    if let Role::Library { interface, .. } = writer.role {
        let carries = |kind| match kind {
            ItemKind::New | ItemKind::Free | ItemKind::Init | ItemKind::Reset | ItemKind::Configure => false,
            ItemKind::Interrupt | ItemKind::CancelInterrupt => false,
            ItemKind::MemoryBase(_) | ItemKind::MemorySize(_) | ItemKind::MemoryGrowth(_) => false,
            ItemKind::RefNew | ItemKind::RefGet | ItemKind::RefDrop => false,
            ItemKind::Function(func) => carries(writer.module, EntityIndex::Function(func)),
            ItemKind::Global(global) => carries(writer.module, EntityIndex::Global(global)),
            ItemKind::Table(table) => carries(writer.module, EntityIndex::Table(table)),
            ItemKind::Tag(tag) => carries(writer.module, EntityIndex::Tag(tag)),
        };
        symbols.extend(interface.iter().filter(|item| carries(item.kind)).map(|item| item.symbol.clone()));
    }
    for symbol in symbols {
        mark(writer, &symbol, convention);
    }
}

/// The symbols of imports that code here refers to.
fn imported(writer: &Writer) -> BTreeSet<String> {
    let module = writer.module;
    let functions = module.functions.keys().map(|func| (EntityIndex::Function(func), Symbol::Import(func)));
    let globals = module.globals.keys().map(|global| (EntityIndex::Global(global), Symbol::Global(global)));
    let tables = module.tables.keys().map(|table| (EntityIndex::Table(table), Symbol::Table(table)));
    let tags = module.tags.keys().map(|tag| (EntityIndex::Tag(tag), Symbol::Tag(tag)));
    let all = functions.chain(globals).chain(tables).chain(tags);
    let used = all.filter(|(entity, symbol)| writer.defined(*symbol).is_some() && carries(module, *entity));
    used.filter_map(|(_, symbol)| writer.import_name(symbol)).collect()
}

/// Whether function references pass through an entity.
fn carries(module: &Module, entity: EntityIndex) -> bool {
    match entity {
        EntityIndex::Function(func) => in_function(module, module.function_type(func)),
        EntityIndex::Global(global) => in_value(module, module.globals[global].ty.content_type),
        EntityIndex::Table(table) => is_function(module, module.tables[table].ty.element_type),
        EntityIndex::Tag(tag) => in_function(module, module.signature(module.tags[tag].ty)),
        EntityIndex::Memory(_) => false,
    }
}

fn in_function(module: &Module, ty: &FuncType) -> bool {
    ty.params().iter().chain(ty.results()).any(|ty| in_value(module, *ty))
}

fn in_value(module: &Module, ty: ValType) -> bool {
    matches!(ty, ValType::Ref(ty) if is_function(module, ty))
}

/// Defines the two symbols. The group has the name of the second, which says what the first only
/// compares.
fn mark(writer: &mut Writer, symbol: &str, convention: &str) {
    let names = [format!("{symbol}{ONE_GENERATOR}"), format!("{symbol}{GENERATOR}{convention}")];
    let section = writer.object.add_section(Vec::new(), b".rodata.w2n_generator".to_vec(), SectionKind::ReadOnlyData);
    writer.object.append_section_data(section, &[0], 1);
    writer.object.section_mut(section).flags =
        SectionFlags::Elf { sh_type: SHT_PROGBITS, sh_flags: SHF_ALLOC | SHF_GROUP };
    let [_, group] = names.map(|name| {
        let id = writer.undefined(name, SymbolKind::Data);
        let symbol = writer.object.symbol_mut(id);
        symbol.scope = SymbolScope::Linkage;
        symbol.section = SymbolSection::Section(section);
        symbol.size = 1;
        id
    });
    writer.object.add_comdat(Comdat { kind: ComdatKind::Any, symbol: group, sections: vec![section] });
}
