//! Structs, enums, unions, error sets, aliases: at the top level, in blocks, and in each other; and
//! the content of the bodies of types.

use crate::cot::ast::{self, Declaration, Members, Name, StructKind};
use crate::cot::diagnostic::Code;
use crate::cot::parse::{Counted, Parser};
use crate::cot::token::TokenKind;

/// What a body may hold beside functions, constants and types.
enum Item {
    Field(ast::Param),
    Variant { name: Name, ty: Option<ast::TypeExpr>, value: Option<ast::Expr> },
}

impl Parser<'_> {
    /// Whether a struct, enum, union, error set or alias follows.
    pub(super) fn at_type_declaration(&self) -> bool {
        match self.kind() {
            TokenKind::Struct | TokenKind::Enum | TokenKind::Union | TokenKind::Packed => true,
            TokenKind::Extern => self.kind_ahead(1) == TokenKind::Struct,
            TokenKind::Type => self.kind_ahead(1) == TokenKind::Identifier && self.kind_ahead(2) == TokenKind::Equal,
            TokenKind::Const => {
                let is_set = self.kind_ahead(3) == TokenKind::Error && self.kind_ahead(4) == TokenKind::OpenBrace;
                self.kind_ahead(2) == TokenKind::Equal && (is_set || self.kind_ahead(3) == TokenKind::Enum)
            }
            _ => false,
        }
    }

    pub(super) fn type_declaration(&mut self) -> Declaration {
        let start = self.token().span;
        match self.kind() {
            TokenKind::Union => self.union_declaration(),
            TokenKind::Enum => {
                self.advance();
                let name = self.name("the name of an enum");
                self.enum_rest(name, start)
            }
            TokenKind::Const => {
                self.advance();
                let name = self.name("the name of a type");
                self.advance();
                if self.advance().kind == TokenKind::Enum {
                    return self.enum_rest(name, start);
                }
                self.advance();
                let members = self.comma_list(TokenKind::CloseBrace, |it| it.name("the name of an error"));
                Declaration::ErrorSet(ast::ErrorSet { name, members, span: self.span_from(start) })
            }
            TokenKind::Type => {
                self.advance();
                let name = self.name("the name of a type");
                self.want(TokenKind::Equal);
                let ty = self.type_expr();
                Declaration::Alias(ast::Alias { name, ty, span: self.span_from(start) })
            }
            _ => self.struct_declaration(),
        }
    }

    /// `structDecl = [ "extern" | "packed" ] "struct" IDENT [ typeParams ] "{" { nested } [ fields
    /// ] { nested } "}"`
    fn struct_declaration(&mut self) -> Declaration {
        let start = self.token().span;
        let kind = if self.got(TokenKind::Extern) {
            StructKind::Extern
        } else if self.got(TokenKind::Packed) {
            StructKind::Packed
        } else {
            StructKind::Ordinary
        };
        self.want(TokenKind::Struct);
        let name = self.name("the name of a struct");
        let type_params = self.optional_type_params();
        let mut fields = Vec::new();
        let members = self.body(
            |it| Item::Field(it.param("the name of a field")),
            |item| match item {
                Item::Field(field) => fields.push(field),
                Item::Variant { .. } => unreachable!("the rule above makes fields"),
            },
        );
        Declaration::Struct(ast::Struct { name, kind, type_params, fields, members, span: self.span_from(start) })
    }

    /// `enumDecl = … [ "(" type ")" | ":" type ] "{" IDENT [ "=" expr ] { "," IDENT [ "=" expr ] }
    /// "}"`
    fn enum_rest(&mut self, name: Name, start: crate::cot::source::Span) -> Declaration {
        let backing = if self.got(TokenKind::OpenParenthesis) {
            let ty = self.type_expr();
            self.want(TokenKind::CloseParenthesis);
            Some(ty)
        } else {
            self.got(TokenKind::Colon).then(|| self.type_expr())
        };
        let mut variants = Vec::new();
        let members = self.body(
            |it| {
                let name = it.name_or_type("the name of a variant");
                let value = it.got(TokenKind::Equal).then(|| it.expression());
                Item::Variant { name, ty: None, value }
            },
            |item| match item {
                Item::Variant { name, value, .. } => variants.push((name, value)),
                Item::Field(_) => unreachable!("the rule above makes variants"),
            },
        );
        Declaration::Enum(ast::Enum { name, backing, variants, members, span: self.span_from(start) })
    }

    /// `unionDecl = "union" IDENT "{" IDENT [ ":" type ] { "," IDENT [ ":" type ] } "}"`
    fn union_declaration(&mut self) -> Declaration {
        let start = self.advance().span;
        let name = self.name("the name of a union");
        let mut variants = Vec::new();
        let members = self.body(
            |it| {
                let name = it.name_or_type("the name of a variant");
                let ty = it.got(TokenKind::Colon).then(|| it.type_expr());
                Item::Variant { name, ty, value: None }
            },
            |item| match item {
                Item::Variant { name, ty, .. } => variants.push((name, ty)),
                Item::Field(_) => unreachable!("the rule above makes variants"),
            },
        );
        Declaration::Union(ast::Union { name, variants, members, span: self.span_from(start) })
    }

    /// `"{" { nested | item "," } "}"`
    fn body(&mut self, mut rule: impl FnMut(&mut Self) -> Item, mut take: impl FnMut(Item)) -> Members {
        let mut members = Members::default();
        if !self.want(TokenKind::OpenBrace) {
            return members;
        }
        let is_closed = self.deeper(|it| {
            loop {
                while it.got(TokenKind::Semicolon) {}
                if it.got(TokenKind::CloseBrace) {
                    return true;
                }
                if it.at_kind(TokenKind::EndOfFile) || it.at_outer_declaration() {
                    return false;
                }
                if it.nested(&mut members) {
                    continue;
                }
                let (before, n_errors) = (it.at, it.n_errors);
                take(rule(it));
                let ended = it.got(TokenKind::Comma) || it.at_kind(TokenKind::CloseBrace) || it.at_nested();
                if it.n_errors > n_errors || !ended {
                    if !ended && !it.at_kind(TokenKind::EndOfFile) {
                        it.expected(Code::UnexpectedToken, "',' or '}'");
                    }
                    it.recover(before, |it| it.skip_list_item(Self::at_next_item));
                }
            }
        });
        if is_closed == Some(false) {
            self.want(TokenKind::CloseBrace);
        }
        members
    }

    /// Where the next item of a body may begin after an error in one.
    fn at_next_item(&self) -> bool {
        let is_name = self.at_kind(TokenKind::Identifier) && self.token().newline_before;
        is_name || self.at_nested() || self.at_outer_declaration()
    }

    fn at_nested(&self) -> bool {
        let keyword = matches!(self.kind(), TokenKind::Const | TokenKind::Fn | TokenKind::Static);
        keyword || self.at_type_declaration()
    }

    /// What can't be inside a type: the type has not been closed.
    fn at_outer_declaration(&self) -> bool {
        let keyword = matches!(self.kind(), TokenKind::Impl | TokenKind::Import | TokenKind::Trait);
        keyword && self.token().newline_before
    }

    /// `nested = "const" … | enumDecl | structDecl | aliasDecl | [ "static" ] fnDecl`; false if
    /// none follows.
    fn nested(&mut self, members: &mut Members) -> bool {
        if let Some(function) = self.function_declaration(true) {
            members.functions.push(function);
        } else if self.at_type_declaration() {
            members.types.push(self.type_declaration());
        } else if self.at_kind(TokenKind::Const) {
            members.constants.push(self.variable());
        } else {
            return false;
        }
        true
    }

    /// The body of an `impl`.
    pub(super) fn members(&mut self) -> Members {
        let mut members = Members::default();
        if !self.want(TokenKind::OpenBrace) {
            return members;
        }
        loop {
            while self.got(TokenKind::Semicolon) {}
            if self.got(TokenKind::CloseBrace) {
                break;
            }
            if self.at_kind(TokenKind::EndOfFile) || self.at_outer_declaration() {
                self.want(TokenKind::CloseBrace);
                break;
            }
            if !self.nested(&mut members) {
                self.expected(Code::UnexpectedToken, "a function or constant");
                self.advance();
                self.skip_to_member();
            }
        }
        members
    }

    fn skip_to_member(&mut self) {
        self.skip_until(Counted::Braces, |it, depth| {
            let keyword = matches!(it.kind(), TokenKind::Fn | TokenKind::Static | TokenKind::Const);
            keyword && it.token().newline_before || depth == 0 && it.at_kind(TokenKind::CloseBrace)
        });
    }
}
