//! Which operator of the module each instruction comes from, by LLVM's table of lines: a line is an
//! offset in the module.

use super::adopt::{Elf, relocated};
use super::inlined::Scopes;
use crate::code::{Position, Site};
use anyhow::Result;
use gimli::read::{DebugLine, EndianSlice};
use object::SectionIndex;
use std::collections::HashMap;

/// A row of the table.
#[derive(Clone, Copy)]
pub struct Row {
    /// As the return address of a call of one byte: its offset follows the first byte of the
    /// instruction.
    pub site: Site,
    /// Where the code begins that the instruction belongs to: its functions are the site's.
    pub home: u32,
}

/// Rows of the table, each with the number of its function.
///
/// Line 0 is code that LLVM made or moved. It belongs to what follows it: LLVM takes the place from
/// what it moves to the end of the block before.
///
/// # Errors
/// When the table can't be read.
pub fn rows(file: &Elf, numbers: &HashMap<SectionIndex, usize>) -> Result<Vec<(usize, Row)>> {
    let mut rows = Vec::new();
    let data = relocated(file, ".debug_line", numbers)?;
    if data.is_empty() {
        return Ok(rows);
    }
    let table = DebugLine::new(&data, gimli::LittleEndian);
    let program = table.program(gimli::DebugLineOffset(0), 8, None, None::<EndianSlice<'_, gimli::LittleEndian>>)?;
    let mut all = program.rows();
    let mut moved = None;
    while let Some((_, row)) = all.next_row()? {
        let (number, offset) = (usize::try_from(row.address() >> 32)?, u32::try_from(row.address() & 0xffff_ffff)?);
        let line = row.line().map_or(0, std::num::NonZero::get);
        let start = moved.take().filter(|(other, _)| *other == number).map_or(offset, |(_, offset)| offset);
        match line {
            _ if row.end_sequence() => {}
            0 => moved = Some((number, start)),
            _ => {
                let wasm_offset = u32::try_from(line)?;
                let site = Site { offset: start.saturating_add(1), trap: None, wasm_offset, scope: 0 };
                rows.push((number, Row { site, home: offset }));
            }
        }
    }
    Ok(rows)
}

/// The rows of a function as positions: where its code comes from.
pub fn positions(mut rows: Vec<Row>, scopes: &Scopes, size: u32) -> Vec<Position> {
    rows.sort_by_key(|row| row.site.offset);
    let mut positions: Vec<Position> = Vec::new();
    for Row { site, home } in rows {
        let Some(offset) = site.offset.checked_sub(1).filter(|offset| *offset < size) else { continue };
        let position = Position { offset, wasm_offset: site.wasm_offset, scope: scopes.at(home) };
        match positions.last_mut() {
            Some(last) if last.offset == offset => *last = position,
            Some(last) if (last.wasm_offset, last.scope) == (position.wasm_offset, position.scope) => {}
            _ => positions.push(position),
        }
    }
    positions
}
