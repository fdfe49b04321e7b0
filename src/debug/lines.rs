//! Lines of source, by the operators that come from them (DWARF 5, 6.2).

use super::budget::Budget;
use super::{Bytes, abbreviations};
use crate::number::to_u32;
use anyhow::Result;
use gimli::read::{Dwarf, LineRow, Unit};

/// The tables of all units, sorted by offset.
#[derive(Default)]
pub struct Lines {
    rows: Vec<Line>,
    /// For each unit, its files.
    files: Vec<Vec<File>>,
}

/// A file of source.
pub struct File {
    pub folder: String,
    pub name: String,
    /// It lies in the folder in which the compiler ran, or below.
    pub is_near: bool,
}

/// The operators from an offset on come from a line, up to the next.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Byte offset in the module.
    pub offset: u32,
    /// The unit's number, in the order of their headers.
    pub unit: u32,
    /// The file's number, as the unit counts.
    pub file: u32,
    /// 0 where no line says anything.
    pub line: u32,
    /// 0 for the whole line.
    pub column: u32,
    /// A debugger may stop here.
    pub is_statement: bool,
    /// A debugger stops here when it is told to stop at the function.
    pub prologue_end: bool,
    /// No line from here on.
    pub is_end: bool,
}

/// How much tables may hold: units can share one.
struct Limits {
    /// Bytes of names.
    names: Budget,
    rows: Budget,
}

impl Lines {
    /// The lines of all units of a module, whose code begins at `code_start`, and whose debug
    /// information has `size` bytes.
    ///
    /// # Errors
    /// When a table can't be read, or makes too much work.
    pub fn read(dwarf: &Dwarf<Bytes>, code_start: u32, size: usize) -> Result<Lines> {
        let limits = Limits { names: Budget::new(size, 16), rows: Budget::new(size, 2) };
        let mut lines = Lines::default();
        let mut headers = dwarf.units();
        while let Some(header) = headers.next()? {
            let unit = abbreviations::unit(dwarf, header, &limits.names)?;
            lines.add_unit(dwarf, &unit, code_start, &limits)?;
        }
        // Where one sequence ends and another begins, the beginning counts.
        lines.rows.sort_by_key(|row| (row.offset, !row.is_end));
        Ok(lines)
    }

    fn add_unit(&mut self, dwarf: &Dwarf<Bytes>, unit: &Unit<Bytes>, code_start: u32, limits: &Limits) -> Result<()> {
        let number = to_u32(self.files.len());
        self.files.push(Vec::new());
        let Some(program) = unit.line_program.clone() else { return Ok(()) };
        let header = program.header().clone();
        let folder = |number| -> Result<String> {
            let Some(folder) = header.directory(number) else { return Ok(String::new()) };
            let folder = dwarf.attr_string(unit, folder)?;
            limits.names.spend(folder.len(), "names of folders")?;
            Ok(folder.to_string_lossy().into_owned())
        };
        // Versions before 5 count from 1; 0 stands for the unit itself.
        let mut files = match header.version() {
            ..=4 => vec![File {
                folder: folder(0)?,
                name: unit.name.map_or(String::new(), |name| name.to_string_lossy().into_owned()),
                is_near: true,
            }],
            _ => Vec::new(),
        };
        for file in header.file_names() {
            let name = dwarf.attr_string(unit, file.path_name())?;
            limits.names.spend(name.len().saturating_add(1), "names of files")?;
            let name = name.to_string_lossy().into_owned();
            let number = file.directory_index();
            files.push(File { folder: folder(number)?, name, is_near: number == 0 });
        }
        self.files[number as usize] = files;
        let mut rows = program.rows();
        let mut sequence = Vec::new();
        while let Some((_, row)) = rows.next_row()? {
            limits.rows.spend(1, "lines")?;
            // What the linker left out keeps an address that is none.
            let Some(line) = Line::of(row, number, code_start) else {
                sequence.clear();
                continue;
            };
            sequence.push(line);
            if line.is_end {
                self.rows.append(&mut sequence);
            }
        }
        Ok(())
    }

    /// The line of the operator at an offset.
    pub fn find(&self, offset: u32) -> Option<&Line> {
        let after = self.rows.partition_point(|row| row.offset <= offset);
        self.rows[..after].last().filter(|row| !row.is_end && row.line != 0)
    }

    /// All rows.
    pub fn rows(&self) -> &[Line] {
        &self.rows
    }

    /// A line's file.
    pub fn file(&self, line: &Line) -> Option<&File> {
        self.file_of(line.unit, line.file)
    }

    /// A file of a unit, as the unit counts.
    pub fn file_of(&self, unit: u32, file: u32) -> Option<&File> {
        self.files.get(unit as usize)?.get(file as usize)
    }
}

impl Line {
    fn of(row: &LineRow, unit: u32, code_start: u32) -> Option<Line> {
        let offset = u32::try_from(row.address()).ok()?.checked_add(code_start)?;
        let column = match row.column() {
            gimli::ColumnType::LeftEdge => 0,
            gimli::ColumnType::Column(column) => u32::try_from(column.get()).unwrap_or(0),
        };
        Some(Line {
            offset,
            unit,
            file: u32::try_from(row.file_index()).ok()?,
            line: row.line().map_or(0, |line| u32::try_from(line.get()).unwrap_or(0)),
            column,
            is_statement: row.is_stmt(),
            prologue_end: row.prologue_end(),
            is_end: row.end_sequence(),
        })
    }
}
