//! The module's description for the runtime: [`Image`](crate::abi::image::Image) with memories,
//! data runs, functions, names, sites and handlers.

use super::bytes::Data;
use super::handlers;
use super::image::{self, PageRun};
use super::roots;
use super::text::Text;
use super::writer::Writer;
use crate::abi::image::{FunctionFields, INLINED, ImageFields, NO_FUNCTION, SCOPES};
use crate::abi::memory::{DataRunFields, X86_64_PAGE};
use crate::code::{Code, CompiledFunction, Inlined, Site};
use crate::layout::Symbol;
use crate::number::{low_byte, to_u32, to_usize};
use crate::report::demangle::demangle;
use crate::report::shown;
use crate::wasm::{EntityIndex, Module, Table, TableIndex};
use anyhow::{Context, Result};
use cranelift_entity::EntityRef;
use object::SectionKind;
use object::write::{StandardSection, SymbolId};
use std::collections::HashMap;

/// Writes the description; its symbol.
///
/// # Errors
/// When names or sites take 4 GiB or more.
pub fn write(
    writer: &mut Writer,
    code: &Code,
    text: &Text,
    table_entries: SymbolId,
    (lines, accesses): (Option<(SymbolId, u64)>, Option<SymbolId>),
) -> Result<SymbolId> {
    let (memories, n_memories) = write_memories(writer);
    let (runs, n_runs) = write_runs(writer);
    let functions = write_functions(writer, code, text)?;
    let handlers = handlers::write(writer, code, text);
    let roots = roots::write(writer);
    let text_symbol = writer.text_start();
    let (try_calls, n_try_calls) = handlers.try_calls;
    let (reference_globals, n_reference_globals) = roots.globals;
    let (reference_tables, n_reference_tables) = roots.tables;
    let (reference_segments, n_reference_segments) = roots.segments;
    let mut data = Data::default();
    data.record(ImageFields {
        memories,
        n_memories,
        runs,
        n_runs,
        table_entries: Some(table_entries),
        text: Some(text_symbol),
        text_length: text.bytes.len() as u64,
        functions: Some(functions.table),
        n_functions: code.functions.len() as u64,
        names: Some(functions.names),
        sites: Some(functions.sites),
        try_calls,
        n_try_calls,
        handlers: handlers.handlers,
        tags: handlers.tags,
        reference_globals,
        n_reference_globals,
        reference_tables,
        n_reference_tables,
        reference_segments,
        n_reference_segments,
        heap: roots.heap,
        wasi_memory: wasi_memory(writer),
        table_bytes: table_bytes(writer),
        initialize: writer.defined(Symbol::Initialize),
        lines: lines.map(|(table, _)| table),
        lines_length: lines.map_or(0, |(_, length)| length),
        find_line: lines.map(|_| writer.runtime_symbol("w2n_find_line")),
        accesses,
    });
    Ok(writer.local("w2n.image", StandardSection::ReadOnlyDataWithRel, data, 8))
}

/// The memory that WASI functions work on when this module calls them: the host's function belongs
/// to the instance that calls.
fn wasi_memory(writer: &mut Writer) -> Option<SymbolId> {
    let module = writer.module;
    if !module.functions.values().any(|func| func.definition.is_import()) {
        return None;
    }
    let exported = module.export("memory").and_then(|entity| match entity {
        EntityIndex::Memory(memory) => Some(memory),
        _ => None,
    });
    let memory = exported.or_else(|| module.memories.keys().next())?;
    // A memory that the host supplies to an object is the host's.
    let is_here = writer.layout.owns_memory(module, writer.linkage, memory) || writer.linkage.memory(memory).is_some();
    is_here.then(|| writer.refer(Symbol::Memory(memory)))
}

