//! What editors ask about names: where each leads, of what type it is, what could stand at a place.
//! Filled while a program is checked by [`crate::cot::check::explore`]; otherwise nothing is noted.
//!
//! A declaration is known by the place of its name. A name in a generic function may lead to
//! several, one for each instance.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use crate::cot::check::model::ItemId;
use crate::cot::source::Span;
use crate::cot::types::TypeId;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Function,
    Method,
    Variable,
    Constant,
    Parameter,
    Struct,
    Enum,
    Union,
    ErrorSet,
    Error,
    Alias,
    Trait,
    Field,
    Variant,
    TypeParameter,
}

/// A declared name.
#[derive(Clone, Debug)]
pub struct Definition {
    pub kind: Kind,
    /// What is shown of the declaration.
    pub shown: Span,
    /// The type that it belongs to, if it is a member.
    pub owner: Option<String>,
    /// Of locals.
    pub ty: Option<TypeId>,
    /// Others outside of the program know it by its name.
    pub is_extern: bool,
}

/// What could stand at the marked place.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub name: String,
    /// None: it is built into the language.
    pub kind: Option<Kind>,
    /// Its type, or the head of its declaration.
    pub detail: String,
    pub definition: Option<Span>,
}

#[derive(Default)]
pub struct Notes {
    is_on: bool,
    /// A name that stands where something is to be completed.
    marker: Option<Rc<str>>,
    pub definitions: HashMap<Span, Definition>,
    /// From the place of a name to the declarations that it leads to.
    pub uses: HashMap<Span, Vec<Span>>,
    /// In `@safe` files `Point { x }` is short for `x: x`: from the place to the field.
    pub short_fields: HashMap<Span, Span>,
    /// Names of type parameters.
    pub type_parameters: HashSet<Span>,
    /// Types of members where they are named.
    pub types: HashMap<Span, TypeId>,
    /// Declarations that must have the same name.
    pub same: Vec<(Span, Span)>,
    /// Declarations that the language finds by their names: `main`, `deinit`.
    pub implicit: HashSet<Span>,
    /// Traits that types have which stand for type parameters.
    pub(super) bounds: Vec<(TypeId, ItemId)>,
    /// Names of errors, and where they are used without their set.
    pub errors: HashMap<Span, Rc<str>>,
    pub candidates: Vec<Candidate>,
}

impl Notes {
    pub(super) fn on(marker: Option<&str>) -> Notes {
        Notes { is_on: true, marker: marker.map(Rc::from), ..Notes::default() }
    }

    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    pub(super) fn is_marker(&self, text: &str) -> bool {
        self.marker.as_deref() == Some(text)
    }

    /// Notes a declaration; the first at a place stays, but learns its type if that was not known.
    pub(super) fn define(&mut self, name: Span, definition: Definition) {
        if !self.is_on || name.start == name.end {
            return;
        }
        let known = self.definitions.entry(name).or_insert_with(|| definition.clone());
        if matches!(known.ty, None | Some(TypeId::ERRONEOUS)) {
            known.ty = definition.ty;
        }
    }

    pub(super) fn use_of(&mut self, name: Span, definition: Span) {
        if !self.is_on || definition.start == definition.end {
            return;
        }
        let known = self.uses.entry(name).or_default();
        if !known.contains(&definition) {
            known.push(definition);
        }
    }

    pub(super) fn type_of(&mut self, name: Span, ty: TypeId) {
        if self.is_on && ty != TypeId::ERRONEOUS {
            self.types.entry(name).or_insert(ty);
        }
    }

    pub(super) fn same(&mut self, first: Span, second: Span) {
        if self.is_on && first != second {
            self.same.push((first, second));
        }
    }

    pub(super) fn implicit(&mut self, definition: Span) {
        if self.is_on {
            self.implicit.insert(definition);
        }
    }

    pub(super) fn error(&mut self, name: Span, text: &Rc<str>) {
        if self.is_on {
            self.errors.insert(name, text.clone());
        }
    }

    pub(super) fn offer(&mut self, name: &str, kind: Option<Kind>, detail: String, definition: Option<Span>) {
        let is_known = self.candidates.iter().any(|it| it.name == name);
        if !name.is_empty() && !is_known && !self.is_marker(name) {
            self.candidates.push(Candidate { name: name.to_owned(), kind, detail, definition });
        }
    }
}
