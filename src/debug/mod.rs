//! What a module says of its source: DWARF in its custom sections (DWARF for WebAssembly,
//! <https://yurydelendik.github.io/webassembly-dwarf/>).
//!
//! Comes in: a module's binary form. Goes out: [`struct@Debug`], with sections that nobody has
//! taken apart and the lines of all operators. Addresses in DWARF count from the contents of the
//! code section, ours from the beginning of the module.
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod abbreviations;
pub mod budget;
pub mod external;
pub mod lines;
pub mod source;
mod source_map;
pub mod split;
pub mod stacked;
pub mod synthesis;
mod text;
pub mod variables;

use anyhow::{Context, Result};
use budget::Budget;
use gimli::{EndianSlice, LittleEndian};
use lines::Lines;
use stacked::Stacked;
use std::collections::HashMap;
use wasmparser::{Parser, Payload};

/// A section of DWARF.
pub type Bytes<'a> = EndianSlice<'a, LittleEndian>;

/// What a module says of its source.
pub struct Debug<'a> {
    /// `None` if it says nothing.
    pub dwarf: Option<gimli::read::Dwarf<Bytes<'a>>>,
    pub lines: Lines,
    /// Variables on the operand stack, if debuggers are to see them.
    pub stacked: Vec<Stacked>,
    /// Where the contents of the code section begin in the module.
    pub code_start: u32,
    /// How large all of it is, in bytes.
    pub size: usize,
}

impl<'a> Debug<'a> {
    /// Reads the sections of a module.
    ///
    /// # Errors
    /// When a section is damaged.
    pub fn read(wasm: &'a [u8]) -> Result<Debug<'a>> {
        let (sections, code_start) = sections(wasm)?;
        if !sections.contains_key(".debug_line") {
            return Ok(Debug { dwarf: None, lines: Lines::default(), stacked: Vec::new(), code_start, size: 0 });
        }
        let load = |id: gimli::SectionId| {
            let data = sections.get(id.name()).copied().unwrap_or_default();
            Ok::<_, gimli::Error>(EndianSlice::new(data, LittleEndian))
        };
        let mut dwarf = gimli::read::Dwarf::load(load)?;
        let size = sections.values().map(|section| section.len()).fold(0, usize::saturating_add);
        abbreviations::read(&mut dwarf)?;
        let lines = Lines::read(&dwarf, code_start, size).context("table of lines")?;
        Ok(Debug { dwarf: Some(dwarf), lines, stacked: Vec::new(), code_start, size })
    }

    /// Looks for variables on the operand stack, too, for debuggers.
    ///
    /// # Errors
    /// When entries are damaged, or make too much work.
    pub fn with_stacked(mut self) -> Result<Debug<'a>> {
        if let Some(dwarf) = &self.dwarf {
            self.stacked = stacked::read(dwarf, self.code_start, &Budget::new(self.size, 16))?;
        }
        Ok(self)
    }
}

/// The custom sections of DWARF by their names, and where the contents of the code section begin.
fn sections(wasm: &[u8]) -> Result<(HashMap<&str, &[u8]>, u32)> {
    let mut sections = HashMap::new();
    let mut code_start = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                sections.insert(section.name(), section.data());
            }
            Payload::CodeSectionStart { unchecked_range, .. } => code_start = u32::try_from(unchecked_range.start)?,
            _ => {}
        }
    }
    Ok((sections, code_start))
}