/// [`Image::table_bytes`](crate::abi::image::Image::table_bytes). Tables that threads have for
/// themselves take whole pages.
fn table_bytes(writer: &Writer) -> u64 {
    let bytes = |(index, table): (TableIndex, &Table)| {
        let plan = writer.layout.tables[index];
        let bytes = table.ty.initial.saturating_mul(plan.entry_size());
        match table.definition.local() {
            None => 0,
            Some(_) if plan.never_changes() => 0,
            Some(_) if writer.layout.is_table_per_thread(index) => {
                bytes.max(1).checked_next_multiple_of(writer.format.page_size()).unwrap_or(u64::MAX)
            }
            Some(_) => bytes,
        }
    };
    writer.module.tables.iter().map(bytes).fold(0, u64::saturating_add)
}

/// The memories that the runtime creates for this module: no other module defines them.
fn write_memories(writer: &mut Writer) -> (Option<SymbolId>, u64) {
    let owned = |index: &_| writer.layout.owns_memory(writer.module, writer.linkage, *index);
    let owned: Vec<_> = writer.module.memories.keys().filter(owned).collect();
    if owned.is_empty() {
        return (None, 0);
    }
    let mut data = Data::default();
    for &index in &owned {
        data.address(writer.refer(Symbol::Memory(index)));
    }
    let symbol = writer.local("w2n.memories", StandardSection::ReadOnlyDataWithRel, data, 8);
    (Some(symbol), owned.len() as u64)
}

/// Up to so many bytes are copied where pages are larger than 4 KiB: a page of 64 KiB would take
/// its place in the file, and as much again in front of it.
const COPIED: usize = 16 << 10;

/// The bytes of a run that is to be copied, from the first to the last that is not zero, and the
/// place of the first.
fn copied(run: &PageRun, page: u64) -> Option<(u64, &[u8])> {
    let first = run.bytes.iter().position(|byte| *byte != 0)?;
    let last = run.bytes.iter().rposition(|byte| *byte != 0)?;
    let bytes = &run.bytes[first..=last];
    (page > X86_64_PAGE && bytes.len() <= COPIED).then_some((first as u64, bytes))
}

/// The pages lie in a writable section of their own, so that the runtime can move them away. What
/// is copied lies among the constants, at an odd address: no system moves that, whatever its pages.
fn write_runs(writer: &mut Writer) -> (Option<SymbolId>, u64) {
    let page = writer.format.page_size();
    let runs = image::runs(writer.module, writer.layout, page);
    if runs.is_empty() {
        return (None, 0);
    }
    let mut section = None;
    let mut data = Data::default();
    for run in &runs {
        let (first, place, length) = match copied(run, page) {
            Some((first, bytes)) => {
                let contents = Data::from([&[0], bytes].concat());
                let symbol = writer.local("w2n.bytes", StandardSection::ReadOnlyData, contents, 2);
                (first, (symbol, 1), bytes.len())
            }
            None => {
                let (section, pages) = *section.get_or_insert_with(|| {
                    let (segment, name) = writer.format.pages_section();
                    let section = writer.object.add_section(segment.into(), name.into(), SectionKind::Data);
                    (section, writer.local_label("w2n.pages", section))
                });
                let offset = writer.object.append_section_data(section, &run.bytes, page);
                (0, (pages, offset.cast_signed()), run.bytes.len())
            }
        };
        let memory = (writer.refer(Symbol::Memory(run.memory)), 0);
        let at = to_usize(first);
        let probe = run.bytes[at..].iter().position(|byte| *byte != 0).expect("a run has more than zeros");
        let fields = DataRunFields {
            memory: Some(memory),
            address: run.address.checked_add(first).expect("a run lies in its memory"),
            data: Some(place),
            length: length as u64,
            probe: probe as u64,
            probed: run.bytes[at.saturating_add(probe)].into(),
        };
        data.record_at(fields, |place| place);
    }
    (Some(writer.local("w2n.runs", StandardSection::ReadOnlyDataWithRel, data, 8)), runs.len() as u64)
}

struct FunctionTables {
    table: SymbolId,
    names: SymbolId,
    sites: SymbolId,
}

