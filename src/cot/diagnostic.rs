//! What is wrong with a program: a code of section 26, a sentence, a place, notes.

use crate::cot::source::Span;

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
}

impl Code {
    /// `E301`
    pub fn name(self) -> String {
        format!("E{}", self as u16)
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
