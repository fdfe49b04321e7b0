//! What the call takes that a place is in, which may be unfinished: tokens say which call that is,
//! the names of the program, or the rows of the builtins, what is called.

use crate::cot::ast::Function;
use crate::cot::check::builtins::builtin_signature;
use crate::cot::check::notes::Kind;
use crate::cot::query::Program;
use crate::cot::query::outline::{in_line, parameter, signature};
use crate::cot::source::{FileId, Span};
use crate::cot::token::{Token, TokenKind};
use crate::cot::types::{Type, TypeId};
use crate::cot::visit::{Visitor, walk_function};

/// What can be called where a call is.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// The declaration without its body, or a type, in a line.
    pub label: String,
    pub doc: Option<String>,
    /// Parts of the label: what is between the parentheses, one by one.
    pub parameters: Vec<String>,
    /// The parameter that the place is at; the last one if there are too few.
    pub active: usize,
}

/// A list in parentheses after a name.
struct List {
    name: Span,
    /// The second list after the name: the first one holds types.
    is_second: bool,
    /// The name follows a value and a dot.
    on_value: bool,
    n_commas: usize,
}

impl List {
    /// What it belongs to, by its label and the parameters in that.
    fn signature(&self, (label, parameters): (String, Vec<String>), doc: Option<String>) -> Signature {
        let active = self.n_commas.min(parameters.len().saturating_sub(1));
        Signature { label, doc, parameters, active }
    }
}

impl Program {
    /// The signatures of what is called around a place; none if it is not in a call that is known.
    pub fn signatures(&self, file: FileId, offset: u32) -> Vec<Signature> {
        let Some(list) = self.list_around(file, offset) else { return Vec::new() };
        let name = self.in_line(list.name);
        if let Some(builtin) = name.strip_prefix('@') {
            return builtin_signature(builtin).map(|it| list.signature(it, None)).into_iter().collect();
        }
        self.definitions(list.name).into_iter().filter_map(|place| self.signature(place, &list)).collect()
    }

    fn signature(&self, place: Span, list: &List) -> Option<Signature> {
        let definition = self.definition(place)?;
        let (label, parameters) = match definition.kind {
            Kind::Function | Kind::Method => {
                let mut find = Find { program: self, list, place, found: None };
                let tree = &self.file(place.file)?.tree;
                tree.declarations.iter().for_each(|it| find.declaration(it));
                find.found?
            }
            Kind::Variant => {
                let shown = self.in_line(definition.shown);
                let (name, payload) = shown.split_once(':')?;
                let payload = payload.trim().to_owned();
                (format!("{name}({payload})"), vec![payload])
            }
            _ => self.parameters_of_type(definition.ty.or_else(|| self.notes.types.get(&list.name).copied())?)?,
        };
        Some(list.signature((label, parameters), self.doc(place)))
    }

    fn parameters_of_type(&self, ty: TypeId) -> Option<(String, Vec<String>)> {
        let Type::Function { params, .. } = self.types.get(ty) else { return None };
        Some((self.types.name(ty), params.iter().map(|ty| self.types.name(*ty)).collect()))
    }

    fn in_line(&self, span: Span) -> String {
        in_line(&String::from_utf8_lossy(self.loaded.sources.text(span)))
    }

    /// The innermost list that is open at a place, and what it belongs to.
    fn list_around(&self, file: FileId, offset: u32) -> Option<List> {
        let tokens = self.tokens(file);
        let n_before = tokens.partition_point(|it| it.span.start < offset);
        let (mut depth, mut n_commas) = (0usize, 0);
        for at in (0..n_before).rev() {
            match tokens[at].kind {
                kind if closes(kind) => depth += 1,
                kind if opens(kind) && depth > 0 => depth -= 1,
                kind if opens(kind) => {
                    if let Some((name, is_second)) = name_before(tokens, at)
                        && !is_declared(tokens, name)
                    {
                        let on_value = self.is_on_value(tokens, name);
                        return Some(List { name: tokens[name].span, is_second, on_value, n_commas });
                    }
                    n_commas = 0;
                }
                TokenKind::Comma if depth == 0 => n_commas += 1,
                _ => {}
            }
        }
        None
    }

