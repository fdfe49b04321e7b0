//! What a name is: its declaration as code, where it belongs, and the comment before it.

use crate::cot::check::notes::{Definition, Kind};
use crate::cot::query::Program;
use crate::cot::source::Span;

/// How many lines of a declaration are shown.
const MOST_LINES: usize = 20;

/// About a name.
#[derive(Debug, PartialEq, Eq)]
pub struct Hover {
    pub code: String,
    /// The type that it is a member of.
    pub owner: Option<String>,
    /// The doc comment.
    pub doc: Option<String>,
}

impl Program {
    /// What a name is, if that is known.
    pub fn hover(&self, name: Span) -> Option<Hover> {
        let ty = self.notes.types.get(&name).map(|ty| self.types.name(*ty));
        let Some(place) = self.definitions(name).first().copied() else {
            // A member that is built in, or `Self`.
            let text = String::from_utf8_lossy(self.loaded.sources.text(name)).into_owned();
            let code = match self.notes.errors.contains_key(&name) {
                true => format!("error.{text}"),
                false => ty.map(|ty| if text == "Self" { ty } else { format!("{text}: {ty}") })?,
            };
            return Some(Hover { code, owner: None, doc: None });
        };
        let definition = self.definition(place)?;
        let text = String::from_utf8_lossy(self.loaded.sources.text(place)).into_owned();
        let own = || definition.ty.map_or_else(|| "unknown".to_owned(), |ty| self.types.name(ty));
        let code = match definition.kind {
            Kind::Variable if definition.ty.is_some() => format!("var {text}: {}", own()),
            Kind::Constant if definition.ty.is_some() => format!("const {text}: {}", own()),
            Kind::Parameter if definition.ty.is_some() => format!("{text}: {}", own()),
            Kind::Field => ty.map_or_else(|| self.shown(definition), |ty| format!("{text}: {ty}")),
            Kind::Error => format!("error.{text}"),
            _ => self.shown(definition),
        };
        Some(Hover { code, owner: definition.owner.clone(), doc: self.doc(place) })
    }

    /// The declaration as it is written, without the indentation of its first line.
    fn shown(&self, definition: &Definition) -> String {
        let source = self.source(definition.shown.file);
        let (line, _) = source.position(definition.shown.start);
        let indentation = source.line(line).iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let text = String::from_utf8_lossy(self.loaded.sources.text(definition.shown)).into_owned();
        let mut lines = Vec::new();
        for line in text.trim_end().lines().take(MOST_LINES) {
            let n_blank = line.bytes().take(indentation).take_while(u8::is_ascii_whitespace).count();
            lines.push(&line[n_blank..]);
        }
        if text.trim_end().lines().count() > MOST_LINES {
            lines.push("…");
        }
        lines.join("\n")
    }

    /// The comment before the declaration of a name.
    pub fn doc(&self, name: Span) -> Option<String> {
        let docs = &self.file(name.file)?.tree.docs;
        docs.iter().find(|doc| doc.name == name).map(|doc| doc.text.clone())
    }
}
