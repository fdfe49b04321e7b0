//! Binary, unary and postfix expressions (section 8.1), with the newline rules of section 3.

use crate::cot::ast::{BinaryOperator, Expr, ExprKind, Name, TypeExpr, TypeExprKind, UnaryOperator};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::parse::{GROUP, Mode, Parser};
use crate::cot::source::Span;
use crate::cot::token::TokenKind;

/// What binds two operands.
#[derive(Clone, Copy)]
pub(super) enum Infix {
    Operator(BinaryOperator),
    Catch,
}

/// The level of `orelse` and `catch`.
const LOWEST: u32 = 1;

impl Parser<'_> {
    pub(super) fn expression(&mut self) -> Expr {
        self.binary(LOWEST)
    }

    /// The rest of an expression whose first operand has been taken.
    pub(super) fn expression_from(&mut self, operand: Expr) -> Expr {
        let left = self.postfix(operand);
        self.binary_rest(left, LOWEST)
    }

    /// `binary = unary { binop unary | "catch" [ capture ] binary }`
    fn binary(&mut self, least: u32) -> Expr {
        let start = self.token().span;
        let left = self.deeper(Self::unary);
        match left {
            Some(left) => self.binary_rest(left, least),
            None => Expr::new(ExprKind::Erroneous, start),
        }
    }

    fn binary_rest(&mut self, mut left: Expr, least: u32) -> Expr {
        while let Some((infix, level)) = self.binary_level() {
            if level < least || !self.operator_continues() {
                break;
            }
            let start = left.span;
            self.advance();
            self.check_operator(start);
            let kind = match infix {
                Infix::Catch => {
                    let capture = self.capture().map(|capture| capture.name);
                    let fallback = Box::new(self.right_side(level + 1));
                    ExprKind::Catch { value: Box::new(left), capture, fallback }
                }
                Infix::Operator(operator) => {
                    let right = Box::new(self.right_side(level + 1));
                    ExprKind::Binary { operator, left: Box::new(left), right }
                }
            };
            left = self.expr(kind, start);
        }
        left
    }

    /// After an operator: complains about `<<=`, `>>=` and `i++`, which other languages have.
    fn check_operator(&mut self, left: Span) {
        let operator = self.tokens[self.at - 1];
        let note = match operator.kind {
            TokenKind::ShiftLeft | TokenKind::ShiftRight if self.at_kind(TokenKind::Equal) => {
                let [operator, left] = [operator.span, left].map(|it| String::from_utf8_lossy(self.text(it)));
                format!("there is no '{operator}='; write: {left} = {left} {operator} …")
            }
            TokenKind::PlusPlus if self.ends_expression() || self.is_counting() => {
                "'++' joins two sequences; to count write: … += 1".to_owned()
            }
            _ => return,
        };
        let message = format!("expected an expression, found {}", self.found());
        let span = self.token().span;
        self.push_diagnostic(Diagnostic::new(Code::ExpectedExpression, span, message).note(note));
    }

    /// After `++`: whether it directly follows its operand and ends its line.
    fn is_counting(&self) -> bool {
        let [operand, operator] = [self.tokens[self.at - 2].span, self.tokens[self.at - 1].span];
        operand.end == operator.start && self.token().newline_before && !self.mode.in_group
    }

    /// Whether the next token can only follow an expression.
    fn ends_expression(&self) -> bool {
        use TokenKind::{CloseBrace, CloseBracket, CloseParenthesis, Comma, EndOfFile, Semicolon};
        matches!(self.kind(), CloseBrace | CloseBracket | CloseParenthesis | Comma | EndOfFile | Semicolon)
    }

    /// An operator takes its right side from the next line too.
    fn right_side(&mut self, least: u32) -> Expr {
        self.binary(least)
    }

    /// The operator at the next token and how tight it binds, 1 to 6.
    pub(super) fn binary_level(&self) -> Option<(Infix, u32)> {
        let (operator, level) = match self.kind() {
            TokenKind::Catch => return Some((Infix::Catch, LOWEST)),
            TokenKind::Orelse | TokenKind::QuestionQuestion => (BinaryOperator::Orelse, LOWEST),
            TokenKind::Or | TokenKind::OrOr => (BinaryOperator::Or, 2),
            TokenKind::And | TokenKind::AndAnd => (BinaryOperator::And, 3),
            TokenKind::EqualEqual => (BinaryOperator::Equal, 4),
            TokenKind::NotEqual => (BinaryOperator::NotEqual, 4),
            TokenKind::Less => (BinaryOperator::Less, 4),
            TokenKind::LessEqual => (BinaryOperator::LessEqual, 4),
            TokenKind::Greater => (BinaryOperator::Greater, 4),
            TokenKind::GreaterEqual => (BinaryOperator::GreaterEqual, 4),
            TokenKind::Plus => (BinaryOperator::Add, 5),
            TokenKind::Minus => (BinaryOperator::Subtract, 5),
            TokenKind::PlusPlus => (BinaryOperator::Concat, 5),
            TokenKind::Pipe => (BinaryOperator::BitOr, 5),
            TokenKind::Caret => (BinaryOperator::BitXor, 5),
            TokenKind::Star => (BinaryOperator::Multiply, 6),
            TokenKind::Slash => (BinaryOperator::Divide, 6),
            TokenKind::Percent => (BinaryOperator::Remainder, 6),
            TokenKind::Ampersand => (BinaryOperator::BitAnd, 6),
            TokenKind::ShiftLeft => (BinaryOperator::ShiftLeft, 6),
            TokenKind::ShiftRight => (BinaryOperator::ShiftRight, 6),
            _ => return None,
        };
        Some((Infix::Operator(operator), level))
    }

    /// Rules 2 and 3 of section 3 for the binary operator at the next token.
    fn operator_continues(&self) -> bool {
        if self.at_kind(TokenKind::Pipe) && self.mode.no_struct && self.capture_follows() {
            return false;
        }
        let starts_line = self.token().newline_before && !self.mode.in_group;
        !(starts_line && matches!(self.kind(), TokenKind::Minus | TokenKind::Ampersand))
    }

    /// `unary = ( "-" | "!" | "not" | "~" | "&" | "try" | "await" ) unary | postfix`
    fn unary(&mut self) -> Expr {
        let start = self.token().span;
        let operator = match self.kind() {
            TokenKind::Minus => UnaryOperator::Negate,
            TokenKind::Bang | TokenKind::Not => UnaryOperator::Not,
            TokenKind::Tilde => UnaryOperator::BitNot,
            TokenKind::Ampersand => UnaryOperator::AddressOf,
            TokenKind::Try => UnaryOperator::Try,
            TokenKind::Await => {
                self.report(Code::UnexpectedToken, start, "'await' is not supported");
                self.advance();
                return self.unary_operand();
            }
            _ => {
                let operand = self.operand();
                return self.postfix(operand);
            }
        };
        self.advance();
        let operand = Box::new(self.unary_operand());
        self.expr(ExprKind::Unary { operator, operand }, start)
    }

    fn unary_operand(&mut self) -> Expr {
        let span = self.token().span;
        self.deeper(Self::unary).unwrap_or_else(|| Expr::new(ExprKind::Erroneous, span))
    }

    /// `postfix = operand { "." IDENT | "." DIGITS | "?." IDENT | ".*" | ".?" | "(" [ args ] ")" |
    /// "[" expr "]" | "[" [ expr ] ":" [ expr ] "]" | structBody | "as" type }`
    fn postfix(&mut self, mut base: Expr) -> Expr {
        loop {
            let starts_line = self.token().newline_before && !self.mode.in_group;
            let start = base.span;
            let kind = match self.kind() {
                TokenKind::Dot | TokenKind::DotStar | TokenKind::DotQuestion | TokenKind::QuestionDot
                    if !(starts_line && self.mode.in_arm) =>
                {
                    match self.member(base) {
                        Ok(kind) => kind,
                        Err(base) => return base,
                    }
                }
                TokenKind::OpenParenthesis if !starts_line => {
                    self.advance();
                    let arguments =
                        self.within(GROUP, |it| it.comma_list(TokenKind::CloseParenthesis, Self::expression));
                    ExprKind::Call { callee: Box::new(base), arguments }
                }
                TokenKind::OpenBracket if !starts_line => self.index(base),
                TokenKind::OpenBrace if !starts_line && self.struct_body_follows(&base) => {
                    let fields = self.struct_body();
                    ExprKind::Struct { ty: Some(Box::new(base)), fields }
                }
                TokenKind::Identifier if self.at_word("as") => {
                    self.advance();
                    ExprKind::As { value: Box::new(base), ty: self.type_expr() }
                }
                TokenKind::Bang if !starts_line && names_type(&base) && self.error_union_follows() => {
                    match to_named_type(base) {
                        Ok(set) => ExprKind::Type(Box::new(self.error_union_type(set))),
                        Err(base) => return base,
                    }
                }
                _ => return base,
            };
            base = self.expr(kind, start);
        }
    }

    fn member(&mut self, base: Expr) -> Result<ExprKind, Expr> {
        let token = self.token();
        let base = Box::new(base);
        match token.kind {
            TokenKind::DotStar => {
                self.advance();
                return Ok(ExprKind::Dereference(base));
            }
            TokenKind::DotQuestion => {
                self.advance();
                return Ok(ExprKind::Unwrap(base));
            }
            TokenKind::QuestionDot => {
                self.advance();
                return Ok(ExprKind::OptionalMember { base, name: self.name_or_type("the name of a field") });
            }
            _ => {}
        }
        match self.kind_ahead(1) {
            TokenKind::Integer => {
                self.advance();
                let token = self.advance();
                let index = crate::cot::scan::integer_value(self.text(token.span)).unwrap_or(u64::MAX);
                Ok(ExprKind::TupleIndex { base, index })
            }
            // `.{` does not continue anything.
            TokenKind::OpenBrace => Err(*base),
            _ => {
                self.advance();
                Ok(ExprKind::Member { base, name: self.name_or_type("the name of a field") })
            }
        }
    }

    fn index(&mut self, base: Expr) -> ExprKind {
        self.advance();
        let base = Box::new(base);
        let kind = self.within(GROUP, |it| {
            let start = (!it.at_kind(TokenKind::Colon)).then(|| Box::new(it.expression()));
            if let Some(index) = start {
                if !it.got(TokenKind::Colon) {
                    return ExprKind::Index { base, index };
                }
                let end = (!it.at_kind(TokenKind::CloseBracket)).then(|| Box::new(it.expression()));
                return ExprKind::Slice { base, start: Some(index), end };
            }
            it.advance();
            let end = (!it.at_kind(TokenKind::CloseBracket)).then(|| Box::new(it.expression()));
            ExprKind::Slice { base, start: None, end }
        });
        if !self.want(TokenKind::CloseBracket) {
            self.skip_to_close(TokenKind::CloseBracket);
        }
        kind
    }

    /// Whether the `{` after `base` begins a struct value (section 8.3).
    fn struct_body_follows(&self, base: &Expr) -> bool {
        if self.mode.no_struct || !begins_upper(base) {
            return false;
        }
        match self.kind_ahead(1) {
            TokenKind::Dot | TokenKind::CloseBrace => true,
            // An error that `struct_body` explains.
            TokenKind::Identifier if matches!(self.kind_ahead(2), TokenKind::Colon | TokenKind::Equal) => true,
            TokenKind::Identifier if self.is_safe => {
                matches!(self.kind_ahead(2), TokenKind::Colon | TokenKind::Comma | TokenKind::CloseBrace)
            }
            _ => false,
        }
    }

    /// `structBody = "{" [ "." IDENT "=" expr { "," "." IDENT "=" expr } ] "}"`; in `@safe` files
    /// also `name: expr` and `name`.
    pub(super) fn struct_body(&mut self) -> Vec<(Name, Expr)> {
        self.advance();
        self.within(Mode::default(), |it| {
            it.comma_list(TokenKind::CloseBrace, |it| {
                if it.is_safe && !it.at_kind(TokenKind::Dot) {
                    return it.field_with_colon();
                }
                if !it.got(TokenKind::Dot) {
                    let span = it.token().span;
                    it.report(Code::UnexpectedToken, span, "fields of a struct value are written '.name = value'");
                }
                let name = it.name_or_type("the name of a field");
                if !it.got(TokenKind::Colon) {
                    it.want(TokenKind::Equal);
                }
                (name, it.expression())
            })
        })
    }

    /// `IDENT ":" expr`, in `@safe` files also `IDENT`.
    pub(super) fn field_with_colon(&mut self) -> (Name, Expr) {
        let name = self.name_or_type("the name of a field");
        if self.is_safe && !self.at_kind(TokenKind::Colon) {
            let value = Expr::new(ExprKind::Name(name.text.clone()), name.span);
            return (name, value);
        }
        self.want(TokenKind::Colon);
        (name, self.expression())
    }

    /// At `!` after a name: whether it makes an error union type, as `E!T` in an argument list.
    fn error_union_follows(&self) -> bool {
        let next = self.kind_ahead(1);
        let symbols = matches!(
            next,
            TokenKind::Question
                | TokenKind::QuestionQuestion
                | TokenKind::Star
                | TokenKind::OpenBracket
                | TokenKind::Identifier
        );
        self.mode.in_group && (symbols || super::types::primitive(next).is_some())
    }
}

