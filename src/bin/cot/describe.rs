//! DWARF for modules of Cot: the lines that the frontend knows.

use anyhow::{Context, Result};
use wasm2native::cot::Compiled;
use wasm2native::cot::lines::Line;
use wasm2native::debug::source;
use wasm2native::debug::synthesis::{Row, Sources};
use wasm2native::debug::variables::Variables;
use wasm2native::wasm::unsupported;

/// The module, with sections that say where it comes from.
///
/// # Errors
/// When there is no current directory, or the module is too large for DWARF.
pub fn describe(compiled: &Compiled) -> Result<Vec<u8>> {
    let Compiled { wasm, lines, variables, locals } = compiled;
    let folder = std::env::current_dir().context("the current directory")?;
    let row = |line: &Line| Row { offset: line.offset, file: line.file, line: line.line, column: line.column };
    let sources = Sources {
        folder: folder.display().to_string(),
        files: lines.files.clone(),
        rows: lines.rows.iter().map(row).collect(),
        producer: "cot",
        variables: Some(Variables { program: variables.clone(), locals: locals.clone() }),
        language: gimli::constants::DW_LANG_C99,
    };
    source::add(wasm, &sources, unsupported::features(&[])?)
}
