//! What tokens are for, as far as a tree knows it and the tokens alone do not: which `-` has two
//! operands, where statements begin.
//!
//! Places are offsets of tokens' first bytes.

use std::collections::HashSet;

use crate::cot::ast::{
    Block, Declaration, Expr, ExprKind, File, Function, Members, Statement, StatementKind, TypeExpr, TypeExprKind,
};
use crate::cot::source::Span;
use crate::cot::token::{Token, TokenKind};
use crate::cot::visit::{Visitor, walk_block, walk_declaration, walk_expr, walk_function, walk_statement, walk_type};

/// Something in braces whose items can be on lines of their own.
#[derive(Debug)]
pub struct Body {
    pub open: u32,
    pub close: u32,
    pub items: Vec<u32>,
    pub lines: Lines,
}

/// When items of a body are on lines of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    Always,
    /// When there is a line break anywhere in the body.
    AsWritten,
    /// When one of them holds something that does.
    IfNeeded,
}

#[derive(Debug, Default)]
pub struct Roles {
    /// Operators with two operands.
    pub infix: HashSet<u32>,
    /// Dots that begin an operand.
    pub prefix_dots: HashSet<u32>,
    /// Types with a space before them, whatever comes before.
    pub spaced: HashSet<u32>,
    /// Types of elements, directly after brackets.
    pub elements: HashSet<u32>,
    /// `!` between the set and the payload.
    pub set_bangs: HashSet<u32>,
    /// The `(` of a loop's step.
    pub steps: HashSet<u32>,
    /// Statements, declarations, members, arms.
    pub starts: HashSet<u32>,
    /// Declarations of the file.
    pub declarations: Vec<u32>,
    pub arms: HashSet<u32>,
    /// Conditions and subjects without parentheses: first byte, end.
    pub conditions: Vec<(u32, u32)>,
    pub bodies: Vec<Body>,
    /// `enum` as the first word of a declaration.
    pub enums: HashSet<u32>,
}

/// The roles of a file's tokens.
pub fn roles(file: &File, tokens: &[Token]) -> Roles {
    let mut finder = Finder { tokens, partners: partners(tokens), roles: Roles::default() };
    file.declarations.iter().for_each(|it| finder.declaration(it));
    let imports = tokens.iter().filter(|token| token.kind == TokenKind::Import).map(|token| token.span.start);
    let others = file.declarations.iter().filter(|it| !matches!(it, Declaration::Import(_)));
    let others = others.map(|it| it.span().start);
    // The first one follows `@safe`.
    finder.roles.declarations = imports.chain(others).collect();
    finder.roles.starts.extend(&finder.roles.declarations);
    finder.roles.bodies.sort_by_key(|body| body.open);
    finder.roles
}

struct Finder<'a> {
    tokens: &'a [Token],
    /// Index of the bracket that closes the one at an index.
    partners: Vec<usize>,
    roles: Roles,
}

/// Of each opening bracket the closing one; of the last token itself where there is none.
fn partners(tokens: &[Token]) -> Vec<usize> {
    let mut partners = vec![tokens.len().saturating_sub(1); tokens.len()];
    let mut open = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::OpenParenthesis | TokenKind::OpenBracket | TokenKind::OpenBrace => open.push(index),
            TokenKind::CloseParenthesis | TokenKind::CloseBracket | TokenKind::CloseBrace => {
                if let Some(start) = open.pop() {
                    partners[start] = index;
                }
            }
            _ => {}
        }
    }
    partners
}

