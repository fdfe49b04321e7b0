//! Operands: names, literals, brackets and braces, closures, `if`, `switch`, `new`.

use crate::cot::ast::{
    Arm, Block, Closure, Expr, ExprKind, If, Name, Pattern, Statement, StatementKind, Switch, TypeExpr, TypeExprKind,
    UnaryOperator,
};
use crate::cot::diagnostic::Code;
use crate::cot::parse::types::primitive;
use crate::cot::parse::{ARM, CONDITION, GROUP, Mode, Parser};
use crate::cot::token::{Token, TokenKind};

impl Parser<'_> {
    pub(super) fn operand(&mut self) -> Expr {
        let span = self.token().span;
        self.deeper(Self::operand_inner).unwrap_or_else(|| Expr::new(ExprKind::Erroneous, span))
    }

    /// `operand = IDENT | literal | interpolated | "(" expr ")" | "(" expr "," … ")" | "[" … "]" |
    /// "." IDENT | "." structBody | "error" "." IDENT` `| blockExpr | ifExpr | switchExpr |
    /// "comptime" blockExpr | newExpr | closure | builtin | primitiveType | "unreachable"`
    fn operand_inner(&mut self) -> Expr {
        let token = self.token();
        let start = token.span;
        let kind = match token.kind {
            TokenKind::Identifier if self.labels_block() => {
                let label = self.name("a label");
                self.advance();
                ExprKind::Labelled(label, Box::new(self.block()))
            }
            TokenKind::Identifier | TokenKind::Type => ExprKind::Name(self.name_or_type("a name").text),
            TokenKind::Integer | TokenKind::Float | TokenKind::Character | TokenKind::String => return self.literal(),
            TokenKind::InterpolationStart => return self.interpolation(),
            TokenKind::True | TokenKind::False => ExprKind::Bool(self.advance().kind == TokenKind::True),
            TokenKind::Null => self.word(ExprKind::Null),
            TokenKind::Undefined => self.word(ExprKind::Undefined),
            TokenKind::Unreachable => self.word(ExprKind::Unreachable),
            TokenKind::OpenParenthesis => return self.parenthesised(),
            TokenKind::OpenBracket if self.array_type_follows() => ExprKind::Type(Box::new(self.type_expr())),
            TokenKind::OpenBracket => {
                self.advance();
                ExprKind::Array(self.within(GROUP, |it| it.comma_list(TokenKind::CloseBracket, Self::expression)))
            }
            TokenKind::Question | TokenKind::QuestionQuestion | TokenKind::Star => {
                ExprKind::Type(Box::new(self.type_expr()))
            }
            TokenKind::Dot => self.dot_operand(),
            TokenKind::Error => {
                self.advance();
                self.want(TokenKind::Dot);
                ExprKind::ErrorLiteral(self.name("the name of an error"))
            }
            TokenKind::OpenBrace => ExprKind::Block(Box::new(self.block())),
            TokenKind::Comptime => {
                self.advance();
                ExprKind::Comptime(Box::new(self.block()))
            }
            TokenKind::If => self.if_expression(),
            TokenKind::Switch => self.switch_expression(),
            TokenKind::New => self.new_expression(),
            TokenKind::Fn => self.closure_or_type(),
            TokenKind::Builtin => return self.builtin(),
            TokenKind::Return => {
                self.advance();
                ExprKind::Return(self.operand_of_leave())
            }
            TokenKind::Break | TokenKind::Continue => self.break_or_continue(),
            kind if primitive(kind).is_some() => ExprKind::Type(Box::new(self.type_expr())),
            _ => {
                self.expected(Code::ExpectedExpression, "an expression");
                return Expr::new(ExprKind::Erroneous, start.start_point());
            }
        };
        self.expr(kind, start)
    }

    fn word(&mut self, kind: ExprKind) -> ExprKind {
        self.advance();
        kind
    }

    /// `"(" expr ")" | "(" expr "," expr { "," expr } ")"`
    fn parenthesised(&mut self) -> Expr {
        let start = self.advance().span;
        let mut items = self.within(GROUP, |it| it.comma_list(TokenKind::CloseParenthesis, Self::expression));
        match items.len() {
            0 => {
                self.report(
                    Code::ExpectedExpression,
                    self.span_from(start),
                    "expected an expression in the parentheses",
                );
                Expr::new(ExprKind::Erroneous, self.span_from(start))
            }
            1 => {
                let inner = items.remove(0);
                Expr { span: self.span_from(start), ..inner }
            }
            _ => self.expr(ExprKind::Tuple(items), start),
        }
    }

    /// At `[`: whether brackets are followed, on the same line, by what begins a type: `[]T`,
    /// `[4]T`, `[2][3]T`.
    fn array_type_follows(&self) -> bool {
        let mut at = self.at;
        let mut n_brackets = 0;
        loop {
            n_brackets += 1;
            let mut depth = 0usize;
            loop {
                match self.tokens[at].kind {
                    TokenKind::OpenBracket | TokenKind::OpenParenthesis | TokenKind::OpenBrace => depth += 1,
                    TokenKind::CloseBracket | TokenKind::CloseParenthesis | TokenKind::CloseBrace => depth -= 1,
                    TokenKind::Comma if depth == 1 => return false,
                    TokenKind::EndOfFile => return false,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    break;
                }
            }
            let next = self.tokens[at];
            if next.newline_before {
                return false;
            }
            match next.kind {
                TokenKind::OpenBracket => {}
                TokenKind::Question | TokenKind::QuestionQuestion | TokenKind::Fn => return true,
                TokenKind::Identifier => return self.text(next.span) != b"as",
                // An array is neither multiplied nor called, but an element of it may be.
                TokenKind::Star | TokenKind::OpenParenthesis => {
                    let names_type = |token: Token| {
                        primitive(token.kind).is_some()
                            || token.kind == TokenKind::Identifier && self.text(token.span)[0].is_ascii_uppercase()
                    };
                    return n_brackets == 1
                        || self.tokens[at - 2].kind == TokenKind::OpenBracket
                        || next.kind == TokenKind::Star && names_type(self.tokens[at + 1]);
                }
                kind => return primitive(kind).is_some(),
            }
        }
    }

    /// `"." IDENT | "." structBody`
    fn dot_operand(&mut self) -> ExprKind {
        self.advance();
        if self.at_kind(TokenKind::OpenBrace) {
            return ExprKind::Struct { ty: None, fields: self.struct_body() };
        }
        ExprKind::EnumLiteral(self.name_or_type("the name of a variant"))
    }

    /// `ifExpr = "if" cond [ capture ] blockExpr [ "else" ( ifExpr | blockExpr ) ]`, and `ifStmt`,
    /// whose branches may be single statements.
    fn if_expression(&mut self) -> ExprKind {
        self.advance();
        let (condition, capture) = self.condition();
        let then = self.block_or_statement();
        // Semicolons end the statement before them, not the `if`.
        let ahead = (0..).take_while(|ahead| self.kind_ahead(*ahead) == TokenKind::Semicolon).count();
        let has_else = self.kind_ahead(ahead) == TokenKind::Else && self.kind_ahead(ahead + 1) != TokenKind::FatArrow;
        let otherwise = has_else.then(|| {
            while self.got(TokenKind::Semicolon) {}
            self.advance();
            if !self.at_kind(TokenKind::If) {
                return self.block_or_statement();
            }
            let expr = self.operand();
            let span = expr.span;
            Block::new(vec![Statement { kind: StatementKind::Expr(expr), span }], span)
        });
        ExprKind::If(Box::new(If { condition, capture, then, otherwise }))
    }

    /// `switchExpr = "switch" postfix "{" { arm [ "," ] } "}"`
    fn switch_expression(&mut self) -> ExprKind {
        self.advance();
        let subject = self.within(CONDITION, |it| {
            let operand = it.operand();
            it.expression_from(operand)
        });
        let mut arms = Vec::new();
        if self.want(TokenKind::OpenBrace) {
            self.within(Mode::default(), |it| it.arms(&mut arms));
        }
        ExprKind::Switch(Box::new(Switch { subject, arms }))
    }

    fn arms(&mut self, arms: &mut Vec<Arm>) {
        loop {
            while self.got(TokenKind::Semicolon) {}
            if self.got(TokenKind::CloseBrace) {
                return;
            }
            if self.at_kind(TokenKind::EndOfFile) {
                self.want(TokenKind::CloseBrace);
                return;
            }
            let (before, n_errors) = (self.at, self.n_errors);
            arms.push(self.arm());
            let is_assigned = matches!(self.kind(), TokenKind::Equal | TokenKind::PlusEqual | TokenKind::MinusEqual);
            if is_assigned && !self.token().newline_before {
                let message = "an arm is an expression; put a statement in braces";
                self.report(Code::UnexpectedToken, self.token().span, message);
            }
            if self.n_errors > n_errors {
                self.recover(before, |it| it.skip_list_item(|it| it.at > before && it.token().newline_before));
            } else {
                self.got(TokenKind::Comma);
            }
        }
    }

    /// `arm = pattern { "," pattern } [ capture ] [ "if" expr ] "=>" expr`
    fn arm(&mut self) -> Arm {
        let start = self.token().span;
        let mut patterns = Vec::new();
        let mut is_else = false;
        loop {
            if self.at_kind(TokenKind::Else) || self.at_word("_") {
                self.advance();
                is_else = true;
            } else {
                patterns.push(self.pattern());
            }
            if !self.got(TokenKind::Comma)
                || matches!(self.kind(), TokenKind::FatArrow | TokenKind::Pipe | TokenKind::If)
            {
                break;
            }
        }
        if is_else {
            patterns.clear();
        }
        let capture = self.capture();
        let guard = self.got(TokenKind::If).then(|| self.within(CONDITION, |it| it.expression()));
        self.want(TokenKind::FatArrow);
        let body = self.within(ARM, |it| it.expression());
        Arm { patterns, capture, guard, body, span: self.span_from(start) }
    }

    /// `pattern = "else" | "_" | pat [ ".." pat ]`, `pat = [ "-" ] postfix`
    fn pattern(&mut self) -> Pattern {
        let first = self.within(CONDITION, Self::pattern_side);
        let last = self.got(TokenKind::DotDot).then(|| self.within(CONDITION, Self::pattern_side));
        Pattern { first, last }
    }

    fn pattern_side(&mut self) -> Expr {
        let start = self.token().span;
        if !self.got(TokenKind::Minus) {
            return self.pattern_postfix();
        }
        let operand = Box::new(self.pattern_postfix());
        self.expr(ExprKind::Unary { operator: UnaryOperator::Negate, operand }, start)
    }

    /// `newExpr = "new" IDENT [ "(" types ")" ] "{" [ IDENT ":" expr { "," IDENT ":" expr } ] "}" |
    /// "new" IDENT [ "(" types ")" ] "(" [ args ] ")"`
    fn new_expression(&mut self) -> ExprKind {
        self.advance();
        // Without a body or a second list after it, the first one holds arguments of the
        // constructor.
        let is_plain_call = self.kind_ahead(1) == TokenKind::OpenParenthesis
            && !matches!(self.kind_after_list(1), TokenKind::OpenBrace | TokenKind::OpenParenthesis);
        let ty = if is_plain_call { self.plain_type() } else { self.type_expr() };
        if self.got(TokenKind::OpenBrace) {
            let fields = self.within(Mode::default(), |it| it.comma_list(TokenKind::CloseBrace, Self::field_of_new));
            return ExprKind::New { ty, fields };
        }
        if self.got(TokenKind::OpenParenthesis) {
            let arguments = self.within(GROUP, |it| it.comma_list(TokenKind::CloseParenthesis, Self::expression));
            return ExprKind::NewCall { ty, arguments };
        }
        self.want(TokenKind::OpenBrace);
        ExprKind::New { ty, fields: Vec::new() }
    }

    /// A name as a type.
    fn plain_type(&mut self) -> TypeExpr {
        let name = self.name("a type");
        let span = name.span;
        TypeExpr { kind: TypeExprKind::Named { path: vec![name], arguments: Vec::new() }, span }
    }

    /// What follows, on its line, the list in parentheses that begins `ahead` tokens from here; the
    /// end of the file if nothing does.
    fn kind_after_list(&self, ahead: usize) -> TokenKind {
        let mut depth = 0usize;
        for token in &self.tokens[(self.at + ahead).min(self.tokens.len())..] {
            match token.kind {
                _ if depth == 0 && token.span.start > self.token().span.end && token.newline_before => break,
                TokenKind::OpenParenthesis if depth == 0 && token.span == self.tokens[self.at + ahead].span => {
                    depth = 1
                }
                kind if depth == 0 => return kind,
                TokenKind::OpenParenthesis | TokenKind::OpenBracket | TokenKind::OpenBrace => depth += 1,
                TokenKind::CloseParenthesis | TokenKind::CloseBracket | TokenKind::CloseBrace => depth -= 1,
                _ => {}
            }
        }
        TokenKind::EndOfFile
    }

    /// A field of `new`; `.name = value` is taken as well, with an error that says how it is
    /// written.
    fn field_of_new(&mut self) -> (Name, Expr) {
        if !self.at_kind(TokenKind::Dot) {
            return self.field_with_colon();
        }
        let span = self.token().span;
        self.report(Code::UnexpectedToken, span, "fields of 'new' are written 'name: value'");
        self.advance();
        let name = self.name_or_type("the name of a field");
        self.got(TokenKind::Equal);
        (name, self.expression())
    }

    /// `closure = "fn" "(" [ params ] ")" [ type ] block`, or a function type.
    fn closure_or_type(&mut self) -> ExprKind {
        let is_type = match self.kind_ahead(2) {
            TokenKind::CloseParenthesis => matches!(
                self.kind_ahead(3),
                TokenKind::Arrow | TokenKind::Comma | TokenKind::CloseParenthesis | TokenKind::CloseBracket
            ),
            TokenKind::Identifier | TokenKind::Type => self.kind_ahead(3) != TokenKind::Colon,
            _ => true,
        };
        if is_type && self.kind_ahead(1) == TokenKind::OpenParenthesis {
            return ExprKind::Type(Box::new(self.type_expr()));
        }
        self.advance();
        let params = self.params();
        let result = self.result_type();
        let body = self.block();
        ExprKind::Closure(Box::new(Closure { params, result, body }))
    }

    /// `builtin = "@" IDENT "(" [ builtinArgs ] ")"`
    fn builtin(&mut self) -> Expr {
        let token = self.advance();
        let text = match self.text(token.span) {
            // The older spelling (section 4).
            b"@assert_eq" => b"assertEq",
            text => text.get(1..).unwrap_or_default(),
        };
        let name = Name { text: self.intern(text), span: token.span };
        self.want(TokenKind::OpenParenthesis);
        let arguments = self.within(GROUP, |it| it.comma_list(TokenKind::CloseParenthesis, Self::expression));
        self.expr(ExprKind::Builtin { name, arguments }, token.span)
    }

    /// Rule 4 of section 3: an operand on the same line, if there is one.
    fn operand_of_leave(&mut self) -> Option<Box<Expr>> {
        let ends = matches!(
            self.kind(),
            TokenKind::CloseBrace
                | TokenKind::CloseParenthesis
                | TokenKind::CloseBracket
                | TokenKind::Semicolon
                | TokenKind::Comma
                | TokenKind::Else
                | TokenKind::EndOfFile
        );
        (!ends && !self.token().newline_before).then(|| Box::new(self.expression()))
    }

    /// `IDENT ":" block` as a value, see `check::labelled`.
    fn labels_block(&self) -> bool {
        self.kind_ahead(1) == TokenKind::Colon && self.kind_ahead(2) == TokenKind::OpenBrace
    }

    /// `"break" [ ":" IDENT [ expr ] ] | "continue" [ ":" IDENT ]`
    fn break_or_continue(&mut self) -> ExprKind {
        let is_break = self.advance().kind == TokenKind::Break;
        let has_label = self.at_kind(TokenKind::Colon) && !self.token().newline_before;
        let label = has_label.then(|| {
            self.advance();
            self.name("a label")
        });
        match (is_break, label) {
            (true, Some(label)) => match self.operand_of_leave() {
                Some(value) => ExprKind::BreakValue(label, value),
                None => ExprKind::Break(Some(label)),
            },
            (true, None) => ExprKind::Break(None),
            (false, label) => ExprKind::Continue(label),
        }
    }
}
