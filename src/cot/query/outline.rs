//! What a file declares, as a tree. The file may have errors.

use crate::cot::ast::{Declaration, File, Function, Members, Name, Param, Test, TypeExpr, Variable};
use crate::cot::check::notes::Kind;
use crate::cot::source::{Source, Span};

/// Something that is declared.
#[derive(Debug, PartialEq, Eq)]
pub struct Symbol {
    pub name: String,
    /// None: an `impl`.
    pub kind: Option<Kind>,
    /// What it takes, its type, or nothing.
    pub detail: String,
    pub whole: Span,
    /// Of the name, in the whole.
    pub place: Span,
    /// What it has.
    pub parts: Vec<Symbol>,
}

/// The declarations of a file, in order.
pub fn outline(file: &File, source: &Source) -> Vec<Symbol> {
    let outliner = Outliner { source };
    file.declarations.iter().flat_map(|it| outliner.declaration(it)).collect()
}

struct Outliner<'a> {
    source: &'a Source,
}

impl Outliner<'_> {
    fn text(&self, span: Span) -> String {
        let bytes = &self.source.bytes[span.start as usize..span.end as usize];
        in_line(&String::from_utf8_lossy(bytes))
    }

    fn declaration(&self, declaration: &Declaration) -> Vec<Symbol> {
        match declaration {
            Declaration::Import(_) => Vec::new(),
            Declaration::Function(it) => self.function(it, Kind::Function).into_iter().collect(),
            Declaration::Variable(it) => self.variable(it),
            Declaration::Struct(it) => {
                let fields = it.fields.iter().flat_map(|field| self.field(field)).collect();
                with_parts(symbol(&it.name, Kind::Struct, it.span), fields, self.members(&it.members))
            }
            Declaration::Enum(it) => {
                let variants = it.variants.iter().flat_map(|(name, value)| {
                    symbol(name, Kind::Variant, value.as_ref().map_or(name.span, |value| name.span.to(value.span)))
                });
                with_parts(symbol(&it.name, Kind::Enum, it.span), variants.collect(), self.members(&it.members))
            }
            Declaration::Union(it) => {
                let variants = it.variants.iter().flat_map(|(name, ty)| self.typed(name, Kind::Variant, ty.as_ref()));
                with_parts(symbol(&it.name, Kind::Union, it.span), variants.collect(), self.members(&it.members))
            }
            Declaration::ErrorSet(it) => {
                let members = it.members.iter().flat_map(|name| symbol(name, Kind::Error, name.span));
                with_parts(symbol(&it.name, Kind::ErrorSet, it.span), members.collect(), Vec::new())
            }
            Declaration::Alias(it) => {
                let detail = self.text(it.ty.span);
                symbol(&it.name, Kind::Alias, it.span).map(|of| Symbol { detail, ..of }).into_iter().collect()
            }
            Declaration::Trait(it) => {
                let functions = it.functions.iter().flat_map(|function| self.function(function, Kind::Method));
                with_parts(symbol(&it.name, Kind::Trait, it.span), functions.collect(), Vec::new())
            }
            Declaration::Impl(it) => {
                let of_trait = it.of_trait.as_ref().map_or_else(String::new, |of| format!("{} for ", of.text));
                vec![Symbol {
                    name: format!("impl {of_trait}{}", self.text(it.target.span)),
                    kind: None,
                    detail: String::new(),
                    whole: it.span,
                    place: it.target.span,
                    parts: self.members(&it.members),
                }]
            }
            Declaration::Test(it) => vec![self.test("test", it)],
            Declaration::Bench(it) => vec![self.test("bench", it)],
        }
    }

    fn test(&self, word: &str, it: &Test) -> Symbol {
        let name = format!("{word} {}", self.text(it.name.span));
        let (whole, place) = (it.span, it.name.span);
        Symbol { name, kind: Some(Kind::Function), detail: String::new(), whole, place, parts: Vec::new() }
    }

    fn members(&self, members: &Members) -> Vec<Symbol> {
        let types = members.types.iter().flat_map(|it| self.declaration(it));
        let constants = members.constants.iter().flat_map(|it| self.variable(it));
        let functions = members.functions.iter().flat_map(|it| self.function(it, Kind::Method));
        let mut all: Vec<Symbol> = types.chain(constants).chain(functions).collect();
        all.sort_by_key(|it| it.place.start);
        all
    }

    fn function(&self, it: &Function, kind: Kind) -> Option<Symbol> {
        let detail = signature(it, self.source);
        symbol(&it.name, kind, it.span).map(|of| Symbol { detail, ..of })
    }

    fn variable(&self, it: &Variable) -> Vec<Symbol> {
        let kind = if it.is_const { Kind::Constant } else { Kind::Variable };
        let bindings = it.bindings.iter().flat_map(|(name, ty)| {
            let of = self.typed(name, kind, ty.as_ref())?;
            // What destructures a tuple is the whole of none of its names.
            Some(if it.bindings.len() == 1 { Symbol { whole: it.span, ..of } } else { of })
        });
        bindings.collect()
    }

    fn field(&self, it: &Param) -> Option<Symbol> {
        let of = self.typed(&it.name, Kind::Field, Some(&it.ty))?;
        let whole = it.default.as_ref().map_or(of.whole, |value| of.whole.to(value.span));
        Some(Symbol { whole, ..of })
    }

    fn typed(&self, name: &Name, kind: Kind, ty: Option<&TypeExpr>) -> Option<Symbol> {
        let of = symbol(name, kind, ty.map_or(name.span, |ty| name.span.to(ty.span)))?;
        Some(Symbol { detail: ty.map_or_else(String::new, |ty| self.text(ty.span)), ..of })
    }
}

