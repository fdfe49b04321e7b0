//! Blocks and statements (sections 3 and 9).

use crate::cot::ast::{
    BinaryOperator, Block, Capture, Declaration, Expr, ExprKind, For, Name, Statement, StatementKind,
};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::parse::{CONDITION, Counted, GROUP, Mode, Parser};
use crate::cot::source::Span;
use crate::cot::token::TokenKind;

impl Parser<'_> {
    /// `block = "{" { stmt } "}"`
    pub(super) fn block(&mut self) -> Block {
        let start = self.token().span;
        if !self.want(TokenKind::OpenBrace) {
            return Block::new(Vec::new(), start.start_point());
        }
        let statements = self.within(Mode::default(), |it| it.deeper(|it| it.statements(start))).unwrap_or_default();
        Block::new(statements, self.span_from(start))
    }

    /// `{ stmt } "}"`, after the brace at `open`
    fn statements(&mut self, open: Span) -> Vec<Statement> {
        let mut statements = Vec::new();
        loop {
            while self.got(TokenKind::Semicolon) {}
            if self.got(TokenKind::CloseBrace) {
                break;
            }
            if self.at_file_level() && self.column() > self.outer_column {
                self.misplaced_declaration();
                continue;
            }
            if self.at_kind(TokenKind::EndOfFile) || self.at_file_level() {
                // An open string may have swallowed the brace.
                if self.has_scan_error(open.start, self.token().span.start) {
                    self.n_errors += 1;
                    break;
                }
                let message = format!("expected '}}', found {}", self.found());
                let diagnostic = Diagnostic::new(Code::ExpectedCloseBrace, self.token().span, message);
                self.push_diagnostic(diagnostic.note_at(open, "to close this"));
                break;
            }
            let (before, n_errors) = (self.at, self.n_errors);
            let statement = self.statement();
            statements.push(statement);
            if self.n_errors > n_errors {
                self.recover(before, |it| it.skip_statement(before));
            } else {
                self.check_terminator();
            }
        }
        statements
    }

    /// What is allowed only outside functions, but here is indented as a part of one.
    fn misplaced_declaration(&mut self) {
        let start = self.token().span;
        let is_function = self.at_kind(TokenKind::Fn);
        let span = start.to(self.tokens[self.at + 1].span);
        let diagnostic = if is_function {
            let name = String::from_utf8_lossy(self.text(self.tokens[self.at + 1].span)).into_owned();
            let message = "a function with a name can't be declared inside of another one";
            let note = format!("move it out, or make it a closure: const {name} = fn(…) … {{ … }}");
            Diagnostic::new(Code::UnexpectedToken, span, message).note(note)
        } else {
            let message = format!("{} is allowed only outside functions", self.kind().describe());
            Diagnostic::new(Code::UnexpectedToken, start, message)
        };
        self.push_diagnostic(diagnostic);
        self.recover(self.at, |it| drop(it.declaration()));
    }

    /// Declarations that are allowed only outside functions: a brace is missing.
    fn at_file_level(&self) -> bool {
        let names_function = self.kind_ahead(1) == TokenKind::Identifier && self.at_kind(TokenKind::Fn);
        let is_test = matches!(self.kind(), TokenKind::Test | TokenKind::Bench);
        let keyword = matches!(self.kind(), TokenKind::Impl | TokenKind::Import | TokenKind::Trait);
        names_function || is_test || keyword || self.at_kind(TokenKind::Extern) && self.kind_ahead(1) == TokenKind::Fn
    }

    /// Statements may follow each other on a line, but a literal begins one there only after a
    /// closing bracket (`{ log(e) 0 }`): after anything else an operator was forgotten.
    fn check_terminator(&mut self) {
        let literal =
            matches!(self.kind(), TokenKind::Integer | TokenKind::Float | TokenKind::String | TokenKind::Character);
        let ended = matches!(
            self.tokens[self.at.saturating_sub(1)].kind,
            TokenKind::CloseBrace | TokenKind::CloseParenthesis | TokenKind::CloseBracket
        );
        if self.at_kind(TokenKind::Question) && !self.token().newline_before {
            let diagnostic = Diagnostic::new(Code::UnexpectedToken, self.token().span, "there is no operator '? :'");
            self.push_diagnostic(diagnostic.note("write: if (c) { a } else { b }"));
            self.skip_statement(self.at);
            self.is_recovering = false;
        } else if literal && !self.token().newline_before && !ended {
            self.expected(Code::ExpectedTerminator, "the end of the statement");
            self.skip_statement(self.at);
            self.is_recovering = false;
        }
    }

    /// After an error: to the first token of a later line, or a brace.
    fn skip_statement(&mut self, before: usize) {
        self.skip_until(Counted::Braces, |it, depth| {
            let ends = matches!(it.kind(), TokenKind::CloseBrace | TokenKind::Semicolon);
            let is_next = it.token().newline_before && it.at > before && !it.at_kind(TokenKind::OpenBrace);
            depth == 0 && (ends || is_next)
        });
    }

    pub(super) fn statement(&mut self) -> Statement {
        let start = self.token().span;
        let kind = self.deeper(Self::statement_kind);
        let kind = kind.unwrap_or_else(|| StatementKind::Expr(Expr::new(ExprKind::Erroneous, start)));
        Statement { kind, span: self.span_from(start) }
    }

    fn statement_kind(&mut self) -> StatementKind {
        if self.at_type_declaration() {
            return self.local_type();
        }
        match self.kind() {
            TokenKind::Var | TokenKind::Let | TokenKind::Const => StatementKind::Variable(self.variable()),
            TokenKind::Weak => {
                if !matches!(self.kind_ahead(1), TokenKind::Var | TokenKind::Let) {
                    self.report(Code::UnexpectedToken, self.token().span, "'weak' must be followed by 'var'");
                }
                StatementKind::Variable(self.variable())
            }
            // A name like others elsewhere.
            TokenKind::Identifier
                if matches!(self.kind_ahead(1), TokenKind::Var | TokenKind::Let) && self.at_word("unowned") =>
            {
                StatementKind::Variable(self.variable())
            }
            TokenKind::Identifier if self.kind_ahead(1) == TokenKind::Colon => self.labelled(),
            TokenKind::While => self.while_statement(None),
            TokenKind::For | TokenKind::Inline => self.for_statement(None),
            TokenKind::Defer | TokenKind::Errdefer => {
                let only_on_error = self.advance().kind == TokenKind::Errdefer;
                StatementKind::Defer { body: Box::new(self.statement()), only_on_error }
            }
            // Nothing continues a braced operand that is used as a statement.
            TokenKind::OpenBrace | TokenKind::If | TokenKind::Switch | TokenKind::Comptime => {
                StatementKind::Expr(self.operand())
            }
            _ => self.simple(),
        }
    }

    fn local_type(&mut self) -> StatementKind {
        let declaration = self.type_declaration();
        let (members, span) = match &declaration {
            Declaration::Struct(it) => (Some(&it.members), it.span),
            Declaration::Enum(it) => (Some(&it.members), it.span),
            Declaration::Union(it) => (Some(&it.members), it.span),
            _ => (None, self.previous_span()),
        };
        if members.is_some_and(|it| !it.functions.is_empty() || !it.constants.is_empty() || !it.types.is_empty()) {
            self.report(Code::UnexpectedToken, span, "a type in a block has data only");
        }
        StatementKind::Type(Box::new(declaration))
    }

    fn labelled(&mut self) -> StatementKind {
        let label = self.name("a label");
        self.advance();
        match self.kind() {
            TokenKind::While => self.while_statement(Some(label)),
            TokenKind::For | TokenKind::Inline => self.for_statement(Some(label)),
            TokenKind::OpenBrace => {
                let start = label.span;
                let kind = ExprKind::Labelled(label, Box::new(self.block()));
                StatementKind::Expr(self.expr(kind, start))
            }
            _ => {
                // Declarations as other languages write them: `x := 5`, `x: i64 = 5`.
                let is_declaration = self.at_kind(TokenKind::Equal) || super::types::primitive(self.kind()).is_some();
                let name = &label.text;
                let note = match self.at_kind(TokenKind::Equal) {
                    true => format!("a variable is declared by: var {name} = …"),
                    false => format!("a variable is declared by: var {name}: … = …"),
                };
                let message = format!("expected a loop after the label, found {}", self.found());
                let diagnostic = Diagnostic::new(Code::UnexpectedToken, self.token().span, message);
                self.push_diagnostic(if is_declaration { diagnostic.note(note) } else { diagnostic });
                StatementKind::Expr(Expr::new(ExprKind::Erroneous, label.span))
            }
        }
    }

    /// `simple = expr [ assignOp expr ]`
    pub(super) fn simple(&mut self) -> StatementKind {
        let target = self.expression();
        let operator = match self.kind() {
            TokenKind::Equal => None,
            TokenKind::PlusEqual => Some(BinaryOperator::Add),
            TokenKind::MinusEqual => Some(BinaryOperator::Subtract),
            TokenKind::StarEqual => Some(BinaryOperator::Multiply),
            TokenKind::SlashEqual => Some(BinaryOperator::Divide),
            TokenKind::PercentEqual => Some(BinaryOperator::Remainder),
            TokenKind::AmpersandEqual => Some(BinaryOperator::BitAnd),
            TokenKind::PipeEqual => Some(BinaryOperator::BitOr),
            TokenKind::CaretEqual => Some(BinaryOperator::BitXor),
            _ => return StatementKind::Expr(target),
        };
        self.advance();
        let value = self.expression();
        StatementKind::Assign { target, operator, value }
    }

    /// `whileStmt = "while" cond [ capture ] [ ":" "(" simple ")" ] block`
    fn while_statement(&mut self, label: Option<Name>) -> StatementKind {
        self.advance();
        let (condition, capture) = self.condition();
        let mut step = None;
        if self.got(TokenKind::Colon) {
            let start = self.token().span;
            self.want(TokenKind::OpenParenthesis);
            let kind = self.within(GROUP, |it| it.simple());
            self.want(TokenKind::CloseParenthesis);
            step = Some(Box::new(Statement { kind, span: self.span_from(start) }));
        }
        let body = self.block_or_statement();
        StatementKind::While { label, condition, capture, step, body }
    }

    /// `forStmt = [ "inline" ] "for" IDENT [ "," IDENT ] "in" expr [ ".." expr ] block`
    fn for_statement(&mut self, label: Option<Name>) -> StatementKind {
        let is_inline = self.got(TokenKind::Inline);
        self.want(TokenKind::For);
        if self.at_kind(TokenKind::OpenParenthesis) {
            let message = "expected the variable of the loop, found '('";
            let diagnostic = Diagnostic::new(Code::ExpectedIdentifier, self.token().span, message);
            self.push_diagnostic(
                diagnostic.note("loops are written: for i in 0..n { … }, for x in xs { … }, or with 'while'"),
            );
        }
        let first = self.name("the variable of the loop");
        let second = self.got(TokenKind::Comma).then(|| self.name("the variable of the loop"));
        self.want(TokenKind::In);
        let subject = self.within(CONDITION, |it| it.expression());
        let end = self.got(TokenKind::DotDot).then(|| self.within(CONDITION, |it| it.expression()));
        let body = self.block();
        StatementKind::For(Box::new(For { label, is_inline, first, second, subject, end, body }))
    }

    /// A block, or one statement as a block.
    pub(super) fn block_or_statement(&mut self) -> Block {
        if self.at_kind(TokenKind::OpenBrace) {
            return self.block();
        }
        let statement = self.within(Mode { no_struct: false, ..self.mode }, |it| it.statement());
        let span = statement.span;
        Block::new(vec![statement], span)
    }

    /// `cond = "(" expr ")" | exprNoBrace`, and the capture after it (section 4).
    pub(super) fn condition(&mut self) -> (Expr, Option<Capture>) {
        let outer = std::mem::replace(&mut self.mode, CONDITION);
        let condition = if self.at_kind(TokenKind::OpenParenthesis) {
            let first = self.operand();
            let longer = !self.token().newline_before && self.continues_condition();
            if longer { self.expression_from(first) } else { first }
        } else {
            self.expression()
        };
        self.mode = outer;
        (condition, self.capture())
    }

    /// Whether what follows the `)` belongs to the condition.
    fn continues_condition(&self) -> bool {
        let postfix = matches!(
            self.kind(),
            TokenKind::Dot
                | TokenKind::DotStar
                | TokenKind::DotQuestion
                | TokenKind::QuestionDot
                | TokenKind::OpenBracket
        );
        postfix || self.at_word("as") || self.binary_level().is_some() && !self.at_kind(TokenKind::Pipe)
    }

    /// `capture = "|" [ "*" ] IDENT "|"`
    pub(super) fn capture(&mut self) -> Option<Capture> {
        if !self.got(TokenKind::Pipe) {
            return None;
        }
        let by_pointer = self.got(TokenKind::Star);
        let name = self.name("the name of a capture");
        self.want(TokenKind::Pipe);
        Some(Capture { name, by_pointer })
    }

    /// At a `|` in a condition without parentheses: whether it begins a capture.
    pub(super) fn capture_follows(&self) -> bool {
        let star = usize::from(self.kind_ahead(1) == TokenKind::Star);
        self.kind_ahead(1 + star) == TokenKind::Identifier
            && self.kind_ahead(2 + star) == TokenKind::Pipe
            && matches!(self.kind_ahead(3 + star), TokenKind::OpenBrace | TokenKind::Colon)
    }
}
