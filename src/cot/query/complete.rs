//! What can be written at a place of a file that is just being typed. The name at the place is
//! replaced by one that nobody uses, so that the rest can be parsed; the checker then says what
//! could stand there.

use crate::cot::check::notes::{Candidate, Kind};
use crate::cot::query::Program;
use crate::cot::scan;
use crate::cot::source::{FileId, Source, Span};
use crate::cot::token::{KEYWORDS, TokenKind};

/// The name in place of the one that is completed.
pub const MARKER: &str = "cot_completes_this_name";

/// A place where something is completed.
#[derive(Debug, PartialEq, Eq)]
pub enum Place {
    /// In the string of an import: what there is of its content. `end` is where the content ends.
    Import { content: String, start: u32, end: u32 },
    /// After `@`.
    Builtin { start: u32, end: u32 },
    /// A name.
    Name { start: u32, end: u32, kind: NameKind },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// After a dot.
    Member,
    /// Anything that is in scope, or a keyword.
    Free,
}

/// Something that can be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Completion {
    pub name: String,
    /// None: it is built into the language.
    pub kind: Option<Kind>,
    pub is_keyword: bool,
    pub detail: String,
    pub doc: Option<String>,
}

/// What is to be completed at a place; nothing in comments, in strings, and where a name is
/// declared.
pub fn place(file: FileId, source: &Source, offset: u32) -> Option<Place> {
    let bytes = &source.bytes;
    let offset = (offset as usize).min(bytes.len());
    if let Some(place) = import_place(bytes, offset) {
        return Some(place);
    }
    let scanned = scan::scan(file, source);
    let is_inside = |span: Span| (span.start as usize) < offset && offset < span.end as usize;
    let ends_here = |span: Span| span.end as usize == offset;
    let in_comment = scanned.comments.iter().any(|it| {
        let is_line = bytes[it.span.start as usize..].starts_with(b"//");
        is_inside(it.span) || is_line && ends_here(it.span)
    });
    let in_text = |kind: TokenKind| {
        use TokenKind::{Character, InterpolationEnd, InterpolationMiddle, InterpolationStart, String};
        matches!(kind, String | Character | InterpolationStart | InterpolationMiddle | InterpolationEnd)
    };
    if in_comment || scanned.tokens.iter().any(|it| in_text(it.kind) && is_inside(it.span)) {
        return None;
    }
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let start = offset - bytes[..offset].iter().rev().take_while(|it| is_part(it)).count();
    let end = offset + bytes[offset..].iter().take_while(|it| is_part(it)).count();
    if bytes.get(start).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let place = (start as u32, end as u32);
    if start > 0 && bytes[start - 1] == b'@' {
        return Some(Place::Builtin { start: place.0, end: place.1 });
    }
    let before = scanned.tokens.iter().rev().find(|it| it.span.end as usize <= start && it.span.end > it.span.start);
    let kind = match before.map(|it| it.kind) {
        Some(TokenKind::Dot | TokenKind::QuestionDot) => NameKind::Member,
        Some(
            TokenKind::Fn
            | TokenKind::Var
            | TokenKind::Let
            | TokenKind::Const
            | TokenKind::Struct
            | TokenKind::Enum
            | TokenKind::Union
            | TokenKind::Trait
            | TokenKind::Import,
        ) => return None,
        _ => NameKind::Free,
    };
    Some(Place::Name { start: place.0, end: place.1, kind })
}

/// `import "…` before the place, on its line.
fn import_place(bytes: &[u8], offset: usize) -> Option<Place> {
    let line_start = bytes[..offset].iter().rposition(|it| *it == b'\n').map_or(0, |at| at + 1);
    let before = std::str::from_utf8(&bytes[line_start..offset]).ok()?;
    let rest = before.trim_start().strip_prefix("import")?.trim_start().strip_prefix('"')?;
    if rest.contains('"') {
        return None;
    }
    let after = bytes[offset..].iter().take_while(|it| !matches!(it, b'"' | b'\n' | b'\r')).count();
    let start = (offset - rest.len()) as u32;
    Some(Place::Import { content: rest.to_owned(), start, end: (offset + after) as u32 })
}

/// The text of a file with the marker in place of a name.
pub fn marked(bytes: &[u8], start: u32, end: u32) -> Vec<u8> {
    [&bytes[..start as usize], MARKER.as_bytes(), &bytes[end as usize..]].concat()
}

impl Program {
    /// What could stand at the marker.
    pub fn completions(&self, kind: NameKind) -> Vec<Completion> {
        let mut found: Vec<Completion> = self.notes.candidates.iter().map(|it| self.completion(it)).collect();
        if kind == NameKind::Free {
            let keywords = KEYWORDS.iter().map(|word| Completion {
                name: (*word).to_owned(),
                kind: None,
                is_keyword: true,
                detail: "keyword".to_owned(),
                doc: None,
            });
            found.extend(keywords);
        }
        found
    }

    fn completion(&self, candidate: &Candidate) -> Completion {
        Completion {
            name: candidate.name.clone(),
            kind: candidate.kind,
            is_keyword: false,
            detail: candidate.detail.clone(),
            doc: candidate.definition.and_then(|place| self.doc(place)),
        }
    }
}
