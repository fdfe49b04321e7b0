//! Where type parameters are seen: in the function, struct or `impl` that names them.

use crate::cot::ast::{Declaration, Function, Name};
use crate::cot::load::Loaded;
use crate::cot::source::Span;
use crate::cot::visit::{Visitor, walk_declaration, walk_function};

/// Type parameters of a program.
pub struct Scopes {
    /// Where a parameter is seen, and its name.
    parameters: Vec<(Span, Span)>,
    /// Parameters that a `where` names.
    pub bounds: Vec<Span>,
}

impl Scopes {
    /// The innermost parameter that is seen at a place and fits.
    pub fn find(&self, place: Span, fits: impl Fn(Span) -> bool) -> Option<Span> {
        let contains = |it: Span| it.file == place.file && it.start <= place.start && place.end <= it.end;
        let around = self.parameters.iter().filter(|(whole, name)| contains(*whole) && fits(*name));
        around.min_by_key(|(whole, _)| whole.end - whole.start).map(|(_, name)| *name)
    }

    fn add(&mut self, whole: Span, names: &[Name]) {
        self.parameters.extend(names.iter().map(|name| (whole, name.span)));
    }
}

impl Visitor for Scopes {
    fn function(&mut self, it: &Function) {
        self.add(it.span, &it.type_params);
        self.bounds.extend(it.bounds.iter().map(|(name, _)| name.span));
        walk_function(self, it);
    }

    fn declaration(&mut self, it: &Declaration) {
        match it {
            Declaration::Struct(it) => self.add(it.span, &it.type_params),
            Declaration::Impl(it) => self.add(it.span, &it.type_params),
            _ => {}
        }
        walk_declaration(self, it);
    }
}

pub fn type_parameters(loaded: &Loaded) -> Scopes {
    let mut scopes = Scopes { parameters: Vec::new(), bounds: Vec::new() };
    loaded.files.iter().flat_map(|file| &file.tree.declarations).for_each(|it| scopes.declaration(it));
    scopes
}
