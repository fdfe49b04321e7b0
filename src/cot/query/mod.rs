//! Answers to questions of editors about a program: where a name leads, where it is used, what it
//! is, what a call takes, what could be written at a place, what a new name changes, what a file
//! declares. Places are bytes of files; protocols are elsewhere.

mod scopes;

pub mod complete;

pub mod hover;

pub mod references;

pub mod rename;

pub mod outline;

pub mod signature;

use std::collections::HashMap;

use crate::cot::check::CheckOptions;
use crate::cot::check::explore::{Explored, explore};
use crate::cot::check::notes::{Definition, Kind, Notes};
use crate::cot::load::{Loaded, LoadedFile};
use crate::cot::scan;
use crate::cot::source::{FileId, Source, Span};
use crate::cot::token::{Token, TokenKind};
use crate::cot::types::Types;

/// A program whose names are known.
pub struct Program {
    pub loaded: Loaded,
    types: Types,
    notes: Notes,
    /// From the place of a name to those of the declarations that it leads to; a declaration leads
    /// to itself.
    uses: HashMap<Span, Vec<Span>>,
    tokens: HashMap<FileId, Vec<Token>>,
}

impl Program {
    /// Looks at a program, which may have errors; where the name `marker` stands, what could be
    /// there is collected. Needs the stack of [`crate::cot::with_large_stack`].
    pub fn new(loaded: Loaded, options: &CheckOptions, marker: Option<&str>) -> Program {
        let Explored { types, notes } = explore(&loaded, options, marker);
        let tokens = loaded.sources.iter().map(|(file, source)| (file, scan::scan(file, source).tokens)).collect();
        let mut program = Program { loaded, types, notes, uses: HashMap::new(), tokens };
        program.uses = program.all_uses();
        program
    }

    fn all_uses(&self) -> HashMap<Span, Vec<Span>> {
        let mut uses: HashMap<Span, Vec<Span>> = HashMap::new();
        let mut add = |name: Span, definitions: &[Span]| {
            let known = uses.entry(self.without_parentheses(name)).or_default();
            known.extend(definitions);
            known.sort_by_key(|it| (it.file, it.start));
            known.dedup();
        };
        self.notes.uses.iter().for_each(|(name, definitions)| add(*name, definitions));
        for name in self.notes.definitions.keys() {
            add(*name, &[*name]);
        }
        for (name, text) in &self.notes.errors {
            let declared =
                self.notes.errors.iter().filter(|(place, it)| *it == text && self.is_declared_error(**place));
            let declared: Vec<Span> = declared.map(|(place, _)| *place).collect();
            add(*name, &declared);
        }
        let scopes = scopes::type_parameters(&self.loaded);
        for name in self.notes.type_parameters.iter().chain(scopes.bounds.iter()) {
            let text = self.loaded.sources.text(*name);
            let parameter = scopes.find(*name, |it| self.loaded.sources.text(it) == text);
            add(*name, parameter.as_slice());
        }
        uses.retain(|_, definitions| !definitions.is_empty());
        uses
    }

    fn is_declared_error(&self, name: Span) -> bool {
        self.notes.definitions.get(&name).is_some_and(|it| it.kind == Kind::Error)
    }

    /// The name in `(name)`, which has the place of the whole.
    fn without_parentheses(&self, span: Span) -> Span {
        if !self.loaded.sources.text(span).starts_with(b"(") {
            return span;
        }
        let tokens = self.tokens(span.file);
        let first = tokens.partition_point(|it| it.span.start < span.start);
        let inner = tokens[first..].iter().find(|it| it.kind == TokenKind::Identifier);
        inner.map_or(span, |it| it.span)
    }

    pub fn file(&self, id: FileId) -> Option<&LoadedFile> {
        self.loaded.files.iter().find(|it| it.id == id)
    }

    pub fn source(&self, id: FileId) -> &Source {
        self.loaded.sources.get(id)
    }

    fn tokens(&self, file: FileId) -> &[Token] {
        self.tokens.get(&file).map_or(&[], |tokens| tokens)
    }

    /// The name at a place, or that ends there.
    pub fn name_at(&self, file: FileId, offset: u32) -> Option<Span> {
        let is_name = |it: &&Token| matches!(it.kind, TokenKind::Identifier | TokenKind::Type);
        let mut names = self.tokens(file).iter().rev().filter(is_name).map(|it| it.span);
        names.find(|it| it.start <= offset && offset <= it.end)
    }

    /// The places of the declarations that a name leads to, by their names.
    pub fn definitions(&self, name: Span) -> Vec<Span> {
        let mut found = self.uses.get(&name).cloned().unwrap_or_default();
        found.extend(self.notes.short_fields.get(&name));
        // A declaration without a body leads to the one that has one.
        if found == [name] {
            let others = self.notes.same.iter().filter(|(first, second)| *first == name || *second == name);
            let others = others.map(|(first, second)| if *first == name { *second } else { *first });
            found.extend(others.filter(|it| self.is_function_of_file(*it)));
            if found.len() > 1 {
                found.remove(0);
            }
        }
        found
    }

    fn is_function_of_file(&self, name: Span) -> bool {
        self.notes.definitions.get(&name).is_some_and(|it| it.kind == Kind::Function)
    }

    pub fn definition(&self, name: Span) -> Option<&Definition> {
        self.notes.definitions.get(&name)
    }

    /// The file that is imported by the string at a place.
    pub fn import_at(&self, file: FileId, offset: u32) -> Option<FileId> {
        let places = &self.file(file)?.import_places;
        let found = places.iter().find(|(place, _)| place.start <= offset && offset <= place.end);
        found.map(|(_, index)| self.loaded.files[*index].id)
    }

    /// Whether a file belongs to a standard library.
    pub fn is_library(&self, file: FileId) -> bool {
        self.file(file).is_some_and(|it| it.is_library)
    }
}