    /// Whether the name at an index is a member of a value, not of a type.
    fn is_on_value(&self, tokens: &[Token], name: usize) -> bool {
        let Some(dot) = name.checked_sub(1).filter(|at| is_dot(tokens[*at].kind)) else { return false };
        let Some(last) = dot.checked_sub(1) else { return false };
        let base = match tokens[last].kind {
            TokenKind::CloseParenthesis => open_of(tokens, last).and_then(|open| open.checked_sub(1)),
            _ => Some(last),
        };
        let Some(base) = base.map(|at| tokens[at].span) else { return true };
        let is_type = |it: &Span| {
            let kind = self.definition(*it).map(|it| it.kind);
            let types = [Kind::Struct, Kind::Enum, Kind::Union, Kind::Alias, Kind::Trait, Kind::TypeParameter];
            kind.is_some_and(|kind| types.contains(&kind))
        };
        self.loaded.sources.text(base) != b"Self" && !self.definitions(base).iter().any(is_type)
    }
}

fn opens(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::OpenParenthesis | TokenKind::OpenBracket | TokenKind::OpenBrace)
}

fn closes(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::CloseParenthesis | TokenKind::CloseBracket | TokenKind::CloseBrace)
}

fn is_dot(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::Dot | TokenKind::QuestionDot)
}

/// The bracket that the one at an index closes.
fn open_of(tokens: &[Token], close: usize) -> Option<usize> {
    let mut depth = 0usize;
    (0..=close).rev().find(|at| {
        let kind = tokens[*at].kind;
        depth = if closes(kind) { depth + 1 } else { depth.saturating_sub(usize::from(opens(kind))) };
        depth == 0
    })
}

/// The name before the parenthesis at an index, and whether another list is between them.
fn name_before(tokens: &[Token], open: usize) -> Option<(usize, bool)> {
    let before = open.checked_sub(1).filter(|_| tokens[open].kind == TokenKind::OpenParenthesis)?;
    let is_second = tokens[before].kind == TokenKind::CloseParenthesis;
    let name = if is_second { open_of(tokens, before)?.checked_sub(1)? } else { before };
    let is_name = match tokens[name].kind {
        TokenKind::Identifier => true,
        TokenKind::Builtin => !is_second,
        _ => false,
    };
    is_name.then_some((name, is_second))
}

/// Whether the name at an index is that of a function that is being declared.
fn is_declared(tokens: &[Token], name: usize) -> bool {
    name.checked_sub(1).is_some_and(|at| tokens[at].kind == TokenKind::Fn)
}

/// Finds the function whose name is at a place.
struct Find<'a> {
    program: &'a Program,
    list: &'a List,
    place: Span,
    /// Its label, and the parameters that the list has.
    found: Option<(String, Vec<String>)>,
}

impl Find<'_> {
    fn parameters(&self, it: &Function) -> Option<Vec<String>> {
        if !it.type_params.is_empty() && !self.list.is_second {
            return Some(it.type_params.iter().map(|name| name.text.to_string()).collect());
        }
        // What a function returns is called.
        if it.type_params.is_empty() && self.list.is_second {
            return None;
        }
        let is_self = it.params.first().is_some_and(|param| &*param.name.text == "self");
        let params = it.params.iter().skip(usize::from(is_self && self.list.on_value));
        let source = self.program.source(it.span.file);
        Some(params.map(|param| parameter(param, source)).collect())
    }
}

impl Visitor for Find<'_> {
    fn function(&mut self, it: &Function) {
        if it.name.span == self.place {
            let before = self.program.in_line(Span { end: it.name.span.end, ..it.span });
            let label = format!("{before}{}", signature(it, self.program.source(it.span.file)));
            self.found = self.parameters(it).map(|parameters| (label, parameters));
        } else {
            walk_function(self, it);
        }
    }
}
