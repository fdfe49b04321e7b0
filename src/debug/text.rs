//! The text form of a module, and which of its lines each operator is.

use super::Debug;
use super::synthesis::{Row, Sources};
use anyhow::Result;
use gimli::constants as dw;
use wasmprinter::Config;

/// The text of a module, and its lines.
///
/// # Errors
/// When the module can't be printed.
pub fn print(wasm: &[u8]) -> Result<(String, Vec<Row>)> {
    let mut storage = String::new();
    let mut config = Config::new();
    config.name_unnamed(true);
    let mut text = String::new();
    let mut rows = Vec::new();
    for ((offset, line), number) in config.offsets_and_lines(wasm, &mut storage)?.zip(1u32..) {
        text.push_str(line);
        if let Some(offset) = offset.and_then(|offset| u32::try_from(offset).ok()) {
            rows.push(Row { offset, file: 0, line: number, column: 0 });
        }
    }
    rows.sort_by_key(|row| row.offset);
    rows.dedup_by_key(|row| row.offset);
    Ok((text, rows))
}

/// The lines that the parser of a text has noted.
///
/// # Errors
/// When the parser has made a mistake.
pub fn rows(with_lines: &[u8]) -> Result<Vec<Row>> {
    let debug = Debug::read(with_lines)?;
    let lines = debug.lines.rows().iter().filter(|line| !line.is_end);
    Ok(lines.map(|line| Row { offset: line.offset, file: 0, line: line.line, column: line.column }).collect())
}

/// Those of one file.
pub fn sources(folder: &str, file: &str, rows: Vec<Row>) -> Sources {
    Sources {
        folder: folder.to_owned(),
        files: vec![file.to_owned()],
        rows,
        producer: "wasm2native",
        variables: None,
        language: dw::DW_LANG_C,
    }
}
