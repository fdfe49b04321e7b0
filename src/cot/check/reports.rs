//! The diagnostics that checking found so far.

use std::collections::HashSet;

use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::Span;

#[derive(Default)]
pub(super) struct Reports {
    diagnostics: Vec<Diagnostic>,
    reported: HashSet<(Span, Code)>,
}

impl Reports {
    /// Whether this error is the first of its code at its place: instances of a generic repeat it.
    pub fn is_new(&mut self, diagnostic: &Diagnostic) -> bool {
        self.reported.insert((diagnostic.span, diagnostic.code))
    }

    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub fn len(&self) -> usize {
        self.diagnostics.len()
    }

    /// The program, unless something was reported.
    pub fn result<T>(self, value: impl FnOnce() -> T) -> Result<T, Vec<Diagnostic>> {
        if self.diagnostics.is_empty() { Ok(value()) } else { Err(self.diagnostics) }
    }
}
