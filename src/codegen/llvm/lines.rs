//! Which operator of the module each instruction comes from, by LLVM's table of lines: a line is an
//! offset in the module.

use super::adopt::{Elf, resolve};
use crate::code::Site;
use crate::number::to_usize;
use anyhow::{Context, Result};
use gimli::read::{DebugLine, EndianSlice};
use object::{Object, ObjectSection, SectionIndex};
use std::collections::HashMap;

/// Rows of the table, each with the number of its function. A row is told as the return address of
/// a call of one byte: its offset follows the first byte of the instruction.
///
/// # Errors
/// When the table can't be read.
pub fn rows(file: &Elf, numbers: &HashMap<SectionIndex, usize>) -> Result<Vec<(usize, Site)>> {
    let mut rows = Vec::new();
    let Some(section) = file.section_by_name(".debug_line") else { return Ok(rows) };
    let mut data = section.data()?.to_vec();
    // An address becomes the function's number and the place in it.
    for (at, relocation) in section.relocations() {
        let (target, place) = resolve(file, relocation.target(), relocation.addend())?;
        let Some(&number) = target.and_then(|section| numbers.get(&section)) else { continue };
        let address = u64::try_from(number)?.checked_shl(32).context("too many functions")? | u64::try_from(place)?;
        let at = to_usize(at);
        let field = data.get_mut(at..at.saturating_add(8)).context("an address is cut off")?;
        field.copy_from_slice(&address.to_le_bytes());
    }
    let table = DebugLine::new(&data, gimli::LittleEndian);
    let program = table.program(gimli::DebugLineOffset(0), 8, None, None::<EndianSlice<'_, gimli::LittleEndian>>)?;
    let mut all = program.rows();
    let mut last = None;
    while let Some((_, row)) = all.next_row()? {
        let (number, offset) = (usize::try_from(row.address() >> 32)?, u32::try_from(row.address() & 0xffff_ffff)?);
        let line = row.line().map_or(0, std::num::NonZero::get);
        // Line 0 is code that LLVM made: it belongs to what precedes it.
        if row.end_sequence() || line == 0 || last == Some((number, line)) {
            continue;
        }
        last = Some((number, line));
        let site = Site { offset: offset.saturating_add(1), trap: None, wasm_offset: u32::try_from(line)? };
        rows.push((number, site));
    }
    Ok(rows)
}
