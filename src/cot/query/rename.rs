//! What a new name changes. Everything that must have the same name changes with it; the program
//! must then mean what it meant, which is checked by looking at it once more.

use std::collections::{BTreeMap, BTreeSet};

use crate::cot::check::notes::Kind;
use crate::cot::query::Program;
use crate::cot::query::references::{Place, place};
use crate::cot::source::{FileId, Span};
use crate::cot::token::{Token, TokenKind};

/// Places to replace, and by what.
pub type Edits = BTreeMap<Place, String>;

/// What a rename would do.
#[derive(Debug)]
pub struct Rename {
    pub edits: Edits,
}

/// Whether a text can be a name: a word, or any text as `@"any text"`.
pub fn is_name(text: &str) -> bool {
    if let Some(quoted) = text.strip_prefix("@\"").and_then(|rest| rest.strip_suffix('"')) {
        return !quoted.is_empty() && !quoted.contains(['"', '\n', '\r']);
    }
    let mut bytes = text.bytes();
    let starts = bytes.next().is_some_and(|it| it.is_ascii_alphabetic() || it == b'_');
    let is_word = starts && bytes.all(|it| it.is_ascii_alphanumeric() || it == b'_');
    is_word && text != "_" && TokenKind::keyword(text.as_bytes()).is_none()
}