/// What follows the name of a function up to its body, without comments.
pub(super) fn signature(it: &Function, source: &Source) -> String {
    let names = |names: &[Name]| names.iter().map(|name| name.text.to_string()).collect::<Vec<_>>().join(", ");
    let outliner = Outliner { source };
    let params: Vec<String> = it
        .params
        .iter()
        .map(|param| {
            let default =
                param.default.as_ref().map_or_else(String::new, |it| format!(" = {}", outliner.text(it.span)));
            format!("{}{default}", parameter(param, source))
        })
        .collect();
    let types = if it.type_params.is_empty() { String::new() } else { format!("({})", names(&it.type_params)) };
    let result = it.result.as_ref().map_or_else(String::new, |ty| format!(" {}", outliner.text(ty.span)));
    let bounds: Vec<String> = it.bounds.iter().map(|(name, of)| format!("{}: {}", name.text, of.text)).collect();
    let bounds = if bounds.is_empty() { String::new() } else { format!(" where {}", bounds.join(", ")) };
    format!("{types}({}){result}{bounds}", params.join(", "))
}

/// A parameter as [`signature`] has it, without its default.
pub(super) fn parameter(it: &Param, source: &Source) -> String {
    Outliner { source }.text(it.name.span.to(it.ty.span))
}

/// A text without line breaks.
pub(super) fn in_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// None if its name is missing.
fn symbol(name: &Name, kind: Kind, whole: Span) -> Option<Symbol> {
    let place = name.span;
    let is_there = !name.text.is_empty() && whole.start <= place.start && place.end <= whole.end;
    let (name, kind) = (name.text.to_string(), Some(kind));
    is_there.then(|| Symbol { name, kind, detail: String::new(), whole, place, parts: Vec::new() })
}

/// In the order of the source. What has no name leaves its parts.
fn with_parts(of: Option<Symbol>, mut parts: Vec<Symbol>, members: Vec<Symbol>) -> Vec<Symbol> {
    parts.extend(members);
    parts.sort_by_key(|part| part.place.start);
    match of {
        Some(of) => vec![Symbol { parts, ..of }],
        None => parts,
    }
}