impl Finder<'_> {
    /// Index of the first token at or after an offset.
    fn token_from(&self, offset: u32) -> usize {
        self.tokens.partition_point(|token| token.span.start < offset).min(self.tokens.len() - 1)
    }

    /// The first byte of that token.
    fn place_from(&self, offset: u32) -> u32 {
        self.tokens[self.token_from(offset)].span.start
    }

    /// The braces that open first after an offset.
    fn body_from(&mut self, offset: u32, items: Vec<u32>, lines: Lines) {
        let first = self.token_from(offset);
        let open = self.tokens[first..].iter().position(|token| token.kind == TokenKind::OpenBrace);
        let Some(open) = open.map(|ahead| first + ahead) else { return };
        self.roles.starts.extend(&items);
        let (open, close) = (self.tokens[open].span.start, self.tokens[self.partners[open]].span.start);
        self.roles.bodies.push(Body { open, close, items, lines });
    }

    /// The content of the braces after a name. Data alone may stay on its line.
    fn members_body(&mut self, members: &Members, data: impl Iterator<Item = Span>, name: Span) {
        let functions = members.functions.iter().map(|it| it.span.start);
        let constants = members.constants.iter().map(|it| it.span.start);
        let types = members.types.iter().map(|it| it.span().start);
        let mut items: Vec<u32> = functions.chain(constants).chain(types).collect();
        let data: Vec<u32> = data.map(|span| span.start).collect();
        self.roles.starts.extend(&data);
        let lines = match (items.len(), data.len()) {
            (0, _) => Lines::IfNeeded,
            (1, 0) => Lines::AsWritten,
            _ => Lines::Always,
        };
        items.extend(data.first());
        self.body_from(name.end, items, lines);
    }

    fn spaced(&mut self, ty: &TypeExpr) {
        self.roles.spaced.insert(ty.span.start);
    }

    fn condition(&mut self, condition: &Expr) {
        let open = self.token_from(condition.span.start);
        let is_in_parentheses = self.tokens[open].kind == TokenKind::OpenParenthesis
            && self.tokens[self.partners[open]].span.end == condition.span.end;
        if !is_in_parentheses {
            self.roles.conditions.push((condition.span.start, condition.span.end));
        }
    }
}

impl Visitor for Finder<'_> {
    fn declaration(&mut self, declaration: &Declaration) {
        walk_declaration(self, declaration);
        match declaration {
            Declaration::Struct(it) => {
                self.members_body(&it.members, it.fields.iter().map(|field| field.name.span), it.name.span);
            }
            Declaration::Enum(it) => {
                if self.tokens[self.token_from(it.span.start)].kind == TokenKind::Enum {
                    self.roles.enums.insert(it.span.start);
                }
                self.members_body(&it.members, it.variants.iter().map(|(name, _)| name.span), it.name.span);
            }
            Declaration::Union(it) => {
                self.members_body(&it.members, it.variants.iter().map(|(name, _)| name.span), it.name.span);
            }
            Declaration::Trait(it) => {
                let items = it.functions.iter().map(|function| function.span.start).collect();
                self.body_from(it.name.span.end, items, Lines::AsWritten);
            }
            Declaration::Impl(it) => self.members_body(&it.members, [].into_iter(), it.target.span),
            _ => {}
        }
    }

    fn function(&mut self, it: &Function) {
        it.result.iter().for_each(|ty| self.spaced(ty));
        walk_function(self, it);
    }

    fn type_expr(&mut self, ty: &TypeExpr) {
        match &ty.kind {
            TypeExprKind::ErrorUnion { set: Some(set), .. } => {
                self.roles.set_bangs.insert(self.place_from(set.span.end));
            }
            TypeExprKind::Slice(element) | TypeExprKind::Array { element, .. } => {
                self.roles.elements.insert(element.span.start);
            }
            _ => {}
        }
        walk_type(self, ty);
    }

    fn block(&mut self, block: &Block) {
        walk_block(self, block);
        // A statement without braces may follow its condition, or on the next line.
        if self.tokens[self.token_from(block.span.start)].kind == TokenKind::OpenBrace {
            let items: Vec<_> = block.statements.iter().map(|it| it.span.start).collect();
            let lines = if items.len() > 1 { Lines::Always } else { Lines::AsWritten };
            self.body_from(block.span.start, items, lines);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        if let StatementKind::While { condition, step, .. } = &statement.kind {
            self.condition(condition);
            self.roles.steps.extend(step.iter().map(|step| step.span.start));
        }
        walk_statement(self, statement);
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::EnumLiteral(name) => {
                let before = self.token_from(name.span.start).saturating_sub(1);
                self.roles.prefix_dots.insert(self.tokens[before].span.start);
            }
            ExprKind::Binary { left, .. } => {
                self.roles.infix.insert(self.place_from(left.span.end));
            }
            ExprKind::As { ty, .. } => self.spaced(ty),
            ExprKind::If(it) => self.condition(&it.condition),
            ExprKind::Switch(it) => {
                self.condition(&it.subject);
                let items: Vec<_> = it.arms.iter().map(|arm| arm.span.start).collect();
                self.roles.arms.extend(&items);
                self.body_from(it.subject.span.end, items, Lines::IfNeeded);
            }
            ExprKind::Closure(it) => it.result.iter().for_each(|ty| self.spaced(ty)),
            _ => {}
        }
        walk_expr(self, &expr.kind);
    }
}
