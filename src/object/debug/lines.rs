//! The table of lines of a unit: a sequence for each function.

use super::functions::Function;
use crate::debug::lines::{Line, Lines};
use gimli::write::{DirectoryId, FileId, LineProgram, LineString};
use std::collections::HashMap;

/// A unit's table, and the numbers of files in it.
pub struct Table<'a> {
    pub program: LineProgram,
    lines: &'a Lines,
    /// The unit's number among those of the module, and its own files.
    unit: u32,
    own: Vec<FileId>,
    /// Files of other units, of which code was copied.
    others: HashMap<(u32, u32), FileId>,
}

impl<'a> Table<'a> {
    pub fn new(program: LineProgram, lines: &'a Lines, unit: u32, own: Vec<FileId>) -> Table<'a> {
        Table { program, lines, unit, own, others: HashMap::new() }
    }

    /// The number of a line's file in this table.
    pub fn file(&mut self, line: &Line) -> Option<FileId> {
        if line.unit == self.unit {
            return self.own.get(line.file as usize).copied();
        }
        if let Some(file) = self.others.get(&(line.unit, line.file)) {
            return Some(*file);
        }
        let file = self.lines.file(line)?;
        let file = add_file(&mut self.program, &file.folder, &file.name);
        self.others.insert((line.unit, line.file), file);
        Some(file)
    }

    /// Adds the lines of a function.
    pub fn add(&mut self, func: &Function) {
        self.program.begin_sequence(Some(func.address(0)));
        let lines = self.lines;
        let mut last = None;
        let mut has_ended_prologue = false;
        // What comes before the first operator belongs to the line where the function begins.
        let first = lines.find(func.body.0).into_iter().map(|line| (0, line));
        let positions = func.map.positions.iter().filter(|position| position.wasm_offset != 0);
        let rows = positions.filter_map(|position| Some((position.offset, lines.find(position.wasm_offset)?)));
        for (offset, line) in first.chain(rows) {
            let place = (line.unit, line.file, line.line, line.column);
            let ends_prologue = line.prologue_end && !has_ended_prologue;
            if last == Some(place) && !ends_prologue {
                continue;
            }
            let Some(file) = self.file(line) else { continue };
            // Where a statement begins there may be no code: what comes first of its line counts.
            let is_new = last.is_none_or(|(unit, file, number, _)| (unit, file, number) != (place.0, place.1, place.2));
            has_ended_prologue |= ends_prologue;
            last = Some(place);
            let row = self.program.row();
            row.address_offset = offset.into();
            (row.file, row.line, row.column) = (file, line.line.into(), line.column.into());
            row.is_statement = line.is_statement || is_new;
            row.prologue_end = ends_prologue;
            self.program.generate_row();
        }
        self.program.end_sequence(func.length.into());
    }
}

/// Adds a file by its folder and name.
pub fn add_file(program: &mut LineProgram, folder: &str, name: &str) -> FileId {
    // Empty names stand for nothing.
    let string = |text: &str| LineString::String(if text.is_empty() { b"?".to_vec() } else { text.into() });
    let folder: DirectoryId = match folder {
        "" => program.default_directory(),
        folder => program.add_directory(string(folder)),
    };
    program.add_file(string(name), folder, None)
}
