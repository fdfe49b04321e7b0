//! The lines of a module: which of its bytes were made of which place, as debuggers and backtraces
//! say it.

use super::ir::Position;
use super::source::Sources;

/// From a byte of the module on it was made of a place, up to the next row or the function's end.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Byte offset in the module.
    pub offset: u32,
    /// The file's number in [`Lines::files`].
    pub file: usize,
    /// From 1.
    pub line: u32,
    /// From 1; counts characters.
    pub column: u32,
}

/// Where a module comes from.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// As diagnostics name them, the program's own file first. Those of the standard library that
    /// is built in are no files; they have no lines.
    pub files: Vec<String>,
    /// Sorted by offset.
    pub rows: Vec<Line>,
}

impl Lines {
    /// `places`: byte offsets in the module, ascending.
    pub fn new(places: &[(usize, Position)], sources: &Sources) -> Lines {
        // What was named comes last, after all that it imports.
        let last = sources.iter().count().saturating_sub(1);
        let mut files: Vec<_> = sources.iter().map(|(_, source)| source.name.clone()).collect();
        files.reverse();
        let number = |number: usize| u32::try_from(number).unwrap_or(0);
        let row = |(offset, position): &(usize, Position)| {
            let (line, column) = sources.get(position.file).position(position.offset);
            let file = last.saturating_sub(position.file.0 as usize);
            Line { offset: number(*offset), file, line: number(line), column: number(column) }
        };
        Lines { files, rows: places.iter().map(row).collect() }
    }
}
