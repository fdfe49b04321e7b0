//! Names: what a file sees (section 18), and what a name means at a place.

use std::collections::HashMap;
use std::rc::Rc;

use crate::cot::ast::Name;
use crate::cot::check::Checker;
use crate::cot::check::model::{Binding, Env, ItemId, ItemKind, Meaning, Visible};
use crate::cot::check::suggest::nearest;
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::library;
use crate::cot::source::Span;
use crate::cot::types::TypeId;

impl<'a> Checker<'a> {
    /// Adds names of imported files to those of each file. Its own come first, those of files that
    /// it does not import last.
    pub(super) fn make_visible(&mut self) {
        let own = self.declared.visible_names().to_vec();
        let prelude = self.loaded.prelude;
        let mut everywhere = HashMap::new();
        for (_, names) in own.iter().enumerate().filter(|(file, _)| Some(*file) != prelude) {
            for (name, visible) in names {
                self.add_visible(&mut everywhere, name, *visible);
            }
        }
        self.declared.set_everywhere(everywhere, prelude);
        for file in 0..own.len() {
            let mut all: HashMap<Rc<str>, Visible> = HashMap::new();
            for other in self.imported_by(file) {
                for (name, visible) in &own[other] {
                    self.add_visible(&mut all, name, *visible);
                }
            }
            all.extend(own[file].iter().map(|(name, visible)| (name.clone(), *visible)));
            self.declared.set_visible_names(file, all);
        }
    }

    fn add_visible(&mut self, all: &mut HashMap<Rc<str>, Visible>, name: &Rc<str>, visible: Visible) {
        let (Visible::One(second) | Visible::Ambiguous(second, _)) = visible;
        let Some(Visible::One(first)) = all.get(name).copied() else {
            all.entry(name.clone()).or_insert(visible);
            return;
        };
        if !self.merge_declarations(first, second) {
            all.insert(name.clone(), Visible::Ambiguous(first, second));
        } else if self.is_better(second, first) {
            all.insert(name.clone(), visible);
        }
    }

    /// Of two declarations of a function: whether the first is the one with a body.
    fn is_better(&self, first: ItemId, second: ItemId) -> bool {
        let has_body = |item: ItemId| match self.declared[item].kind {
            ItemKind::Function(id) => self.declared[id].ast.body.is_some(),
            _ => false,
        };
        has_body(first) && !has_body(second)
    }

    /// Files that a file imports, directly or not.
    fn imported_by(&self, file: usize) -> Vec<usize> {
        let mut seen = vec![false; self.loaded.files.len()];
        let mut open = vec![file];
        let mut found = Vec::new();
        while let Some(next) = open.pop() {
            for import in &self.loaded.files[next].imports {
                if !std::mem::replace(&mut seen[*import], true) {
                    found.push(*import);
                    open.push(*import);
                }
            }
        }
        found.sort();
        found
    }

    /// What a name means here; an undefined one is reported.
    pub(super) fn find(&mut self, env: &Env, text: &Rc<str>, span: Span) -> Option<Meaning> {
        let found = self.find_quietly(env, text, span);
        if found.is_none() && !text.is_empty() {
            self.report_undefined(env, text, span);
        }
        found
    }

    /// As `find`, without a complaint about undefined names.
    pub(super) fn find_quietly(&mut self, env: &Env, text: &Rc<str>, span: Span) -> Option<Meaning> {
        if self.notes.is_marker(text) {
            self.offer_names(env);
            return None;
        }
        if env.in_body
            && let Some(binding) = self.find_binding(text)
        {
            self.note_use_of_binding(text, &binding, span);
            return Some(Meaning::Binding(binding));
        }
        if let Some((_, ty)) = env.params.iter().rev().find(|(name, _)| name == text) {
            let ty = *ty;
            self.note_parameter(ty, text, span);
            return Some(Meaning::Type(ty));
        }
        let mut outer = env.outer;
        while let Some(item) = outer {
            if let Some(found) = self.declared.nested(item, text) {
                self.notes.use_of(span, self.declared[found].name.span);
                return Some(Meaning::Item(found));
            }
            outer = self.declared[item].env.outer;
        }
        match self.declared.seen(env.file, text)? {
            Visible::One(item) => {
                self.notes.use_of(span, self.declared[item].name.span);
                Some(Meaning::Item(item))
            }
            Visible::Ambiguous(first, second) => {
                let whose =
                    if self.declared.visible(env.file, text).is_some() { "two imported files" } else { "two files" };
                let message = format!("'{text}' is defined in {whose}");
                let places = [first, second].map(|item| self.declared[item].name.span);
                let diagnostic = Diagnostic::new(Code::Redefined, span, message);
                self.push_diagnostic(diagnostic.note_at(places[0], "here").note_at(places[1], "and here"));
                Some(Meaning::Item(first))
            }
        }
    }

    fn note_use_of_binding(&mut self, text: &Rc<str>, binding: &Binding, span: Span) {
        if !self.notes.is_on() {
            return;
        }
        if let Some(place) = self.binding_place(text) {
            self.notes.use_of(span, place);
        }
        if let Binding::Local { local, .. } = binding {
            let ty = self.local_type(*local);
            self.notes.type_of(span, ty);
        }
    }

    /// Notes a type parameter, or what `Self` stands for.
    fn note_parameter(&mut self, ty: TypeId, text: &str, span: Span) {
        if !self.notes.is_on() {
            return;
        }
        if text != "Self" {
            self.notes.type_parameters.insert(span);
        }
        self.notes.type_of(span, ty);
    }

    /// An item by its name; anything else is reported.
    pub(super) fn find_item(&mut self, env: &Env, name: &Name) -> Option<ItemId> {
        match self.find(env, &name.text, name.span)? {
            Meaning::Item(item) => Some(item),
            Meaning::Binding(_) | Meaning::Type(_) => {
                self.type_error(name.span, format!("'{}' is not declared at the top level", name.text));
                None
            }
        }
    }

    fn report_undefined(&mut self, env: &Env, text: &Rc<str>, span: Span) {
        let mut diagnostic = Diagnostic::new(Code::Undefined, span, format!("undefined identifier '{text}'"));
        if let Some(hint) = self.hint_for(env, text) {
            diagnostic = diagnostic.note(hint);
        }
        self.push_diagnostic(diagnostic);
    }

    /// What an undefined name may have been meant to be; not looked for once there are more errors
    /// than will be read.
    fn hint_for(&self, env: &Env, text: &str) -> Option<String> {
        const MOST_ERRORS: usize = 50;
        if self.reports.len() >= MOST_ERRORS {
            return None;
        }
        let mut names: Vec<Rc<str>> = self.declared.visible_names()[env.file].keys().cloned().collect();
        if env.in_body {
            names.extend(self.binding_names());
        }
        names.extend(env.params.iter().map(|(name, _)| name.clone()));
        names.extend(["print", "println", "eprint", "eprintln", "len", "append"].map(Rc::from));
        names.sort();
        if let Some(near) = nearest(text, names.iter().map(|name| &**name)) {
            return Some(format!("did you mean '{near}'?"));
        }
        library::module_with(text).map(|module| format!("it is declared in a module: import \"std/{module}\""))
    }
}