fn write_functions(writer: &mut Writer, code: &Code, text: &Text) -> Result<FunctionTables> {
    let (mut table, mut names, mut sites) = (Data::default(), Data::default(), Data::default());
    // Offset 0 is the empty name.
    names.byte(0);
    let has_inlined = code.functions.iter().any(|func| !func.inlined.is_empty());
    let rows: HashMap<Symbol, u64> = match has_inlined {
        true => code.functions.iter().map(|func| func.symbol).zip(0..).collect(),
        false => HashMap::new(),
    };
    for (func, start) in code.functions.iter().zip(&text.starts) {
        let name = write_name(&mut names, writer.module, func)?;
        let index = match func.symbol {
            Symbol::Function(index) => index.as_u32(),
            _ => NO_FUNCTION,
        };
        table.record(FunctionFields {
            start: *start,
            length: to_u32(func.bytes.len()),
            name,
            sites: place_in(&sites)?,
            index,
            frame: u32::from(func.has_frame) | func.stored,
        });
        write_inlined(&mut sites.bytes, &func.inlined, &rows);
        write_sites(&mut sites.bytes, &func.sites);
    }
    table.record(FunctionFields {
        start: to_u32(text.bytes.len()),
        length: 0,
        name: 0,
        sites: place_in(&sites)?,
        index: NO_FUNCTION,
        frame: 0,
    });
    Ok(FunctionTables {
        table: writer.local("w2n.functions", StandardSection::ReadOnlyData, table, 4),
        names: writer.local("w2n.names", StandardSection::ReadOnlyData, names, 1),
        sites: writer.local("w2n.sites", StandardSection::ReadOnlyData, sites, 1),
    })
}

/// The offset of what will be added next.
fn place_in(data: &Data) -> Result<u32> {
    u32::try_from(data.bytes.len()).context("the names of functions or the table of traps take more than 4 GiB")
}

fn write_name(names: &mut Data, module: &Module, func: &CompiledFunction) -> Result<u32> {
    let Symbol::Function(index) = func.symbol else { return Ok(0) };
    // An import is known by what it is imported as: that is what its user can do something about.
    let name = match module.functions[index].definition.import() {
        Some(import) => Some(format!("{}.{}", import.module, import.name).into()),
        None => module.names.function(index).filter(|name| !name.is_empty()).map(demangle),
    };
    let Some(name) = name else { return Ok(0) };
    let offset = place_in(names)?;
    debug_assert!(index.index() < module.functions.len());
    // For people: what a terminal would obey is escaped, and so is the zero byte, which ends a
    // name.
    names.bytes.extend(shown(&name).bytes());
    names.byte(0);
    Ok(offset)
}

/// The beginning of the list that [`Function::sites`](crate::abi::image::Function::sites)
/// describes.
fn write_inlined(bytes: &mut Vec<u8>, inlined: &[Inlined], rows: &HashMap<Symbol, u64>) {
    for Inlined { symbol, parent, wasm_offset } in inlined {
        unsigned(bytes, rows[symbol]);
        unsigned(bytes, u64::from(*parent).wrapping_mul(SCOPES).wrapping_add(INLINED));
        signed(bytes, (*wasm_offset).into());
    }
}

/// The list that [`Function::sites`](crate::abi::image::Function::sites) describes.
fn write_sites(bytes: &mut Vec<u8>, sites: &[Site]) {
    let (mut offset, mut wasm_offset) = (0, 0);
    for site in sites {
        // A call is found by its last byte.
        let place = site.offset.checked_sub(u32::from(site.trap.is_none())).expect("a call is not empty");
        unsigned(bytes, place.checked_sub(offset).expect("sites are sorted").into());
        let trap = site.trap.map_or(0, |trap| trap as u64);
        unsigned(bytes, u64::from(site.scope).wrapping_mul(SCOPES).wrapping_add(trap));
        // The difference of two numbers of 32 bits.
        signed(bytes, i64::from(site.wasm_offset).wrapping_sub(wasm_offset.into()));
        (offset, wasm_offset) = (place, site.wasm_offset);
    }
}

pub fn unsigned(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    bytes.push(low_byte(value));
}

pub fn signed(bytes: &mut Vec<u8>, mut value: i64) {
    while !(-64..64).contains(&value) {
        bytes.push(low_byte(value.cast_unsigned()) | 0x80);
        value >>= 7;
    }
    bytes.push(low_byte(value.cast_unsigned()) & 0x7f);
}
