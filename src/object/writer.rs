//! What all parts of the object writer share: the object, the symbols defined so far, and those
//! that something refers to.

use super::Role;
use super::bytes::Data;
use super::format::ObjectFormat;
use super::imports::ImportSymbols;
use super::text::{Text, offset_in_text};
use crate::abi;
use crate::abi::library::VariableFields;
use crate::code::{Code, Relocation, RelocationKind, RelocationTarget};
use crate::layout::{Layout, Symbol};
use crate::number::low_byte;
use crate::resolve::{Linkage, Provider};
use crate::wasm::{EntityIndex, FuncIndex, Module};
use cranelift_entity::EntityRef;
use object::write::{self, Object, SectionId, StandardSection, SymbolId, SymbolSection};
use object::{BinaryFormat, ComdatKind, SectionKind, SymbolFlags, SymbolKind, SymbolScope};
use std::collections::HashMap;

pub struct Writer<'a> {
    pub object: Object<'static>,
    pub format: ObjectFormat,
    pub module: &'a Module<'a>,
    pub layout: &'a Layout,
    pub linkage: &'a Linkage,
    pub role: &'a Role<'a>,
    imports: ImportSymbols,
    symbols: HashMap<Symbol, SymbolId>,
    /// Symbols that others define, by name: several imports may stand for one C function.
    external: HashMap<String, SymbolId>,
    text_start: Option<SymbolId>,
    /// Symbols for places in the code, which RISC-V's relocations want.
    labels: HashMap<u32, SymbolId>,
    /// Symbols that were referred to and have no definition yet.
    pub needed: Vec<Symbol>,
    /// Entries of tables that have a guard before them, and how many bytes they take.
    pub guarded_tables: Vec<(SymbolId, u64)>,
    /// The section of counters, once there are some.
    counters: Option<SectionId>,
    /// What a library changes, for its list of variables.
    pub variables: Vec<VariableFields<SymbolId>>,
    /// Global names for symbols of this object, see [`Writer::write_aliases`].
    pub aliases: Vec<(String, Symbol, SymbolScope)>,
}

