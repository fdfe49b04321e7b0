//! The files of a program and places in them. Bytes come in, positions as people count them go out.
//!
//! A [`Span`] is valid for the one [`Sources`] it was made from. Text is kept as bytes: what is not
//! UTF-8 is replaced when it is shown only.

use std::path::{Path, PathBuf};

/// One file of a program, in the order of loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FileId(pub u32);

/// A range of bytes in one file; `end` is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Span {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// The empty range at the start of a file.
    pub fn start_of(file: FileId) -> Span {
        Span { file, start: 0, end: 0 }
    }

    /// From the start of `self` to the end of `other`, which follows in the same file.
    pub fn to(self, other: Span) -> Span {
        Span { end: other.end.max(self.end), ..self }
    }

    /// The empty range in front of this one.
    pub fn start_point(self) -> Span {
        Span { end: self.start, ..self }
    }

    /// The empty range after this one.
    pub fn end_point(self) -> Span {
        Span { start: self.end, ..self }
    }
}

/// A file and where its lines begin.
#[derive(Debug)]
pub struct Source {
    /// As diagnostics and panics name it.
    pub name: String,
    /// Where it was read; none for what is built in.
    pub path: Option<PathBuf>,
    pub bytes: Vec<u8>,
    line_starts: Vec<u32>,
}

impl Source {
    fn new(name: String, path: Option<PathBuf>, bytes: Vec<u8>) -> Source {
        let newlines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| at as u32 + 1)).collect();
        Source { name, path, bytes, line_starts }
    }

    /// Line and column, both from 1, of a byte offset; columns count characters.
    pub fn position(&self, offset: u32) -> (usize, usize) {
        let offset = offset.min(self.bytes.len() as u32);
        let line = self.line_starts.partition_point(|start| *start <= offset) - 1;
        let before = &self.bytes[self.line_starts[line] as usize..offset as usize];
        (line + 1, String::from_utf8_lossy(before).chars().count() + 1)
    }

    /// Offset of the first byte of a line, counted from 1.
    pub fn line_start(&self, line: usize) -> usize {
        self.line_starts[line - 1] as usize
    }

    /// A line, counted from 1, without its end.
    pub fn line(&self, line: usize) -> &[u8] {
        let rest = &self.bytes[self.line_start(line)..];
        let text = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        text.strip_suffix(b"\r").unwrap_or(text)
    }

    /// The folder that relative imports start from.
    pub fn folder(&self) -> &Path {
        self.path.as_deref().and_then(Path::parent).unwrap_or(Path::new("."))
    }
}

/// All files of a program.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// The longest file that spans can address.
    pub const MAX_BYTES: usize = u32::MAX as usize - 1;

    /// Adds a file. Its length must not exceed [`Self::MAX_BYTES`].
    pub fn add(&mut self, name: String, path: Option<PathBuf>, bytes: Vec<u8>) -> FileId {
        assert!(bytes.len() <= Self::MAX_BYTES, "the loader refuses longer files");
        self.files.push(Source::new(name, path, bytes));
        FileId(self.files.len() as u32 - 1)
    }

    pub fn get(&self, file: FileId) -> &Source {
        &self.files[file.0 as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.files.iter().enumerate().map(|(index, file)| (FileId(index as u32), file))
    }

    /// The bytes of a place.
    pub fn text(&self, span: Span) -> &[u8] {
        &self.get(span.file).bytes[span.start as usize..span.end as usize]
    }

    /// `path:line`, as panics print it.
    pub fn line_of(&self, span: Span) -> (&str, usize) {
        let source = self.get(span.file);
        (&source.name, source.position(span.start).0)
    }
}
