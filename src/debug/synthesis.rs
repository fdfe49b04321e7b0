//! DWARF for a module that has none: lines that somebody else knows, names of functions and locals
//! from the custom section `name`, and the types of Wasm.
//!
//! What comes out are custom sections, as a compiler would have written them.

use super::variables::{Variables, Writer};
use crate::wasm::{FuncIndex, Module};
use anyhow::{Context, Result};
use gimli::constants as dw;
use gimli::write::{
    Address, AttributeValue, DwarfUnit, EndianVec, Expression, FileId, LineProgram, LineString, Sections, UnitEntryId,
};
use gimli::{Encoding, Format, LineEncoding, LittleEndian};
use std::collections::HashMap;
use wasm_encoder::{CustomSection, Section};
use wasmparser::ValType;

/// An operator, and the line that it comes from.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Byte offset in the module.
    pub offset: u32,
    /// The file's number in [`Sources::files`].
    pub file: usize,
    pub line: u32,
    /// From 1; 0 is unknown.
    pub column: u32,
}

/// The lines of a module.
pub struct Sources {
    /// Where relative names of files begin.
    pub folder: String,
    pub files: Vec<String>,
    /// Sorted by offset.
    pub rows: Vec<Row>,
    pub producer: &'static str,
    /// What the frontend knows of them; otherwise they are told as WebAssembly has them.
    pub variables: Option<Variables>,
    pub language: gimli::DwLang,
}

/// How many locals of a function are described.
const MOST_LOCALS: usize = 4096;

/// The module with sections of DWARF at its end.
///
/// # Errors
/// When something is too large for DWARF.
pub fn add(wasm: &[u8], module: &Module, code_start: u32, sources: &Sources) -> Result<Vec<u8>> {
    let encoding = Encoding { address_size: 4, format: Format::Dwarf32, version: 5 };
    let mut dwarf = DwarfUnit::new(encoding);
    let first = sources.files.first().map_or("module", |name| name);
    let string = |text: &str| LineString::String(text.as_bytes().to_vec());
    let (folder, name) = (string(&sources.folder), string(first));
    let mut program = LineProgram::new(encoding, LineEncoding::default(), folder, None, name, None);
    let folder = program.default_directory();
    let files: Vec<FileId> = sources.files.iter().map(|name| program.add_file(string(name), folder, None)).collect();
    let root = dwarf.unit.root();
    let entry = dwarf.unit.get_mut(root);
    let text = |text: &str| AttributeValue::String(text.as_bytes().to_vec());
    entry.set(dw::DW_AT_producer, text(sources.producer));
    entry.set(dw::DW_AT_language, AttributeValue::Language(sources.language));
    entry.set(dw::DW_AT_name, text(first));
    entry.set(dw::DW_AT_comp_dir, text(&sources.folder));
    let mut types = Types::default();
    let mut known = sources.variables.as_ref().map(|it| Writer::new(&mut dwarf, it));
    if let Some(known) = &mut known {
        known.globals(&mut dwarf);
    }
    for (func, body) in module.bodies() {
        let range = body.range();
        let address = |offset: u64| offset.checked_sub(code_start.into());
        let start = address(range.start).context("a body outside of the code section")?;
        let length = range.end.saturating_sub(range.start);
        let first = sources.rows.partition_point(|row| u64::from(row.offset) < range.start);
        let last = sources.rows.partition_point(|row| u64::from(row.offset) < range.end);
        let rows = &sources.rows[first.min(last)..last];
        if rows.is_empty() {
            continue;
        }
        program.begin_sequence(Some(Address::Constant(start)));
        // What comes before the first operator belongs to its line.
        let head = Row { offset: u32::try_from(range.start)?, ..rows[0] };
        for row in [&head].into_iter().filter(|head| head.offset < rows[0].offset).chain(rows) {
            let out = program.row();
            out.address_offset = u64::from(row.offset).saturating_sub(range.start);
            out.file = files.get(row.file).copied().context("a line without a file")?;
            (out.line, out.column) = (row.line.into(), row.column.into());
            program.generate_row();
        }
        program.end_sequence(length);
        let entry_id = dwarf.unit.add(root, dw::DW_TAG_subprogram);
        let entry = dwarf.unit.get_mut(entry_id);
        let name = module.names.function(func).filter(|name| !name.is_empty());
        let name = name.map_or_else(|| format!("wasm_function_{}", func.as_u32()), str::to_owned);
        entry.set(dw::DW_AT_name, AttributeValue::String(name.into_bytes()));
        entry.set(dw::DW_AT_low_pc, AttributeValue::Address(Address::Constant(start)));
        entry.set(dw::DW_AT_high_pc, AttributeValue::Udata(length));
        entry.set(dw::DW_AT_decl_file, AttributeValue::FileIndex(files.get(rows[0].file).copied()));
        entry.set(dw::DW_AT_decl_line, AttributeValue::Udata(rows[0].line.into()));
        match &mut known {
            Some(known) => known.locals(&mut dwarf, entry_id, func.as_u32(), code_start),
            None => add_locals(&mut dwarf, &mut types, module, func, entry_id),
        }
    }
    dwarf.unit.line_program = program;
    let mut sections = Sections::new(EndianVec::new(LittleEndian));
    dwarf.write(&mut sections)?;
    let mut described = wasm.to_vec();
    sections.for_each(|id, section| {
        if !section.slice().is_empty() {
            let section = CustomSection { name: id.name().into(), data: section.slice().into() };
            section.append_to(&mut described);
        }
        Ok::<_, anyhow::Error>(())
    })?;
    Ok(described)
}