impl Program {
    /// Whether a name can be changed; the reason if not.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn can_rename(&self, name: Span) -> Result<(), String> {
        self.declarations_of(name).map(drop)
    }

    /// All declarations that change their name with the one that `name` leads to.
    fn declarations_of(&self, name: Span) -> Result<BTreeSet<Place>, String> {
        let text = String::from_utf8_lossy(self.loaded.sources.text(name)).into_owned();
        let Some(found) = self.related(name) else {
            return Err(format!("'{text}' is not a name that the program declares"));
        };
        for (definition, implicit) in self.notes.definitions.iter().map(|(it, of)| (it, of.is_extern)) {
            if !found.contains(&place(*definition)) {
                continue;
            }
            if self.is_library(definition.file) {
                return Err(format!("'{text}' belongs to the standard library"));
            }
            if implicit {
                return Err(format!("'{text}' is an extern function, whose name others know"));
            }
            if self.notes.implicit.contains(definition) {
                return Err(format!("'{text}' has a meaning by its name"));
            }
        }
        if text == "self" {
            return Err("'self' has a meaning by its name".to_owned());
        }
        Ok(found)
    }

    /// What it takes to give a declaration another name.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn rename(&self, name: Span, new: &str) -> Result<Rename, String> {
        if !is_name(new) {
            return Err(format!("'{new}' is not a name"));
        }
        let declarations = self.declarations_of(name)?;
        let is_error =
            |it: &Place| self.notes.definitions.iter().any(|(at, of)| place(*at) == *it && of.kind == Kind::Error);
        if declarations.iter().any(is_error) && self.notes.errors.values().any(|it| &**it == new) {
            return Err(format!("there is an error '{new}' already"));
        }
        let is_field =
            |it: &Place| self.notes.definitions.iter().any(|(at, of)| place(*at) == *it && of.kind == Kind::Field);
        if declarations.iter().any(is_field) && self.asks_for_field(self.loaded.sources.text(name)) {
            let old = String::from_utf8_lossy(self.loaded.sources.text(name)).into_owned();
            return Err(format!("'{old}' is also named in a string, for @hasField"));
        }
        let leads_there = |definitions: &[Span]| definitions.iter().any(|it| declarations.contains(&place(*it)));
        let mut edits = Edits::new();
        for (at, definitions) in &self.uses {
            let Some(field) = self.notes.short_fields.get(at) else {
                if leads_there(definitions) {
                    edits.insert(place(*at), new.to_owned());
                }
                continue;
            };
            // `Point { x }` becomes `Point { x: new }` or `Point { new: x }`.
            let old = String::from_utf8_lossy(self.loaded.sources.text(*at)).into_owned();
            match (declarations.contains(&place(*field)), leads_there(definitions)) {
                (true, true) => drop(edits.insert(place(*at), new.to_owned())),
                (true, false) => drop(edits.insert(place(*at), format!("{new}: {old}"))),
                (false, true) => drop(edits.insert(place(*at), format!("{old}: {new}"))),
                (false, false) => {}
            }
        }
        if let Some((file, ..)) = edits.keys().find(|(file, ..)| self.is_library(*file)) {
            let name = &self.source(*file).name;
            return Err(format!("{name}, which belongs to the standard library, has this name too"));
        }
        Ok(Rename { edits })
    }

    /// Whether the program asks, by a string, whether there is a field of this name.
    fn asks_for_field(&self, name: &[u8]) -> bool {
        let files = self.loaded.files.iter().filter(|file| !file.is_library);
        files.map(|file| self.tokens(file.id)).any(|tokens| {
            let is_builtin = |it: &Token| self.loaded.sources.text(it.span) == b"@hasField";
            let is_string = |it: &Token| {
                it.kind == TokenKind::String && self.loaded.sources.text(it.span) == [b"\"", name, b"\""].concat()
            };
            tokens.iter().any(is_builtin) && tokens.iter().any(is_string)
        })
    }

    /// The text of a file with its edits.
    pub fn edited(&self, file: FileId, edits: &Edits) -> Vec<u8> {
        let bytes = &self.source(file).bytes;
        let mut text = Vec::new();
        let mut at = 0;
        for ((_, start, end), new) in edits.iter().filter(|((of, ..), _)| *of == file) {
            text.extend_from_slice(&bytes[at..*start as usize]);
            text.extend_from_slice(new.as_bytes());
            at = *end as usize;
        }
        text.extend_from_slice(&bytes[at..]);
        text
    }

    /// Whether the program after the edits means what this one means: each name leads to the same
    /// declaration. Files are in the same order in both.
    pub fn means_the_same(&self, after: &Program, edits: &Edits) -> bool {
        let moved = Moved::new(edits);
        let before = |spans: &mut dyn Iterator<Item = (Span, Span)>| -> BTreeSet<(Place, Place)> {
            spans.map(|(name, to)| (moved.place(name), moved.place(to))).collect()
        };
        let plain = |spans: &mut dyn Iterator<Item = (Span, Span)>| -> BTreeSet<(Place, Place)> {
            spans.map(|(name, to)| (place(name), place(to))).collect()
        };
        let is_short =
            |it: &(Span, Span)| self.notes.short_fields.contains_key(&it.0) && edits.contains_key(&place(it.0));
        // A short field that was written out is two names now.
        let n_short = self.pairs().filter(is_short).count();
        let (old, new) = (before(&mut self.pairs().filter(|it| !is_short(it))), plain(&mut after.pairs()));
        let implicit = |of: &Program, place: &dyn Fn(Span) -> Place| -> BTreeSet<Place> {
            of.notes.implicit.iter().map(|it| place(*it)).collect()
        };
        let same_implicit = implicit(self, &|it| moved.place(it)) == implicit(after, &place);
        let same_names = if n_short == 0 { old == new } else { old.is_subset(&new) };
        same_names && same_implicit
    }

    /// All names and where they lead.
    fn pairs(&self) -> impl Iterator<Item = (Span, Span)> {
        self.uses.iter().flat_map(|(name, definitions)| definitions.iter().map(|it| (*name, *it)))
    }
}

/// Where places are after edits.
struct Moved<'a> {
    edits: &'a Edits,
    /// Per file, in order: where an edit begins, and by how much it and those before it move what
    /// follows.
    shifts: BTreeMap<FileId, Vec<(u32, i64)>>,
}

impl<'a> Moved<'a> {
    fn new(edits: &'a Edits) -> Moved<'a> {
        let mut shifts: BTreeMap<FileId, Vec<(u32, i64)>> = BTreeMap::new();
        for ((file, start, end), new) in edits {
            let of_file = shifts.entry(*file).or_default();
            let before = of_file.last().map_or(0, |(_, shift)| *shift);
            of_file.push((*start, before + new.len() as i64 - i64::from(end - start)));
        }
        Moved { edits, shifts }
    }

    fn place(&self, span: Span) -> Place {
        let of_file = self.shifts.get(&span.file).map_or(&[][..], |shifts| shifts);
        let n_before = of_file.partition_point(|(start, _)| *start < span.start);
        let shift = n_before.checked_sub(1).map_or(0, |last| of_file[last].1);
        let length = self.edits.get(&place(span)).map_or(i64::from(span.end - span.start), |new| new.len() as i64);
        let start = i64::from(span.start) + shift;
        (span.file, start as u32, (start + length) as u32)
    }
}