fn names_type(base: &Expr) -> bool {
    matches!(base.kind, ExprKind::Name(_) | ExprKind::Type(_))
}

fn to_named_type(base: Expr) -> Result<TypeExpr, Expr> {
    let span: Span = base.span;
    match base.kind {
        ExprKind::Name(text) => {
            let path = vec![Name { text, span }];
            Ok(TypeExpr { kind: TypeExprKind::Named { path, arguments: Vec::new() }, span })
        }
        ExprKind::Type(ty) => Ok(*ty),
        kind => Err(Expr::new(kind, span)),
    }
}

/// Whether an expression is `Name`, `Outer.Name`, `Name(…)` with an upper-case letter first.
fn begins_upper(base: &Expr) -> bool {
    let upper = |text: &str| text.starts_with(|c: char| c.is_ascii_uppercase());
    match &base.kind {
        ExprKind::Name(text) => upper(text),
        ExprKind::Member { base, name } => upper(&name.text) && begins_upper(base),
        ExprKind::Call { callee, .. } => matches!(&callee.kind, ExprKind::Name(text) if upper(text)),
        _ => false,
    }
}

impl Parser<'_> {
    /// An operand with what is attached to it, without operators.
    pub(super) fn pattern_postfix(&mut self) -> Expr {
        let operand = self.operand();
        self.postfix(operand)
    }
}
