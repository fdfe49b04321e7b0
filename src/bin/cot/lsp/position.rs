//! Places as the protocol counts them, line and column from 0, and as the compiler does, in bytes.
//! Columns count what client and server agreed on. Lines end by `\n`, `\r\n` or `\r`.

use lsp_types::{Position, PositionEncodingKind, Range};
use std::cell::Cell;

/// What columns count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encoding {
    Utf8,
    #[default]
    Utf16,
    Utf32,
}

impl Encoding {
    pub fn by_name(name: &PositionEncodingKind) -> Option<Encoding> {
        match name.as_str() {
            "utf-8" => Some(Encoding::Utf8),
            "utf-16" => Some(Encoding::Utf16),
            "utf-32" => Some(Encoding::Utf32),
            _ => None,
        }
    }

    pub fn name(self) -> PositionEncodingKind {
        match self {
            Encoding::Utf8 => PositionEncodingKind::UTF8,
            Encoding::Utf16 => PositionEncodingKind::UTF16,
            Encoding::Utf32 => PositionEncodingKind::UTF32,
        }
    }

    fn width(self, character: char) -> usize {
        match self {
            Encoding::Utf8 => character.len_utf8(),
            Encoding::Utf16 => character.len_utf16(),
            Encoding::Utf32 => 1,
        }
    }
}

/// A text and where its lines begin.
pub struct Lines<'a> {
    bytes: &'a [u8],
    starts: Vec<usize>,
    encoding: Encoding,
    /// The last offset that was asked for and its column: the next one may be in the same line,
    /// which may be very long.
    last: Cell<(usize, usize)>,
}

impl<'a> Lines<'a> {
    pub fn new(bytes: &'a [u8], encoding: Encoding) -> Lines<'a> {
        let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(at + 1) != Some(&b'\n'),
            _ => false,
        });
        let starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
        Lines { bytes, starts, encoding, last: Cell::new((0, 0)) }
    }

    /// A line without its end.
    fn line(&self, line: usize) -> &'a [u8] {
        let start = self.starts[line];
        let end = self.starts.get(line + 1).copied().unwrap_or(self.bytes.len());
        let mut text = &self.bytes[start..end];
        while let Some(rest) = text.strip_suffix(b"\n").or_else(|| text.strip_suffix(b"\r")) {
            text = rest;
        }
        text
    }

    /// The byte at a position. After the end of a line it is that end, after the last line the end
    /// of the text, in the middle of a character its start.
    pub fn offset(&self, position: Position) -> usize {
        let line = position.line as usize;
        if line >= self.starts.len() {
            return self.bytes.len();
        }
        let (mut offset, mut column) = (self.starts[line], 0);
        for (character, length) in characters(self.line(line)) {
            column += self.encoding.width(character);
            if column > position.character as usize {
                break;
            }
            offset += length;
        }
        offset
    }

    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.bytes.len());
        let line = self.starts.partition_point(|start| *start <= offset) - 1;
        let start = self.starts[line];
        let (from, known) = Some(self.last.get()).filter(|(at, _)| start <= *at && *at <= offset).unwrap_or((start, 0));
        let more: usize = characters(&self.bytes[from..offset]).map(|(it, _)| self.encoding.width(it)).sum();
        let column = known + more;
        self.last.set((offset, column));
        Position { line: number(line), character: number(column) }
    }

    pub fn range(&self, start: usize, end: usize) -> Range {
        Range { start: self.position(start), end: self.position(end) }
    }
}

/// Characters and how many bytes each takes; what is not UTF-8 is replaced.
fn characters(bytes: &[u8]) -> impl Iterator<Item = (char, usize)> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let invalid = chunk.invalid();
        let replaced = (!invalid.is_empty()).then_some((char::REPLACEMENT_CHARACTER, invalid.len()));
        chunk.valid().chars().map(|it| (it, it.len_utf8())).chain(replaced)
    })
}

fn number(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a\r\n\u{1f600}b\u{e9}c\rd";

    #[test]
    fn columns_are_counted_as_was_agreed() {
        let at = TEXT.find('c').expect("it is there");
        for (encoding, column) in [(Encoding::Utf8, 7), (Encoding::Utf16, 4), (Encoding::Utf32, 3)] {
            let lines = Lines::new(TEXT.as_bytes(), encoding);
            assert_eq!(lines.starts.len(), 3);
            assert_eq!(lines.position(at), Position { line: 1, character: column });
            assert_eq!(lines.offset(Position { line: 1, character: column }), at);
        }
    }

    #[test]
    fn columns_do_not_depend_on_what_was_asked_before() {
        let lines = Lines::new(TEXT.as_bytes(), Encoding::Utf16);
        let offsets: Vec<usize> = TEXT.char_indices().map(|(at, _)| at).collect();
        for at in offsets.iter().chain(offsets.iter().rev()) {
            assert_eq!(lines.position(*at), Lines::new(TEXT.as_bytes(), Encoding::Utf16).position(*at));
        }
    }

    #[test]
    fn positions_outside_are_moved_inside() {
        let lines = Lines::new(TEXT.as_bytes(), Encoding::Utf16);
        let offset = |line, character| lines.offset(Position { line, character });
        assert_eq!(offset(0, 99), 1);
        assert_eq!(offset(1, 1), 3, "the middle of a character");
        assert_eq!(offset(2, 99), TEXT.len());
        assert_eq!(offset(u32::MAX, u32::MAX), TEXT.len());
        assert_eq!(Lines::new(b"", Encoding::Utf8).offset(Position { line: 0, character: 5 }), 0);
        let broken = Lines::new(b"\xff\xffx", Encoding::Utf16);
        assert_eq!(broken.offset(Position { line: 0, character: 2 }), 2);
    }
}
