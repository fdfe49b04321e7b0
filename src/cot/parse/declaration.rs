//! Declarations of the top level, and functions wherever they are.

use crate::cot::ast::{self, Declaration, Function, Name, Param, Reference, Variable};
use crate::cot::diagnostic::Code;
use crate::cot::parse::{Counted, GROUP, Parser};
use crate::cot::source::Span;
use crate::cot::token::TokenKind;

impl Parser<'_> {
    /// `file = [ "@" "safe" ] { decl }`
    pub(super) fn file(&mut self) -> ast::File {
        if self.at_kind(TokenKind::Builtin) && self.text(self.token().span) == b"@safe" {
            self.advance();
            self.is_safe = true;
        }
        let mut declarations = Vec::new();
        loop {
            while self.got(TokenKind::Semicolon) {}
            if self.at_kind(TokenKind::EndOfFile) {
                break;
            }
            let (start, n_errors) = (self.at, self.n_errors);
            declarations.extend(self.declaration());
            if self.n_errors > n_errors {
                if self.at == start {
                    self.advance();
                }
                self.skip_to_declaration();
            }
            self.is_recovering = false;
        }
        ast::File { is_safe: self.is_safe, declarations, docs: Vec::new() }
    }

    /// Whether the next token is the first of its line and a keyword that begins a declaration.
    fn at_declaration(&self) -> bool {
        let keyword = matches!(
            self.kind(),
            TokenKind::Import
                | TokenKind::Fn
                | TokenKind::Extern
                | TokenKind::Async
                | TokenKind::Static
                | TokenKind::Var
                | TokenKind::Let
                | TokenKind::Const
                | TokenKind::Struct
                | TokenKind::Packed
                | TokenKind::Enum
                | TokenKind::Union
                | TokenKind::Type
                | TokenKind::Trait
                | TokenKind::Impl
                | TokenKind::Test
                | TokenKind::Bench
        );
        self.token().newline_before && keyword || self.at_kind(TokenKind::EndOfFile)
    }

    fn skip_to_declaration(&mut self) {
        self.skip_until(Counted::Braces, |it, depth| {
            // Something is not closed; functions are not declared inside functions.
            let is_function = it.at_kind(TokenKind::Fn) && it.kind_ahead(1) == TokenKind::Identifier;
            depth == 0 && it.at_declaration() || is_function && it.token().newline_before
        });
    }

    /// `decl = import | fnDecl | varDecl | structDecl | enumDecl | unionDecl | errorDecl |
    /// aliasDecl | traitDecl | implDecl | implTrait | testDecl | benchDecl`
    pub(super) fn declaration(&mut self) -> Option<Declaration> {
        let column = self.column();
        let outer_column = std::mem::replace(&mut self.outer_column, column);
        let declaration = self.declaration_inner();
        self.outer_column = outer_column;
        declaration
    }

    fn declaration_inner(&mut self) -> Option<Declaration> {
        let start = self.token().span;
        if let Some(function) = self.function_declaration(false) {
            return Some(Declaration::Function(function));
        }
        if self.at_type_declaration() {
            return Some(self.type_declaration());
        }
        Some(match self.kind() {
            TokenKind::Import => {
                self.advance();
                Declaration::Import(self.string("the path of a file as a string"))
            }
            TokenKind::Var | TokenKind::Let | TokenKind::Const => Declaration::Variable(self.variable()),
            TokenKind::Trait => self.trait_declaration(),
            TokenKind::Impl => self.impl_declaration(),
            TokenKind::Test | TokenKind::Bench => {
                let is_test = self.advance().kind == TokenKind::Test;
                let name = self.string("a name as a string");
                let body = self.block();
                let test = ast::Test { name, body, span: self.span_from(start) };
                if is_test { Declaration::Test(test) } else { Declaration::Bench(test) }
            }
            _ => {
                self.expected(Code::UnexpectedToken, "a declaration");
                return None;
            }
        })
    }

    /// `fnDecl = [ "extern" | "async" ] "fn" IDENT [ typeParams ] "(" [ params ] ")" [ type ] [
    /// where ] [ block ]`, with `export` or `static` before; none if the next tokens are something
    /// else.
    pub(super) fn function_declaration(&mut self, in_type: bool) -> Option<Function> {
        let mut ahead = 0;
        let (mut is_extern, mut is_static, mut is_export, mut is_async) = (false, false, false, false);
        loop {
            match self.kind_ahead(ahead) {
                TokenKind::Fn => break,
                TokenKind::Extern => is_extern = true,
                TokenKind::Static => is_static = true,
                TokenKind::Async => is_async = true,
                TokenKind::Identifier if ahead == 0 && self.at_word("export") => is_export = true,
                _ => return None,
            }
            ahead += 1;
        }
        if ahead > 1 && !(is_async && ahead == 2) {
            self.report(
                Code::UnexpectedToken,
                self.token().span,
                "only one of 'extern', 'export', 'static' can precede 'fn'",
            );
        }
        let column = self.column();
        let outer_column = std::mem::replace(&mut self.outer_column, column);
        let start = self.token().span;
        for _ in 0..ahead {
            self.advance();
        }
        if is_async {
            self.report(Code::UnexpectedToken, start, "async functions are not supported");
        }
        if is_static && !in_type {
            self.report(Code::UnexpectedToken, start, "only functions of a type can be static");
        }
        self.advance();
        let name = self.name("the name of a function");
        let type_params = if self.type_params_follow() { self.type_params() } else { Vec::new() };
        let params = self.params();
        let result = self.result_type();
        let bounds = self.bounds();
        let body = self.at_kind(TokenKind::OpenBrace).then(|| self.block());
        self.outer_column = outer_column;
        let span = self.span_from(start);
        Some(Function { name, is_extern, is_export, is_static, type_params, params, result, bounds, body, span })
    }

    /// The type after the parentheses, on the same line.
    pub(super) fn result_type(&mut self) -> Option<ast::TypeExpr> {
        if self.at_kind(TokenKind::Arrow) {
            self.report(
                Code::UnexpectedToken,
                self.token().span,
                "the result type of a function is written without '->'",
            );
            self.advance();
        }
        (!self.token().newline_before && self.at_type()).then(|| self.type_expr())
    }

    /// Whether `( names )` is followed by another `(`.
    fn type_params_follow(&self) -> bool {
        let mut ahead = 0;
        loop {
            match self.kind_ahead(ahead) {
                TokenKind::OpenParenthesis if ahead == 0 => {}
                TokenKind::Identifier | TokenKind::Comma => {}
                TokenKind::CloseParenthesis => {
                    return ahead > 1 && self.kind_ahead(ahead + 1) == TokenKind::OpenParenthesis;
                }
                _ => return false,
            }
            ahead += 1;
        }
    }

    /// `typeParams = "(" IDENT { "," IDENT } ")"`
    pub(super) fn type_params(&mut self) -> Vec<Name> {
        self.want(TokenKind::OpenParenthesis);
        self.comma_list(TokenKind::CloseParenthesis, |it| it.name("a type parameter"))
    }

    /// `"(" [ param { "," param } ] ")"`
    pub(super) fn params(&mut self) -> Vec<Param> {
        if !self.want(TokenKind::OpenParenthesis) {
            return Vec::new();
        }
        self.within(GROUP, |it| it.comma_list(TokenKind::CloseParenthesis, |it| it.param("the name of a parameter")))
    }

    /// `param = IDENT ":" type [ "=" expr ]`
    pub(super) fn param(&mut self, what: &str) -> Param {
        let name = self.name_or_type(what);
        self.want(TokenKind::Colon);
        let ty = self.type_expr();
        let default = self.got(TokenKind::Equal).then(|| self.expression());
        Param { name, ty, default }
    }

    /// `where = "where" IDENT ":" IDENT { "," IDENT ":" IDENT }`
    fn bounds(&mut self) -> Vec<(Name, Name)> {
        let mut bounds = Vec::new();
        if self.got(TokenKind::Where) {
            loop {
                let param = self.name("a type parameter");
                self.want(TokenKind::Colon);
                bounds.push((param, self.name("the name of a trait")));
                if !self.got(TokenKind::Comma) || !self.at_kind(TokenKind::Identifier) {
                    break;
                }
            }
        }
        bounds
    }

    /// `varDecl = ( "var" | "let" | "const" ) bindings` `bindings = IDENT [ ":" type ] [ "=" expr ]
    /// | IDENT [ ":" type ] { "," IDENT [ ":" type ] } "=" expr`, after `weak` or `unowned`, if there
    /// is one.
    pub(super) fn variable(&mut self) -> Variable {
        let start = self.token().span;
        let reference = match self.kind() {
            TokenKind::Weak => Reference::Weak,
            TokenKind::Identifier => Reference::Unowned,
            _ => Reference::Strong,
        };
        if reference != Reference::Strong {
            self.advance();
        }
        let is_const = self.advance().kind == TokenKind::Const;
        let mut bindings = Vec::new();
        loop {
            let name = self.name("the name of a variable");
            let ty = self.got(TokenKind::Colon).then(|| self.type_expr());
            bindings.push((name, ty));
            if !self.got(TokenKind::Comma) || self.at_kind(TokenKind::Equal) {
                break;
            }
        }
        let value = if bindings.len() > 1 {
            self.want(TokenKind::Equal).then(|| self.expression())
        } else {
            self.got(TokenKind::Equal).then(|| self.expression())
        };
        Variable { is_const, reference, bindings, value, span: self.span_from(start) }
    }

    /// `traitDecl = "trait" IDENT "{" { fnDecl } "}"`
    fn trait_declaration(&mut self) -> Declaration {
        let start = self.advance().span;
        let name = self.name("the name of a trait");
        let functions = self.member_functions("a function of the trait");
        Declaration::Trait(ast::Trait { name, functions, span: self.span_from(start) })
    }

    /// `"{" { fnDecl } "}"`
    fn member_functions(&mut self, what: &str) -> Vec<Function> {
        let mut functions = Vec::new();
        self.want(TokenKind::OpenBrace);
        loop {
            while self.got(TokenKind::Semicolon) {}
            if self.got(TokenKind::CloseBrace) || self.at_kind(TokenKind::EndOfFile) {
                break;
            }
            match self.function_declaration(true) {
                Some(function) => functions.push(function),
                None => {
                    self.expected(Code::UnexpectedToken, what);
                    break;
                }
            }
        }
        functions
    }

    /// `implDecl = "impl" IDENT [ typeParams ] "{" … "}"`, `implTrait = "impl" IDENT [ typeParams ]
    /// "for" ( IDENT | primitiveType ) "{" { fnDecl } "}"`
    fn impl_declaration(&mut self) -> Declaration {
        let start = self.advance().span;
        let first = self.name("the name of a type or trait");
        let mut type_params = self.optional_type_params();
        let (of_trait, target) = if self.got(TokenKind::For) {
            let target = if self.at_kind(TokenKind::Identifier) {
                let span = self.token().span;
                let name = self.name("a type");
                let more = self.optional_type_params();
                if type_params.is_empty() {
                    type_params = more;
                }
                named(name, span)
            } else {
                self.type_expr()
            };
            (Some(first), target)
        } else {
            let span = first.span;
            (None, named(first, span))
        };
        let members = self.members();
        Declaration::Impl(ast::Impl { of_trait, target, type_params, members, span: self.span_from(start) })
    }

    pub(super) fn optional_type_params(&mut self) -> Vec<Name> {
        if self.at_kind(TokenKind::OpenParenthesis) { self.type_params() } else { Vec::new() }
    }
}

fn named(name: Name, span: Span) -> ast::TypeExpr {
    ast::TypeExpr { kind: ast::TypeExprKind::Named { path: vec![name], arguments: Vec::new() }, span }
}
