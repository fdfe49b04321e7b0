//! What tokens are for, as far as a tree knows it and the tokens alone do not: which `-` has two
//! operands, where statements begin.
//!
//! Places are offsets of tokens' first bytes.

use std::collections::HashSet;

use crate::cot::ast::{
    Block, Declaration, Expr, ExprKind, File, Function, Members, Param, Part, Statement, StatementKind, TypeExpr,
    TypeExprKind, Variable,
};
use crate::cot::source::Span;
use crate::cot::token::{Token, TokenKind};

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
    let others = file.declarations.iter().filter_map(start_of);
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

    fn declaration(&mut self, declaration: &Declaration) {
        match declaration {
            Declaration::Import(_) | Declaration::ErrorSet(_) => {}
            Declaration::Function(it) => self.function(it),
            Declaration::Variable(it) => self.variable(it),
            Declaration::Struct(it) => {
                self.params(&it.fields);
                self.members(&it.members, it.fields.iter().map(|field| field.name.span), it.name.span);
            }
            Declaration::Enum(it) => {
                if self.tokens[self.token_from(it.span.start)].kind == TokenKind::Enum {
                    self.roles.enums.insert(it.span.start);
                }
                it.backing.iter().for_each(|ty| self.type_expr(ty));
                it.variants.iter().flat_map(|(_, value)| value).for_each(|value| self.expr(value));
                self.members(&it.members, it.variants.iter().map(|(name, _)| name.span), it.name.span);
            }
            Declaration::Union(it) => {
                it.variants.iter().flat_map(|(_, ty)| ty).for_each(|ty| self.type_expr(ty));
                self.members(&it.members, it.variants.iter().map(|(name, _)| name.span), it.name.span);
            }
            Declaration::Alias(it) => self.type_expr(&it.ty),
            Declaration::Trait(it) => {
                it.functions.iter().for_each(|function| self.function(function));
                let items: Vec<_> = it.functions.iter().map(|function| function.span.start).collect();
                self.body_from(it.name.span.end, items, Lines::AsWritten);
            }
            Declaration::Impl(it) => {
                self.type_expr(&it.target);
                self.members(&it.members, [].into_iter(), it.target.span);
            }
            Declaration::Test(it) | Declaration::Bench(it) => self.block(&it.body),
        }
    }

    /// The content of the braces after a name. Data alone may stay on its line.
    fn members(&mut self, members: &Members, data: impl Iterator<Item = Span>, name: Span) {
        members.functions.iter().for_each(|it| self.function(it));
        members.constants.iter().for_each(|it| self.variable(it));
        members.types.iter().for_each(|it| self.declaration(it));
        let functions = members.functions.iter().map(|it| it.span.start);
        let constants = members.constants.iter().map(|it| it.span.start);
        let types = members.types.iter().filter_map(start_of);
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

    fn function(&mut self, it: &Function) {
        self.params(&it.params);
        self.result(it.result.as_ref());
        it.body.iter().for_each(|body| self.block(body));
    }

    fn result(&mut self, result: Option<&TypeExpr>) {
        if let Some(ty) = result {
            self.roles.spaced.insert(ty.span.start);
            self.type_expr(ty);
        }
    }

    fn params(&mut self, params: &[Param]) {
        for param in params {
            self.type_expr(&param.ty);
            param.default.iter().for_each(|value| self.expr(value));
        }
    }

    fn variable(&mut self, it: &Variable) {
        it.bindings.iter().flat_map(|(_, ty)| ty).for_each(|ty| self.type_expr(ty));
        it.value.iter().for_each(|value| self.expr(value));
    }

    fn type_expr(&mut self, ty: &TypeExpr) {
        match &ty.kind {
            TypeExprKind::Primitive(_) | TypeExprKind::Erroneous => {}
            TypeExprKind::Named { arguments: types, .. } | TypeExprKind::Tuple(types) => {
                types.iter().for_each(|it| self.type_expr(it));
            }
            TypeExprKind::Pointer(of) | TypeExprKind::Optional(of) => self.type_expr(of),
            TypeExprKind::ErrorUnion { set, payload } => {
                if let Some(set) = set {
                    self.type_expr(set);
                    self.roles.set_bangs.insert(self.place_from(set.span.end));
                }
                self.type_expr(payload);
            }
            TypeExprKind::Slice(element) => {
                self.roles.elements.insert(element.span.start);
                self.type_expr(element);
            }
            TypeExprKind::Array { length, element } => {
                self.expr(length);
                self.roles.elements.insert(element.span.start);
                self.type_expr(element);
            }
            TypeExprKind::Function { params, result } => {
                params.iter().chain(result.as_deref()).for_each(|it| self.type_expr(it));
            }
            TypeExprKind::TypeOf(of) => self.expr(of),
        }
    }

    fn block(&mut self, block: &Block) {
        block.statements.iter().for_each(|it| self.statement(it));
        // A statement without braces may follow its condition, or on the next line.
        if self.tokens[self.token_from(block.span.start)].kind == TokenKind::OpenBrace {
            let items: Vec<_> = block.statements.iter().map(|it| it.span.start).collect();
            let lines = if items.len() > 1 { Lines::Always } else { Lines::AsWritten };
            self.body_from(block.span.start, items, lines);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Expr(it) => self.expr(it),
            StatementKind::Variable(it) => self.variable(it),
            StatementKind::Type(it) => self.declaration(it),
            StatementKind::Assign { target, value, .. } => {
                self.expr(target);
                self.expr(value);
            }
            StatementKind::While { condition, step, body, .. } => {
                self.condition(condition);
                if let Some(step) = step {
                    self.roles.steps.insert(step.span.start);
                    self.statement(step);
                }
                self.block(body);
            }
            StatementKind::For(it) => {
                self.expr(&it.subject);
                it.end.iter().for_each(|end| self.expr(end));
                self.block(&it.body);
            }
            StatementKind::Defer { body, .. } => self.statement(body),
        }
    }

    fn condition(&mut self, condition: &Expr) {
        self.expr(condition);
        let open = self.token_from(condition.span.start);
        let is_in_parentheses = self.tokens[open].kind == TokenKind::OpenParenthesis
            && self.tokens[self.partners[open]].span.end == condition.span.end;
        if !is_in_parentheses {
            self.roles.conditions.push((condition.span.start, condition.span.end));
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::EnumLiteral(name) => {
                let before = self.token_from(name.span.start).saturating_sub(1);
                self.roles.prefix_dots.insert(self.tokens[before].span.start);
            }
            ExprKind::Type(ty) => self.type_expr(ty),
            ExprKind::Interpolation(parts) => parts.iter().for_each(|part| match part {
                Part::Expr(it) => self.expr(it),
                Part::Text(_) => {}
            }),
            ExprKind::Tuple(all) | ExprKind::Array(all) | ExprKind::Builtin { arguments: all, .. } => self.exprs(all),
            ExprKind::Unary { operand: base, .. }
            | ExprKind::Member { base, .. }
            | ExprKind::TupleIndex { base, .. }
            | ExprKind::OptionalMember { base, .. }
            | ExprKind::Dereference(base)
            | ExprKind::Unwrap(base) => self.expr(base),
            ExprKind::Binary { left, right, .. } => {
                self.roles.infix.insert(self.place_from(left.span.end));
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Catch { value: left, fallback: right, .. } | ExprKind::Index { base: left, index: right } => {
                self.expr(left);
                self.expr(right);
            }
            ExprKind::Call { callee, arguments } => {
                self.expr(callee);
                self.exprs(arguments);
            }
            ExprKind::Slice { base, start, end } => {
                [Some(base), start.as_ref(), end.as_ref()].into_iter().flatten().for_each(|it| self.expr(it));
            }
            ExprKind::Struct { ty, fields } => {
                ty.iter().for_each(|it| self.expr(it));
                fields.iter().for_each(|(_, value)| self.expr(value));
            }
            ExprKind::New { ty, fields } => {
                self.type_expr(ty);
                fields.iter().for_each(|(_, value)| self.expr(value));
            }
            ExprKind::NewCall { ty, arguments } => {
                self.type_expr(ty);
                self.exprs(arguments);
            }
            ExprKind::As { value, ty } => {
                self.expr(value);
                self.result(Some(ty));
            }
            ExprKind::Block(it) | ExprKind::Comptime(it) | ExprKind::Labelled(_, it) => self.block(it),
            ExprKind::BreakValue(_, value) => self.expr(value),
            ExprKind::If(it) => {
                self.condition(&it.condition);
                self.block(&it.then);
                it.otherwise.iter().for_each(|block| self.block(block));
            }
            ExprKind::Switch(it) => {
                self.condition(&it.subject);
                for arm in &it.arms {
                    let sides = arm.patterns.iter().flat_map(|it| [Some(&it.first), it.last.as_ref()]);
                    sides.flatten().chain(&arm.guard).for_each(|it| self.expr(it));
                    self.expr(&arm.body);
                }
                let items: Vec<_> = it.arms.iter().map(|arm| arm.span.start).collect();
                self.roles.arms.extend(&items);
                self.body_from(it.subject.span.end, items, Lines::IfNeeded);
            }
            ExprKind::Closure(it) => {
                self.params(&it.params);
                self.result(it.result.as_ref());
                self.block(&it.body);
            }
            ExprKind::Return(value) => value.iter().for_each(|it| self.expr(it)),
            ExprKind::Integer(_)
            | ExprKind::Float(_)
            | ExprKind::Character(_)
            | ExprKind::Bool(_)
            | ExprKind::Null
            | ExprKind::Undefined
            | ExprKind::Unreachable
            | ExprKind::String(_)
            | ExprKind::Name(_)
            | ExprKind::ErrorLiteral(_)
            | ExprKind::Break(_)
            | ExprKind::Continue(_)
            | ExprKind::Erroneous => {}
        }
    }

    fn exprs(&mut self, all: &[Expr]) {
        all.iter().for_each(|it| self.expr(it));
    }
}

/// Where a declaration begins; of an import, the tree has only the path.
fn start_of(declaration: &Declaration) -> Option<u32> {
    let span = match declaration {
        Declaration::Import(_) => return None,
        Declaration::Function(it) => it.span,
        Declaration::Variable(it) => it.span,
        Declaration::Struct(it) => it.span,
        Declaration::Enum(it) => it.span,
        Declaration::Union(it) => it.span,
        Declaration::ErrorSet(it) => it.span,
        Declaration::Alias(it) => it.span,
        Declaration::Trait(it) => it.span,
        Declaration::Impl(it) => it.span,
        Declaration::Test(it) | Declaration::Bench(it) => it.span,
    };
    Some(span.start)
}
