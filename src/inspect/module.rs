//! What a module says of itself: what it imports and exports, its memories and tables, how large
//! its parts are, and which features it needs. Nothing is compiled.

use crate::number::to_usize;
use crate::wasm::describe::{describe_type, describe_value};
use crate::wasm::input::Input;
use crate::wasm::unsupported;
use anyhow::{Context, Result};
use serde::Serialize;
use std::collections::HashMap;
use wasmparser::{
    CompositeInnerType, Encoding, ExternalKind, FuncType, GlobalType, MemoryType, Name, NameSectionReader, Parser,
    Payload, ProducersSectionReader, TableType, TypeRef,
};

/// How many functions are listed as the largest.
const N_LARGEST: usize = 10;

/// A module.
#[derive(Debug, Default, Serialize)]
pub struct ModuleReport {
    /// In bytes, of the binary form.
    pub size: u64,
    /// What goes beyond WebAssembly 1.0.
    pub features: Vec<&'static str>,
    pub imports: Vec<Import>,
    pub exports: Vec<Export>,
    pub memories: Vec<Memory>,
    pub tables: Vec<Table>,
    pub n_imported_functions: u32,
    pub n_defined_functions: u32,
    /// A start function runs at instantiation.
    pub has_start: bool,
    pub sections: Vec<Section>,
    /// The functions with the largest bodies, the largest first.
    pub largest_functions: Vec<Function>,
    /// Languages and tools that made the module, as it says.
    pub producers: Vec<String>,
}

/// An import, in the order of the module.
#[derive(Debug, Serialize)]
pub struct Import {
    pub module: String,
    pub name: String,
    pub kind: &'static str,
    #[serde(rename = "type")]
    pub ty: String,
}

/// An export, in the order of the module.
#[derive(Debug, Serialize)]
pub struct Export {
    pub name: String,
    pub kind: &'static str,
    #[serde(rename = "type")]
    pub ty: String,
}

/// A linear memory; sizes in pages.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    pub initial: u64,
    pub maximum: Option<u64>,
    /// In bytes.
    pub page_size: u64,
    pub is_64_bit: bool,
    pub is_shared: bool,
    pub is_imported: bool,
}

/// A table; sizes in entries.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    pub initial: u64,
    pub maximum: Option<u64>,
    pub element: String,
    pub is_imported: bool,
}

/// A section with its contents' size in bytes. Custom sections have their own names.
#[derive(Debug, Serialize)]
pub struct Section {
    pub name: String,
    pub size: u64,
    pub is_custom: bool,
}

/// A function that the module defines; `size` is that of its body, in bytes.
#[derive(Debug, Serialize)]
pub struct Function {
    pub index: u32,
    pub name: Option<String>,
    pub size: u64,
}

/// Reads a module, binary or text.
///
/// # Errors
/// When it is not a module, or is malformed.
pub fn read(input: &Input) -> Result<ModuleReport> {
    let wasm = input.binary().with_context(|| input.name.clone())?;
    let mut reader = Reader::default();
    reader.report.size = wasm.len() as u64;
    for payload in Parser::new(0).parse_all(&wasm) {
        let payload = payload.map_err(|error| malformed(&input.name, error))?;
        reader.take(payload).map_err(|error| malformed(&input.name, error))?;
    }
    reader.report.features = unsupported::needed(&wasm);
    Ok(reader.finish())
}

fn malformed(name: &str, error: wasmparser::BinaryReaderError) -> anyhow::Error {
    anyhow::anyhow!("{name}: malformed module: {} (at offset {:#x})", error.message(), error.offset())
}

/// What is known of a module while it is read.
#[derive(Default)]
struct Reader {
    report: ModuleReport,
    /// Function types by index; none where something else is.
    types: Vec<Option<FuncType>>,
    /// Types of functions, globals and tags, imported ones first.
    functions: Vec<u32>,
    globals: Vec<String>,
    tags: Vec<u32>,
    sizes: Vec<u64>,
    names: HashMap<u32, String>,
}