/// Entries of the types of Wasm.
#[derive(Default)]
struct Types(HashMap<&'static str, UnitEntryId>);

impl Types {
    fn of(&mut self, dwarf: &mut DwarfUnit, ty: ValType) -> Option<UnitEntryId> {
        let (name, size, encoding) = match ty {
            ValType::I32 => ("i32", 4, dw::DW_ATE_signed),
            ValType::I64 => ("i64", 8, dw::DW_ATE_signed),
            ValType::F32 => ("f32", 4, dw::DW_ATE_float),
            ValType::F64 => ("f64", 8, dw::DW_ATE_float),
            ValType::Ref(_) => ("reference", 8, dw::DW_ATE_unsigned),
            ValType::V128 => return None,
        };
        let id = self.0.entry(name).or_insert_with(|| {
            let id = dwarf.unit.add(dwarf.unit.root(), dw::DW_TAG_base_type);
            let entry = dwarf.unit.get_mut(id);
            entry.set(dw::DW_AT_name, AttributeValue::String(name.into()));
            entry.set(dw::DW_AT_byte_size, AttributeValue::Udata(size));
            entry.set(dw::DW_AT_encoding, AttributeValue::Encoding(encoding));
            id
        });
        Some(*id)
    }
}

/// Parameters and other locals: `p0`, `p1`, `l2` if they have no names.
fn add_locals(dwarf: &mut DwarfUnit, types: &mut Types, module: &Module, func: FuncIndex, parent: UnitEntryId) {
    let Some(body) = module.functions[func].definition.local() else { return };
    let params = module.function_type(func).params();
    let mut locals: Vec<ValType> = params.to_vec();
    let groups = body.get_locals_reader().into_iter().flatten().map_while(Result::ok);
    for (count, ty) in groups {
        let room = MOST_LOCALS.saturating_sub(locals.len());
        locals.extend(std::iter::repeat_n(ty, room.min(count as usize)));
    }
    locals.truncate(MOST_LOCALS);
    let names = module.names.parameters(func, locals.len());
    for ((number, ty), name) in (0u32..).zip(locals).zip(names) {
        let Some(ty) = types.of(dwarf, ty) else { continue };
        let is_param = (number as usize) < params.len();
        let name = match name.filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => format!("{}{number}", if is_param { 'p' } else { 'l' }),
        };
        let tag = if is_param { dw::DW_TAG_formal_parameter } else { dw::DW_TAG_variable };
        let id = dwarf.unit.add(parent, tag);
        let mut place = Expression::new();
        place.op_wasm_local(number);
        place.op(dw::DW_OP_stack_value);
        let entry = dwarf.unit.get_mut(id);
        entry.set(dw::DW_AT_name, AttributeValue::String(name.into_bytes()));
        entry.set(dw::DW_AT_type, AttributeValue::UnitRef(ty));
        entry.set(dw::DW_AT_location, AttributeValue::Exprloc(place));
    }
}
