//! Lines of source for backtraces: of each operator that may be one of a trap's or a call's.

use super::describe::{signed, unsigned};
use super::writer::Writer;
use crate::code::Code;
use crate::debug::lines::File;
use crate::unit::Unit;
use object::write::{StandardSection, SymbolId};
use std::collections::{BTreeSet, HashMap};

/// The least part of a program's code and data that lines may take if nobody asked for them.
const PART: usize = 20;

/// The table that [`Image::lines`](crate::abi::image::Image::lines) describes, and its length. A
/// table that nobody asked for is left out where it is large.
pub fn write(writer: &mut Writer, unit: &Unit, code: &Code) -> Option<(SymbolId, u64)> {
    let debug = unit.debug.as_ref()?;
    let sites = |func: &crate::code::CompiledFunction| {
        let inlined = func.inlined.iter().map(|inlined| inlined.wasm_offset);
        func.sites.iter().map(|site| site.wasm_offset).chain(inlined).collect::<Vec<_>>()
    };
    let offsets: BTreeSet<u32> = code.functions.iter().flat_map(sites).filter(|offset| *offset != 0).collect();
    let mut names = Vec::new();
    let mut places: HashMap<(u32, u32), u64> = HashMap::new();
    let mut rows = Vec::new();
    let mut last = Row::default();
    for offset in offsets {
        let line = debug.lines.find(offset);
        let row = match line.and_then(|line| Some((line, debug.lines.file(line)?))) {
            None => Row { offset, ..Row::default() },
            Some((line, file)) => {
                let place = *places.entry((line.unit, line.file)).or_insert_with(|| {
                    let place = names.len() as u64;
                    names.extend(shown(file).bytes().filter(|byte| *byte != 0));
                    names.push(0);
                    place
                });
                Row { offset, file: place, line: line.line, column: line.column }
            }
        };
        if (row.file, row.line, row.column) == (last.file, last.line, last.column) {
            continue;
        }
        unsigned(&mut rows, row.offset.saturating_sub(last.offset).into());
        unsigned(&mut rows, row.file);
        signed(&mut rows, i64::from(row.line).saturating_sub(last.line.into()));
        unsigned(&mut rows, row.column.into());
        last = row;
    }
    if names.is_empty() {
        return None;
    }
    let mut table = Vec::new();
    unsigned(&mut table, names.len() as u64);
    table.extend(names);
    table.extend(rows);
    let size: usize = code.functions.iter().map(|func| func.bytes.len()).sum();
    if !unit.wants_lines && table.len() > size / PART {
        return None;
    }
    let length = table.len() as u64;
    Some((writer.local("w2n.lines", StandardSection::ReadOnlyData, table.into(), 1), length))
}

/// What the last row said.
#[derive(Copy, Clone, Default)]
struct Row {
    offset: u32,
    file: u64,
    line: u32,
    column: u32,
}

/// The name of a file as backtraces show it: without the folder in which the compiler ran.
fn shown(File { folder, name, is_near }: &File) -> String {
    match *is_near || folder.is_empty() || name.starts_with('/') {
        true => name.clone(),
        false => format!("{folder}/{name}"),
    }
}
