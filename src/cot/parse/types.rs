//! Types as they are written.

use crate::cot::ast::{TypeExpr, TypeExprKind};
use crate::cot::diagnostic::Code;
use crate::cot::parse::{GROUP, Parser};
use crate::cot::source::Span;
use crate::cot::token::TokenKind;
use crate::cot::types::TypeId;

/// The type that a keyword names.
pub(super) fn primitive(kind: TokenKind) -> Option<TypeId> {
    Some(match kind {
        TokenKind::IntType | TokenKind::I64 => TypeId::I64,
        TokenKind::FloatType | TokenKind::F64 => TypeId::F64,
        TokenKind::BoolType => TypeId::BOOL,
        TokenKind::StringType => TypeId::STRING,
        TokenKind::ByteType | TokenKind::U8 => TypeId::U8,
        TokenKind::VoidType => TypeId::VOID,
        TokenKind::NoreturnType => TypeId::NO_RETURN,
        TokenKind::I8 => TypeId::I8,
        TokenKind::I16 => TypeId::I16,
        TokenKind::I32 => TypeId::I32,
        TokenKind::U16 => TypeId::U16,
        TokenKind::U32 => TypeId::U32,
        TokenKind::U64 => TypeId::U64,
        TokenKind::F32 => TypeId::F32,
        _ => return None,
    })
}

impl Parser<'_> {
    /// Whether the next token can begin a type.
    pub(super) fn at_type(&self) -> bool {
        let symbols = [
            TokenKind::Question,
            TokenKind::QuestionQuestion,
            TokenKind::Bang,
            TokenKind::Star,
            TokenKind::OpenBracket,
            TokenKind::OpenParenthesis,
            TokenKind::Fn,
            TokenKind::Identifier,
        ];
        let is_type_of = self.at_kind(TokenKind::Builtin) && self.text(self.token().span) == b"@TypeOf";
        symbols.contains(&self.kind()) || primitive(self.kind()).is_some() || is_type_of
    }

    pub(super) fn type_expr(&mut self) -> TypeExpr {
        let span = self.token().span;
        let deeper = self.deeper(Self::type_expr_inner);
        deeper.unwrap_or(TypeExpr { kind: TypeExprKind::Erroneous, span })
    }

    /// `type = "?" type | "!" type | "*" type | "[" "]" type | "[" expr "]" type | "fn" … | "(" …
    /// ")" | primitiveType [ "!" type ]` `| IDENT [ "." IDENT ] [ "(" type { "," type } ")" ] [ "!"
    /// type ] | "@" "TypeOf" "(" expr ")"`
    fn type_expr_inner(&mut self) -> TypeExpr {
        let start = self.token().span;
        let kind = match self.kind() {
            TokenKind::Question => {
                self.advance();
                TypeExprKind::Optional(Box::new(self.type_expr()))
            }
            // As an operator it is `orelse`; before a type it is two question marks.
            TokenKind::QuestionQuestion => {
                self.advance();
                let inner = self.type_expr();
                let span = Span { start: start.start + 1, ..inner.span };
                TypeExprKind::Optional(Box::new(TypeExpr { kind: TypeExprKind::Optional(Box::new(inner)), span }))
            }
            TokenKind::Bang => {
                self.advance();
                TypeExprKind::ErrorUnion { set: None, payload: Box::new(self.type_expr()) }
            }
            TokenKind::Star => {
                self.advance();
                TypeExprKind::Pointer(Box::new(self.type_expr()))
            }
            TokenKind::OpenBracket => self.slice_or_array_type(),
            TokenKind::Fn => self.function_type(),
            TokenKind::OpenParenthesis => return self.tuple_type(),
            TokenKind::Identifier => self.named_type(),
            TokenKind::Builtin if self.at_type() => {
                self.advance();
                self.want(TokenKind::OpenParenthesis);
                let expr = self.within(GROUP, |it| it.expression());
                self.want(TokenKind::CloseParenthesis);
                TypeExprKind::TypeOf(Box::new(expr))
            }
            kind => match primitive(kind) {
                Some(ty) => {
                    self.advance();
                    TypeExprKind::Primitive(ty)
                }
                None => {
                    self.expected(Code::ExpectedType, "a type");
                    TypeExprKind::Erroneous
                }
            },
        };
        let can_be_set = matches!(kind, TypeExprKind::Named { .. } | TypeExprKind::Primitive(_));
        let ty = TypeExpr { kind, span: self.span_from(start) };
        if can_be_set && self.at_kind(TokenKind::Bang) && !self.token().newline_before {
            return self.error_union_type(ty);
        }
        ty
    }

    /// At the `!` after the set.
    pub(super) fn error_union_type(&mut self, set: TypeExpr) -> TypeExpr {
        let start = set.span;
        self.advance();
        let payload = Box::new(self.type_expr());
        let kind = TypeExprKind::ErrorUnion { set: Some(Box::new(set)), payload };
        TypeExpr { kind, span: self.span_from(start) }
    }

    fn slice_or_array_type(&mut self) -> TypeExprKind {
        self.advance();
        if self.got(TokenKind::CloseBracket) {
            return TypeExprKind::Slice(Box::new(self.type_expr()));
        }
        let length = Box::new(self.within(GROUP, |it| it.expression()));
        self.want(TokenKind::CloseBracket);
        TypeExprKind::Array { length, element: Box::new(self.type_expr()) }
    }

    fn function_type(&mut self) -> TypeExprKind {
        self.advance();
        self.want(TokenKind::OpenParenthesis);
        let params = self.comma_list(TokenKind::CloseParenthesis, Self::type_expr);
        let result = self.got(TokenKind::Arrow).then(|| Box::new(self.type_expr()));
        TypeExprKind::Function { params, result }
    }

    fn tuple_type(&mut self) -> TypeExpr {
        let start = self.token().span;
        self.advance();
        let mut types = self.comma_list(TokenKind::CloseParenthesis, Self::type_expr);
        let span = self.span_from(start);
        match types.len() {
            0 => {
                self.report(Code::ExpectedType, span, "a tuple type has at least two elements");
                TypeExpr { kind: TypeExprKind::Erroneous, span }
            }
            1 => TypeExpr { span, ..types.remove(0) },
            _ => TypeExpr { kind: TypeExprKind::Tuple(types), span },
        }
    }

    fn named_type(&mut self) -> TypeExprKind {
        let mut path = vec![self.name("a type")];
        while self.at_kind(TokenKind::Dot) && self.kind_ahead(1) == TokenKind::Identifier && path.len() < 8 {
            self.advance();
            path.push(self.name("a type"));
        }
        let mut arguments = Vec::new();
        if self.at_kind(TokenKind::OpenParenthesis) && !self.token().newline_before {
            self.advance();
            arguments = self.comma_list(TokenKind::CloseParenthesis, Self::type_expr);
        }
        TypeExprKind::Named { path, arguments }
    }
}
