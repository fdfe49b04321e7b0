//! Debug information of the native program: DWARF, made of the module's own.
//!
//! A module without any gets the lines of its text form.

mod copies;
mod expression;
mod functions;
mod lines;
mod types;
mod units;

use super::dwarf::{self, Section};
use super::writer::Writer;
use crate::code::Code;
use crate::debug::Bytes;
use crate::debug::budget::Budget;
use crate::layout::{GlobalPlan, Symbol};
use crate::unit::Unit;
use crate::wasm::{GlobalIndex, MemoryIndex};
use anyhow::{Context, Result};
use expression::{Global, Memory, World};
use functions::Functions;
use units::Source;
use wasmparser::ValType;

/// Writes the sections, if the unit has debug information.
///
/// # Errors
/// When the module's own is damaged.
pub fn write(writer: &mut Writer, unit: &Unit, code: &Code) -> Result<()> {
    let Some(debug) = unit.debug.as_ref().filter(|_| unit.wants_debug) else { return Ok(()) };
    let Some(dwarf) = &debug.dwarf else { return Ok(()) };
    let functions = Functions::of(unit, code);
    let known = |symbol| writer.defined(symbol).is_some();
    let global = |index| global(unit, index, &known);
    let describe = |symbol| match symbol {
        Symbol::Function(func) => match unit.module.names.function(func) {
            Some(name) => name.to_owned(),
            None => format!("wasm_function_{}", func.as_u32()),
        },
        other => unit.describe(other),
    };
    let world = World { memory: memory(unit, &known), address_size: address_size(unit), global: &global };
    let source = Source {
        debug,
        dwarf,
        functions: &functions,
        world,
        budget: Budget::new(debug.size, 16),
        places: Budget::new(debug.size, 1),
        describe: &describe,
    };
    let mut out = gimli::write::Dwarf::new();
    units::convert(&source, &mut out).context("debug information")?;
    let mut sections = gimli::write::Sections::new(Section::new(writer.format.endianness));
    out.write(&mut sections).context("debug information")?;
    dwarf::write(writer, &mut sections)
}

/// Where the first memory is found: DWARF knows no other.
fn memory(unit: &Unit, known: &dyn Fn(Symbol) -> bool) -> Option<Memory> {
    let first = MemoryIndex::from_u32(0);
    let plan = unit.layout.memories.get(first)?;
    let symbol = Symbol::Memory(first);
    match plan.place {
        Some(place) => Some(Memory::At(place)),
        None => known(symbol).then_some(Memory::Behind(symbol)),
    }
}

fn address_size(unit: &Unit) -> u8 {
    let memory = unit.module.memories.values().next();
    if memory.is_some_and(|memory| memory.ty.memory64) { 8 } else { 4 }
}

fn global(unit: &Unit, index: GlobalIndex, known: &dyn Fn(Symbol) -> bool) -> Option<Global> {
    let size = match unit.module.globals.get(index)?.ty.content_type {
        ValType::I32 | ValType::F32 => 4,
        ValType::I64 | ValType::F64 => 8,
        _ => return None,
    };
    let symbol = Symbol::Global(index);
    match unit.layout.globals.get(index)? {
        GlobalPlan::Constant(constant) => constant.as_offset().map(Global::Constant),
        _ if unit.layout.is_per_thread(symbol) || !known(symbol) => None,
        _ => Some(Global::Stored(symbol, size)),
    }
}
