//! What is wrong with a program: a code of section 26, a sentence, a place, notes.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::cot::source::{Sources, Span};

/// Codes of section 26 of the language reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum Code {
    UnterminatedString = 100,
    Character = 101,
    Escape = 102,
    Number = 103,
    UnexpectedCharacter = 104,
    UnexpectedToken = 200,
    ExpectedExpression = 201,
    ExpectedType = 202,
    ExpectedIdentifier = 203,
    ExpectedOpenBrace = 204,
    ExpectedCloseBrace = 205,
    ExpectedOpenParenthesis = 206,
    ExpectedCloseParenthesis = 207,
    ExpectedTerminator = 208,
    Type = 300,
    Undefined = 301,
    Redefined = 302,
    InvalidOperation = 303,
    ArgumentCount = 304,
    NotCallable = 305,
    NoSuchField = 306,
    BreakOutsideLoop = 400,
    ContinueOutsideLoop = 401,
    ReturnType = 402,
    MissingReturn = 403,
    UnusedVariable = WARNINGS + 1,
    UnusedParameter = WARNINGS + 2,
    Shadowing = WARNINGS + 3,
    Unreachable = WARNINGS + 4,
    EmptyBlock = WARNINGS + 5,
}

/// Codes above are those of warnings.
const WARNINGS: u16 = 1000;

impl Code {
    /// `E301`, `W001`
    pub fn name(self) -> String {
        match (self as u16).checked_sub(WARNINGS) {
            Some(number) => format!("W{number:03}"),
            None => format!("E{}", self as u16),
        }
    }

    pub fn is_warning(self) -> bool {
        self as u16 > WARNINGS
    }
}

/// One error, with the place it is shown at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub code: Code,
    /// Lower case, without a full stop.
    pub message: String,
    pub span: Span,
    pub notes: Vec<Note>,
}

/// More about an error; with a place it is shown there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub message: String,
    pub span: Option<Span>,
}

impl Diagnostic {
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { code, message: message.into(), span, notes: Vec::new() }
    }

    pub fn note(mut self, message: impl Into<String>) -> Diagnostic {
        self.notes.push(Note { message: message.into(), span: None });
        self
    }

    pub fn note_at(mut self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.notes.push(Note { message: message.into(), span: Some(span) });
        self
    }
}

/// How many errors are shown.
const MOST_SHOWN: usize = 10;

/// All diagnostics as text for standard error (section 26), by place; at most ten, then "too many
/// errors".
pub fn render(sources: &Sources, diagnostics: &[Diagnostic], is_styled: bool) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|it| (it.span.file, it.span.start));
    let mut text = String::new();
    for diagnostic in sorted.iter().take(MOST_SHOWN) {
        text.push_str(&render_one(sources, diagnostic, is_styled));
    }
    if sorted.len() > MOST_SHOWN {
        text.push_str("too many errors\n");
    }
    text
}

/// One diagnostic as text, with its notes.
pub fn render_one(sources: &Sources, diagnostic: &Diagnostic, is_styled: bool) -> String {
    let (word, level) =
        if diagnostic.code.is_warning() { ("warning", Level::WARNING) } else { ("error", Level::ERROR) };
    let title = format!("{word}[{}]: {}", diagnostic.code.name(), diagnostic.message);
    let mut text = render_at(sources, diagnostic.span, &title, level, is_styled);
    for note in &diagnostic.notes {
        let title = format!("note: {}", note.message);
        match note.span {
            Some(span) => text.push_str(&render_at(sources, span, &title, Level::NOTE, is_styled)),
            None => text.push_str(&format!("{title}\n")),
        }
    }
    text
}

/// `path:line:column: title`, and below it the line with the place marked.
fn render_at(sources: &Sources, span: Span, title: &str, level: Level<'static>, is_styled: bool) -> String {
    let source = sources.get(span.file);
    let (line, column) = source.position(span.start);
    let bytes = source.line(line);
    let in_line = |offset: u32| (offset as usize).saturating_sub(source.line_start(line)).min(bytes.len());
    // Offsets count in the text that is shown, where bytes that are not UTF-8 have been replaced.
    let shown = |end: usize| String::from_utf8_lossy(&bytes[..end]).len();
    let (start, end) = (shown(in_line(span.start)), shown(in_line(span.end)));
    let line_text = String::from_utf8_lossy(bytes);
    let annotation = AnnotationKind::Primary.span(start..end.max(start));
    let snippet = Snippet::source(line_text).line_start(line).annotation(annotation);
    let renderer = if is_styled { Renderer::styled() } else { Renderer::plain() };
    let body = renderer.render(&[Group::with_level(level).element(snippet)]);
    format!("{}:{line}:{column}: {title}\n{}\n", source.name, body.trim_end())
}