impl Reader {
    fn take(&mut self, payload: Payload) -> wasmparser::Result<()> {
        let known = match &payload {
            Payload::TypeSection(it) => Some(("type", it.range())),
            Payload::ImportSection(it) => Some(("import", it.range())),
            Payload::FunctionSection(it) => Some(("function", it.range())),
            Payload::TableSection(it) => Some(("table", it.range())),
            Payload::MemorySection(it) => Some(("memory", it.range())),
            Payload::TagSection(it) => Some(("tag", it.range())),
            Payload::GlobalSection(it) => Some(("global", it.range())),
            Payload::ExportSection(it) => Some(("export", it.range())),
            Payload::StartSection { range, .. } => Some(("start", range.clone())),
            Payload::ElementSection(it) => Some(("element", it.range())),
            Payload::DataCountSection { range, .. } => Some(("data count", range.clone())),
            Payload::CodeSectionStart { size, .. } => Some(("code", 0..u64::from(*size))),
            Payload::DataSection(it) => Some(("data", it.range())),
            _ => None,
        };
        if let Some((name, range)) = known {
            let size = range.end.saturating_sub(range.start);
            self.report.sections.push(Section { name: name.to_owned(), size, is_custom: false });
        }
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } => {}
            Payload::TypeSection(types) => {
                for group in types {
                    for ty in group?.into_types() {
                        self.types.push(match ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => Some(ty),
                            _ => None,
                        });
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    let (kind, ty) = self.import(import.ty);
                    let (module, name) = (import.module.to_owned(), import.name.to_owned());
                    self.report.imports.push(Import { module, name, kind, ty });
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    self.functions.push(ty?);
                    self.report.n_defined_functions = self.report.n_defined_functions.saturating_add(1);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    self.report.tables.push(table_of(table?.ty, false));
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.report.memories.push(memory_of(memory?, false));
                }
            }
            Payload::TagSection(tags) => {
                for tag in tags {
                    self.tags.push(tag?.func_type_idx);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    self.globals.push(global_type(global?.ty));
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    let (kind, ty) = self.entity(export.kind, export.index);
                    self.report.exports.push(Export { name: export.name.to_owned(), kind, ty });
                }
            }
            Payload::StartSection { .. } => self.report.has_start = true,
            Payload::CodeSectionEntry(body) => self.sizes.push(body.range().end.saturating_sub(body.range().start)),
            Payload::CustomSection(section) => {
                let size = section.data().len() as u64;
                self.report.sections.push(Section { name: section.name().to_owned(), size, is_custom: true });
                match section.name() {
                    "name" => self.read_names(section.data_offset(), section.data()),
                    "producers" => self.read_producers(section.data_offset(), section.data()),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, ty: TypeRef) -> (&'static str, String) {
        match ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                self.report.n_imported_functions = self.report.n_imported_functions.saturating_add(1);
                ("function", self.function_type(index))
            }
            TypeRef::Table(ty) => {
                let table = table_of(ty, true);
                let text = table.describe();
                self.report.tables.push(table);
                ("table", text)
            }
            TypeRef::Memory(ty) => {
                let memory = memory_of(ty, true);
                let text = memory.describe();
                self.report.memories.push(memory);
                ("memory", text)
            }
            TypeRef::Global(ty) => {
                self.globals.push(global_type(ty));
                ("global", global_type(ty))
            }
            TypeRef::Tag(ty) => {
                self.tags.push(ty.func_type_idx);
                ("tag", self.function_type(ty.func_type_idx))
            }
        }
    }

    fn entity(&self, kind: ExternalKind, index: u32) -> (&'static str, String) {
        let index = to_usize(u64::from(index));
        let unknown = || "-".to_owned();
        let function = |types: &[u32]| types.get(index).map_or_else(unknown, |&ty| self.function_type(ty));
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => ("function", function(&self.functions)),
            ExternalKind::Tag => ("tag", function(&self.tags)),
            ExternalKind::Table => ("table", self.report.tables.get(index).map_or_else(unknown, Table::describe)),
            ExternalKind::Memory => ("memory", self.report.memories.get(index).map_or_else(unknown, Memory::describe)),
            ExternalKind::Global => ("global", self.globals.get(index).cloned().unwrap_or_else(unknown)),
        }
    }

    fn function_type(&self, index: u32) -> String {
        let ty = self.types.get(to_usize(u64::from(index)));
        ty.and_then(Option::as_ref).map_or_else(|| "-".to_owned(), describe_type)
    }

    /// A damaged section is not an error of the module.
    fn read_names(&mut self, offset: u64, data: &[u8]) {
        for subsection in NameSectionReader::new(wasmparser::BinaryReader::new(data, offset)).map_while(Result::ok) {
            let Name::Function(names) = subsection else { continue };
            let names = names.into_iter().map_while(Result::ok);
            self.names.extend(names.map(|naming| (naming.index, naming.name.to_owned())));
        }
    }

    fn read_producers(&mut self, offset: u64, data: &[u8]) {
        let Ok(fields) = ProducersSectionReader::new(wasmparser::BinaryReader::new(data, offset)) else { return };
        for field in fields.into_iter().map_while(Result::ok) {
            for value in field.values.into_iter().map_while(Result::ok) {
                self.report.producers.push(format!("{} {}", value.name, value.version).trim_end().to_owned());
            }
        }
    }

    fn finish(mut self) -> ModuleReport {
        let first = self.report.n_imported_functions;
        let mut functions: Vec<_> = (first..)
            .zip(&self.sizes)
            .map(|(index, &size)| Function { index, name: self.names.get(&index).cloned(), size })
            .collect();
        functions.sort_by_key(|function| (std::cmp::Reverse(function.size), function.index));
        functions.truncate(N_LARGEST);
        self.report.largest_functions = functions;
        self.report
    }
}

impl Memory {
    /// As in the text format.
    pub fn describe(&self) -> String {
        let index = if self.is_64_bit { "i64 " } else { "" };
        let shared = if self.is_shared { " shared" } else { "" };
        format!("{index}{}{shared}", limits(self.initial, self.maximum))
    }
}

impl Table {
    /// As in the text format.
    pub fn describe(&self) -> String {
        format!("{} {}", limits(self.initial, self.maximum), self.element)
    }
}

fn limits(initial: u64, maximum: Option<u64>) -> String {
    maximum.map_or_else(|| initial.to_string(), |maximum| format!("{initial} {maximum}"))
}

fn memory_of(ty: MemoryType, is_imported: bool) -> Memory {
    Memory {
        initial: ty.initial,
        maximum: ty.maximum,
        page_size: 1u64.checked_shl(ty.page_size_log2.unwrap_or(16)).unwrap_or(u64::MAX),
        is_64_bit: ty.memory64,
        is_shared: ty.shared,
        is_imported,
    }
}

fn table_of(ty: TableType, is_imported: bool) -> Table {
    Table { initial: ty.initial, maximum: ty.maximum, element: describe_value(ty.element_type.into()), is_imported }
}

fn global_type(ty: GlobalType) -> String {
    match ty.mutable {
        true => format!("(mut {})", describe_value(ty.content_type)),
        false => describe_value(ty.content_type),
    }
}
