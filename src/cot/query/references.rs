//! Where a declaration is named.

use std::collections::BTreeSet;

use crate::cot::query::Program;
use crate::cot::source::{FileId, Span};

/// A place in order: file, first byte, end.
pub type Place = (FileId, u32, u32);

pub(super) fn place(span: Span) -> Place {
    (span.file, span.start, span.end)
}

impl Program {
    /// Places of the declarations of the program's own files that [`Self::references`] is about.
    pub fn own_declarations(&self, name: Span) -> Vec<Span> {
        let all = self.related(name).unwrap_or_default();
        let spans = all.into_iter().map(|(file, start, end)| Span { file, start, end });
        spans.filter(|it| !self.is_library(it.file)).collect()
    }

    /// The declarations that a name leads to, and those that have the same name because of them:
    /// functions of a trait and of the types that have it. None if it leads nowhere.
    pub(super) fn related(&self, name: Span) -> Option<BTreeSet<Place>> {
        // Where a field is given a variable of its name, the variable is meant.
        let mut found: BTreeSet<Place> = self.uses.get(&name)?.iter().map(|it| place(*it)).collect();
        loop {
            let before = found.len();
            for definitions in self.uses.values() {
                if definitions.iter().any(|it| found.contains(&place(*it))) {
                    found.extend(definitions.iter().map(|it| place(*it)));
                }
            }
            for (one, other) in &self.notes.same {
                if found.contains(&place(*one)) || found.contains(&place(*other)) {
                    found.extend([place(*one), place(*other)]);
                }
            }
            if found.len() == before {
                return Some(found);
            }
        }
    }

    /// All places that name what a name leads to, in order; `with_declarations` adds the
    /// declarations themselves.
    pub fn references(&self, name: Span, with_declarations: bool) -> Vec<Span> {
        let Some(declarations) = self.related(name) else { return Vec::new() };
        let is_meant = |at: &Span, definitions: &[Span]| {
            let field = self.notes.short_fields.get(at);
            definitions.iter().chain(field).any(|it| declarations.contains(&place(*it)))
        };
        let named = self.uses.iter().filter(|(at, definitions)| is_meant(at, definitions)).map(|(at, _)| place(*at));
        let found: BTreeSet<Place> = named.filter(|it| with_declarations || !declarations.contains(it)).collect();
        found.into_iter().map(|(file, start, end)| Span { file, start, end }).collect()
    }
}
