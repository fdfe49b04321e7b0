//! Which operator of the module each instruction comes from, by LLVM's table of lines: a line is an
//! offset in the module.

use super::adopt::{Elf, relocated};
use super::inlined::Scopes;
use crate::code::{Position, Site};
use anyhow::Result;
use gimli::read::{DebugLine, EndianSlice};
use object::SectionIndex;
use std::collections::HashMap;

/// Rows of the table, each with the number of its function. A row is told as the return address of
/// a call of one byte: its offset follows the first byte of the instruction.
///
/// # Errors
/// When the table can't be read.
pub fn rows(file: &Elf, numbers: &HashMap<SectionIndex, usize>) -> Result<Vec<(usize, Site)>> {
    let mut rows = Vec::new();
    let data = relocated(file, ".debug_line", numbers)?;
    if data.is_empty() {
        return Ok(rows);
    }
    let table = DebugLine::new(&data, gimli::LittleEndian);
    let program = table.program(gimli::DebugLineOffset(0), 8, None, None::<EndianSlice<'_, gimli::LittleEndian>>)?;
    let mut all = program.rows();
    while let Some((_, row)) = all.next_row()? {
        let (number, offset) = (usize::try_from(row.address() >> 32)?, u32::try_from(row.address() & 0xffff_ffff)?);
        let line = row.line().map_or(0, std::num::NonZero::get);
        // Line 0 is code that LLVM made: it belongs to what precedes it.
        if row.end_sequence() || line == 0 {
            continue;
        }
        let site = Site { offset: offset.saturating_add(1), trap: None, wasm_offset: u32::try_from(line)?, scope: 0 };
        rows.push((number, site));
    }
    Ok(rows)
}

/// The rows of a function as positions: where its code comes from.
pub fn positions(mut rows: Vec<Site>, scopes: &Scopes, size: u32) -> Vec<Position> {
    rows.sort_by_key(|row| row.offset);
    let mut positions: Vec<Position> = Vec::new();
    for row in rows {
        let Some(offset) = row.offset.checked_sub(1).filter(|offset| *offset < size) else { continue };
        let position = Position { offset, wasm_offset: row.wasm_offset, scope: scopes.around(&row) };
        match positions.last_mut() {
            Some(last) if last.offset == offset => *last = position,
            Some(last) if (last.wasm_offset, last.scope) == (position.wasm_offset, position.scope) => {}
            _ => positions.push(position),
        }
    }
    positions
}