impl<'a> Writer<'a> {
    pub fn new(
        (format, object): (ObjectFormat, Object<'static>),
        module: &'a Module<'a>,
        layout: &'a Layout,
        linkage: &'a Linkage,
        role: &'a Role<'a>,
        imports: ImportSymbols,
    ) -> Self {
        Writer {
            object,
            format,
            module,
            layout,
            linkage,
            role,
            imports,
            symbols: HashMap::new(),
            external: HashMap::new(),
            text_start: None,
            labels: HashMap::new(),
            needed: Vec::new(),
            guarded_tables: Vec::new(),
            counters: None,
            variables: Vec::new(),
            aliases: Vec::new(),
        }
    }

    /// The text section and a symbol for each function.
    pub fn define_functions(&mut self, code: &Code, text: &Text) {
        let section = self.object.section_id(StandardSection::Text);
        self.object.append_section_data(section, &text.bytes, text.alignment);
        for (func, start) in code.functions.iter().zip(&text.starts) {
            let (name, scope) = self.function_name(func.symbol);
            let symbol = self.object.add_symbol(write::Symbol {
                name,
                value: u64::from(*start),
                size: func.bytes.len() as u64,
                kind: SymbolKind::Text,
                scope,
                weak: false,
                section: SymbolSection::Section(section),
                flags: SymbolFlags::None,
            });
            self.symbols.insert(func.symbol, symbol);
        }
        for relocation in &text.relocations {
            match relocation.kind {
                RelocationKind::FromNext4 => {
                    let next = text.starts.binary_search(&offset_in_text(relocation.offset, 4));
                    let next = code.functions[next.expect("a function begins there")].symbol;
                    self.relocate_from(section, relocation, self.symbols[&next]);
                }
                _ => self.relocate_code(section, relocation),
            }
        }
    }

    /// The first byte of the code.
    pub fn text_start(&mut self) -> SymbolId {
        if let Some(symbol) = self.text_start {
            return symbol;
        }
        let section = self.object.section_id(StandardSection::Text);
        let symbol = self.local_label("w2n.text", section);
        *self.text_start.insert(symbol)
    }

    /// A local symbol for data that is defined later.
    pub fn declare(&mut self, name: &str) -> SymbolId {
        let symbol = self.undefined(name.to_owned(), SymbolKind::Data);
        self.object.symbol_mut(symbol).scope = SymbolScope::Compilation;
        symbol
    }

    /// A local symbol at the beginning of a section. Not all formats can refer
    /// to section symbols.
    pub fn local_label(&mut self, name: &str, section: SectionId) -> SymbolId {
        let symbol = self.declare(name);
        self.set_place(symbol, section, 0, 0);
        symbol
    }

    fn relocate_code(&mut self, section: SectionId, relocation: &Relocation) {
        let symbol = match relocation.target {
            RelocationTarget::Symbol(symbol) => self.refer(symbol),
            RelocationTarget::Runtime(name) => self.runtime_symbol(name),
            RelocationTarget::Here(offset) => self.code_label(section, offset),
        };
        self.add_relocation(section, u64::from(relocation.offset), symbol, relocation.kind, relocation.addend);
    }

    /// The distance of the target from `next`, which follows the field. Mach-O has a
    /// difference of symbols for it, the other formats the distance from the field.
    fn relocate_from(&mut self, section: SectionId, relocation: &Relocation, next: SymbolId) {
        let RelocationTarget::Symbol(symbol) = relocation.target else { panic!("signatures have symbols") };
        let symbol = self.refer(symbol);
        let offset = u64::from(relocation.offset);
        match self.format.binary {
            BinaryFormat::MachO => self.add_difference(section, offset, symbol, next, 4, 0),
            _ => self.add_relocation(section, offset, symbol, relocation.kind, -4),
        }
    }

    /// Mach-O: `minuend - subtrahend + addend` in a field of `size` bytes.
    pub fn add_difference(
        &mut self,
        section: SectionId,
        offset: u64,
        minuend: SymbolId,
        subtrahend: SymbolId,
        size: u32,
        addend: i64,
    ) {
        let flags = self.format.minuend(low_byte(size.trailing_zeros().into()));
        let relocation = write::Relocation { offset, symbol: minuend, addend, flags };
        self.object
            .add_relocation_with_subtractor(section, relocation, Some(subtrahend))
            .expect("Mach-O knows differences");
    }

    /// COFF: 4 bytes, where `symbol + addend` lies in the image.
    pub fn add_image_relative(&mut self, section: SectionId, offset: u64, symbol: SymbolId, addend: i64) {
        let flags = self.format.image_relative();
        self.object
            .add_relocation(section, write::Relocation { offset, symbol, addend, flags })
            .expect("COFF knows where things lie in the image");
    }

    /// A symbol for the instruction at `offset`, which another relocation refers to.
    fn code_label(&mut self, section: SectionId, offset: u32) -> SymbolId {
        *self.labels.entry(offset).or_insert_with(|| {
            self.object.add_symbol(write::Symbol {
                name: format!(".L{offset:x}").into_bytes(),
                value: u64::from(offset),
                size: 0,
                kind: SymbolKind::Label,
                scope: SymbolScope::Compilation,
                weak: false,
                section: SymbolSection::Section(section),
                flags: SymbolFlags::None,
            })
        })
    }

    pub fn add_relocation(
        &mut self,
        section: SectionId,
        offset: u64,
        symbol: SymbolId,
        kind: RelocationKind,
        addend: i64,
    ) {
        let flags = self.format.relocation(kind);
        self.object
            .add_relocation(section, write::Relocation { offset, symbol, addend, flags })
            .expect("the format has every relocation of its processor");
    }

    /// The symbol's number in the object; data not yet defined is noted as needed.
    pub fn refer(&mut self, symbol: Symbol) -> SymbolId {
        if let Some(&id) = self.symbols.get(&symbol) {
            return id;
        }
        let id = match self.external_name(symbol) {
            Some((name, kind)) => self.external(name, kind),
            None => {
                self.needed.push(symbol);
                match symbol {
                    Symbol::Signature(_) | Symbol::TypeRecord(_) | Symbol::Heap => {
                        let name = data_name(self.layout, self.module, symbol);
                        let section = match symbol {
                            Symbol::Heap => StandardSection::UninitializedData,
                            Symbol::TypeRecord(_) => StandardSection::ReadOnlyDataWithRel,
                            Symbol::Signature(index) if self.layout.supersignatures[index].is_some() => {
                                StandardSection::ReadOnlyDataWithRel
                            }
                            _ => StandardSection::ReadOnlyData,
                        };
                        self.mergeable(&name, SymbolScope::Linkage, section).0
                    }
                    _ => {
                        let kind = if self.layout.is_per_thread(symbol) { SymbolKind::Tls } else { SymbolKind::Data };
                        let id = self.undefined(data_name(self.layout, self.module, symbol), kind);
                        self.object.symbol_mut(id).scope = SymbolScope::Compilation;
                        id
                    }
                }
            }
        };
        self.symbols.insert(symbol, id);
        id
    }

    /// A new symbol of which the linker keeps one among all that objects define, and the section
    /// where it must be defined. COFF has sections for that, of which the linker keeps one; the
    /// symbols of such a section must be in this order, and GNU's linker goes by the
    /// section's name.
    pub fn mergeable(&mut self, name: &str, scope: SymbolScope, section: StandardSection) -> (SymbolId, SectionId) {
        let is_coff = self.format.binary == BinaryFormat::Coff;
        let section = if is_coff {
            let section = self.object.add_subsection(section, name.as_bytes());
            self.object.section_symbol(section);
            section
        } else {
            self.object.section_id(section)
        };
        let symbol = self.undefined(name.to_owned(), SymbolKind::Data);
        let data = self.object.symbol_mut(symbol);
        data.scope = scope;
        data.weak = !is_coff;
        data.section = SymbolSection::Section(section);
        if is_coff {
            self.object.add_comdat(write::Comdat { kind: ComdatKind::Any, symbol, sections: vec![section] });
        }
        (symbol, section)
    }

    /// The function's symbol if it has code, here or in another module; functions that nothing
    /// reaches have none.
    pub fn code_symbol(&mut self, func: FuncIndex) -> Option<SymbolId> {
        match self.linkage.function(func) {
            Some(_) => Some(self.refer(Symbol::Function(func))),
            None => self.symbols.get(&Symbol::Function(func)).copied(),
        }
    }

    pub fn defined(&self, symbol: Symbol) -> Option<SymbolId> {
        self.symbols.get(&symbol).copied()
    }

    /// A symbol of the runtime or of the C library.
    pub fn runtime_symbol(&mut self, name: &'static str) -> SymbolId {
        self.external(name.to_owned(), SymbolKind::Text)
    }

    pub fn external(&mut self, name: String, kind: SymbolKind) -> SymbolId {
        if let Some(&id) = self.external.get(&name) {
            return id;
        }
        let id = self.undefined(name.clone(), kind);
        self.external.insert(name, id);
        id
    }

    pub fn undefined(&mut self, name: String, kind: SymbolKind) -> SymbolId {
        self.object.add_symbol(write::Symbol {
            name: name.into_bytes(),
            value: 0,
            size: 0,
            kind,
            scope: SymbolScope::Unknown,
            weak: false,
            section: SymbolSection::Undefined,
            flags: SymbolFlags::None,
        })
    }

    /// Gives a symbol made by [`Writer::refer`] its place.
    pub fn define(&mut self, symbol: SymbolId, section: SectionId, data: Data, alignment: u64) {
        self.define_behind(symbol, section, data, alignment, 0);
    }

    /// As [`Writer::define`], after `before` bytes that are zero.
    pub fn define_behind(&mut self, symbol: SymbolId, section: SectionId, data: Data, alignment: u64, before: u64) {
        let size = data.bytes.len() as u64;
        if before != 0 {
            let zeros = usize::try_from(before).expect("a page fits into memory");
            self.object.append_section_data(section, &vec![0; zeros], alignment);
        }
        let offset = self.object.append_section_data(section, &data.in_order(self.format.endianness), alignment);
        for (at, target, addend) in data.addresses {
            let at = offset.checked_add(at).expect("a section is smaller than the address space");
            self.add_relocation(section, at, target, RelocationKind::Absolute8, addend);
        }
        self.set_place(symbol, section, offset, size);
    }

    /// As [`Writer::define_behind`], for data that is all zero.
    pub fn define_zero(&mut self, symbol: SymbolId, size: u64, alignment: u64, before: u64) {
        let is_per_thread = self.object.symbol(symbol).kind == SymbolKind::Tls;
        let section =
            if is_per_thread { StandardSection::UninitializedTls } else { StandardSection::UninitializedData };
        let section = self.object.section_id(section);
        if before != 0 {
            self.object.append_section_bss(section, before, alignment);
        }
        let offset = self.object.append_section_bss(section, size, alignment);
        self.set_place(symbol, section, offset, size);
    }

    /// As [`Writer::define_zero`], of a symbol that has its section from the start.
    pub fn define_mergeable_zero(&mut self, symbol: SymbolId, size: u64, alignment: u64) {
        let section = self.object.symbol(symbol).section.id().expect("it has its section from the start");
        let offset = self.object.append_section_bss(section, size, alignment);
        self.set_place(symbol, section, offset, size);
    }

    /// As [`Writer::define_zero`], for counters, which have a section of their own.
    pub fn define_counters(&mut self, symbol: SymbolId, n_counters: u64) {
        let object = &mut self.object;
        let section = *self.counters.get_or_insert_with(|| {
            object.add_section(Vec::new(), b".bss.w2n.counters".to_vec(), SectionKind::UninitializedData)
        });
        let size = n_counters.checked_mul(8).expect("a body has some million points at most");
        let offset = self.object.append_section_bss(section, size, 8);
        self.set_place(symbol, section, offset, size);
    }

    fn set_place(&mut self, symbol: SymbolId, section: SectionId, offset: u64, size: u64) {
        let symbol = self.object.symbol_mut(symbol);
        symbol.section = SymbolSection::Section(section);
        symbol.value = offset;
        symbol.size = size;
    }

    /// ELF: says that nothing here runs on the stack. Without it linkers make the stack executable.
    pub fn mark_stack(&mut self) {
        if self.format.binary == BinaryFormat::Elf {
            self.object.add_section(Vec::new(), b".note.GNU-stack".to_vec(), SectionKind::Other);
        }
    }

    /// ELF: says which program made the code.
    pub fn name_compiler(&mut self, version: &str) {
        let section = self.object.add_section(Vec::new(), b".comment".to_vec(), SectionKind::OtherString);
        let mut text = version.as_bytes().to_vec();
        text.push(0);
        self.object.append_section_data(section, &text, 1);
    }

    /// A new local symbol for `data`.
    pub fn local(&mut self, name: &str, section: StandardSection, data: Data, alignment: u64) -> SymbolId {
        let section = self.object.section_id(section);
        let symbol = self.declare(name);
        self.define(symbol, section, data, alignment);
        symbol
    }

    /// Makes a local symbol visible to whom the object is linked with, under another name.
    pub fn export_symbol(&mut self, name: &str, symbol: SymbolId, scope: SymbolScope) {
        let prefix = self.object.mangling().global_prefix();
        let symbol = self.object.symbol_mut(symbol);
        symbol.name = prefix.into_iter().chain(name.bytes()).collect();
        symbol.scope = scope;
    }

    /// Gives the symbols in [`Writer::aliases`] their global names. Requires that everything is
    /// defined; what is only imported stays under its own name.
    pub fn write_aliases(&mut self) {
        for (name, symbol, scope) in std::mem::take(&mut self.aliases) {
            let original = self.object.symbol(self.symbols[&symbol]);
            if original.section == SymbolSection::Undefined {
                continue;
            }
            let alias = write::Symbol {
                name: name.into_bytes(),
                value: original.value,
                size: original.size,
                kind: original.kind,
                scope,
                weak: false,
                section: original.section,
                flags: SymbolFlags::None,
            };
            self.object.add_symbol(alias);
        }
    }

    fn function_name(&self, symbol: Symbol) -> (Vec<u8>, SymbolScope) {
        let local = |name: String| (name.replace('\0', "?").into_bytes(), SymbolScope::Compilation);
        let name = |func: FuncIndex| match self.module.names.function(func) {
            Some(name) if !name.is_empty() => name.to_owned(),
            _ => format!("wasm_function_{}", func.as_u32()),
        };
        match symbol {
            Symbol::Function(func) => local(name(func)),
            Symbol::ArrayEntry(func) => local(format!("w2n.entry.{}", name(func))),
            Symbol::Export(func) => local(format!("w2n.export.{}", name(func))),
            Symbol::Initialize => local("w2n.initialize".to_owned()),
            Symbol::InitializePart(part) => local(format!("w2n.initialize.{}", part.as_u32())),
            Symbol::Variadic(func) => local(format!("w2n.variadic.{}", name(func))),
            Symbol::Callback(index) => local(format!("w2n.callbacks.{}", index.as_u32())),
            Symbol::CallbackSlot(index, slot) => local(format!("w2n.callback.{}.{slot}", index.as_u32())),
            Symbol::Main => (b"main".to_vec(), SymbolScope::Linkage),
            Symbol::LibraryInit => local("w2n.init".to_owned()),
            Symbol::LibraryConfigure => local("w2n.configure".to_owned()),
            Symbol::LibraryReset => local("w2n.reset".to_owned()),
            Symbol::LibraryInterrupt => local("w2n.interrupt".to_owned()),
            Symbol::LibraryCancelInterrupt => local("w2n.cancel_interrupt".to_owned()),
            Symbol::LibraryRefNew => local("w2n.ref_new".to_owned()),
            Symbol::LibraryRefGet => local("w2n.ref_get".to_owned()),
            Symbol::LibraryRefDrop => local("w2n.ref_drop".to_owned()),
            Symbol::MemoryBase(memory) => local(format!("w2n.memory_base.{}", memory.as_u32())),
            Symbol::MemoryGrowth(memory) => local(format!("w2n.memory_grow.{}", memory.as_u32())),
            Symbol::MemorySize(memory) => local(format!("w2n.memory_size.{}", memory.as_u32())),
            other => panic!("{other:?} is not a function of the module"),
        }
    }

    /// Name and kind of what somebody else defines.
    fn external_name(&self, symbol: Symbol) -> Option<(String, SymbolKind)> {
        if let Some((provider, kind)) = self.provider(symbol) {
            return Some((provided_symbol(provider), kind));
        }
        let data = |names: &[String], index: usize| Some((names[index].clone(), SymbolKind::Data));
        match symbol {
            Symbol::Import(func) => Some((self.imports.functions[&func].clone(), SymbolKind::Text)),
            Symbol::Builtin(builtin) => Some((builtin.symbol().to_owned(), SymbolKind::Text)),
            Symbol::Global(index) if self.module.globals[index].definition.is_import() => {
                data(&self.imports.globals, index.index())
            }
            Symbol::Table(index) if self.module.tables[index].definition.is_import() => {
                data(&self.imports.tables, index.index())
            }
            Symbol::Memory(index) if !self.layout.owns_memory(self.module, self.linkage, index) => {
                data(&self.imports.memories, index.index())
            }
            Symbol::Tag(index) if self.module.tags[index].definition.is_import() => {
                data(&self.imports.tags, index.index())
            }
            _ => None,
        }
    }

    /// The symbol of an import that no other module of the program provides.
    pub fn import_name(&self, symbol: Symbol) -> Option<String> {
        let name = || self.external_name(symbol).map(|(name, _)| name);
        if self.provider(symbol).is_some() { None } else { name() }
    }

    /// The other module's entity that `symbol` stands for.
    fn provider(&self, symbol: Symbol) -> Option<(Provider, SymbolKind)> {
        let code = |provider| (provider, SymbolKind::Text);
        let data = |provider| (provider, SymbolKind::Data);
        match symbol {
            Symbol::Function(func) => self.linkage.function(func).map(code),
            Symbol::Global(global) => self.linkage.global(global).map(data),
            Symbol::Table(table) => self.linkage.table(table).map(data),
            Symbol::Memory(memory) => self.linkage.memory(memory).map(data),
            Symbol::Tag(tag) => self.linkage.tag(tag).map(data),
            _ => None,
        }
    }
}

/// Name of the symbol under which other modules of the program reach an entity.
pub fn provided_symbol(provider: Provider) -> String {
    let Provider { instance, entity } = provider;
    match entity {
        EntityIndex::Function(index) => format!("w2n.{instance}.function.{}", index.as_u32()),
        EntityIndex::Table(index) => format!("w2n.{instance}.table.{}", index.as_u32()),
        EntityIndex::Memory(index) => format!("w2n.{instance}.memory.{}", index.as_u32()),
        EntityIndex::Global(index) => format!("w2n.{instance}.global.{}", index.as_u32()),
        EntityIndex::Tag(index) => format!("w2n.{instance}.tag.{}", index.as_u32()),
    }
}

/// Name of the symbol of a function of an instance that takes its arguments from an array.
pub fn entry_symbol(instance: usize, func: FuncIndex) -> String {
    format!("w2n.{instance}.entry.{}", func.as_u32())
}

/// Name of the symbol of an instance's [`Image`](crate::abi::image::Image).
pub fn image_symbol(instance: usize) -> String {
    format!("w2n.{instance}.image")
}

/// Name of the symbol of an instance's [`ProfileModule`](crate::abi::profile::ProfileModule).
pub fn counted_symbol(instance: usize) -> String {
    format!("w2n.{instance}.counted")
}

fn data_name(layout: &Layout, module: &Module, symbol: Symbol) -> String {
    match symbol {
        Symbol::Global(index) => format!("w2n.global.{}", index.as_u32()),
        Symbol::Memory(index) => format!("w2n.memory.{}", index.as_u32()),
        Symbol::Table(index) => format!("w2n.table.{}", index.as_u32()),
        Symbol::TableEntries(index) => format!("w2n.entries.{}", index.as_u32()),
        Symbol::Tag(index) => format!("w2n.tag.{}", index.as_u32()),
        Symbol::Data(index) => format!("w2n.data.{}", index.as_u32()),
        Symbol::Element(index) => format!("w2n.elem.{}", index.as_u32()),
        Symbol::Signature(index) => layout.signatures[index].clone(),
        Symbol::Slot(EntityIndex::Function(index)) => format!("w2n.slot.function.{}", index.as_u32()),
        Symbol::Slot(EntityIndex::Global(index)) => format!("w2n.slot.global.{}", index.as_u32()),
        Symbol::Slot(EntityIndex::Memory(index)) => format!("w2n.slot.memory.{}", index.as_u32()),
        Symbol::Slot(EntityIndex::Table(index)) => format!("w2n.slot.table.{}", index.as_u32()),
        Symbol::Slot(EntityIndex::Tag(index)) => format!("w2n.slot.tag.{}", index.as_u32()),
        Symbol::CallbackPool(index) => format!("w2n.callbacks.{}.pool", index.as_u32()),
        Symbol::Counters(index) => format!("w2n.counters.{}", index.as_u32()),
        Symbol::Program => abi::program::PROGRAM_SYMBOL.to_owned(),
        Symbol::PollPage => "w2n.poll_page".to_owned(),
        Symbol::Heap => abi::object::HEAP_SYMBOL.to_owned(),
        Symbol::TypeRecord(index) => {
            format!("{}{}", abi::object::TYPE_PREFIX, module.type_names[layout.records[index]])
        }
        other => panic!("{other:?} is not data"),
    }
}
