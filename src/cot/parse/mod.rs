//! Tokens to a tree (sections 2 to 4). Never fails: what is wrong becomes a diagnostic, a piece is
//! skipped, parsing goes on. Takes both dialects.
//!
//! One method per rule of the grammar, with the rule above it. Trees higher than
//! [`ast::MAX_HEIGHT`] are refused, so later passes may recurse. The modules
//! import only from those above them.

mod docs;

mod types;

mod literal;

mod expression;

mod operand;

mod declaration;

mod member;

mod statement;

use std::collections::HashSet;
use std::rc::Rc;

use crate::cot::ast::{self, Expr, ExprKind, Name, Text};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::scan::{self, Scanned};
use crate::cot::source::{FileId, Source, Span};
use crate::cot::token::{Token, TokenKind};

/// The tree of a file, and what is wrong with its text (what the scanner found included).
pub fn parse(file: FileId, source: &Source) -> (ast::File, Vec<Diagnostic>) {
    parse_in(file, source, false)
}

/// The same for a file of a project that is `@safe` as a whole, or not.
pub fn parse_in(file: FileId, source: &Source, is_safe: bool) -> (ast::File, Vec<Diagnostic>) {
    let scanned = scan::scan(file, source);
    let docs = docs::docs(source, &scanned);
    let Scanned { tokens, diagnostics, .. } = scanned;
    let mut scan_errors: Vec<u32> = diagnostics.iter().map(|it| it.span.start).collect();
    scan_errors.sort_unstable();
    let mut parser = Parser {
        tokens: &tokens,
        bytes: &source.bytes,
        scan_errors,
        at: 0,
        diagnostics,
        n_errors: 0,
        is_recovering: false,
        last_error: None,
        depth: 0,
        gave_up: false,
        is_safe,
        outer_column: 0,
        mode: Mode::default(),
        names: HashSet::new(),
    };
    let tree = ast::File { docs, ..parser.file() };
    (tree, parser.diagnostics)
}

/// How deep the parser itself goes, in [`crate::cot::with_large_stack`]. Every level of a tree
/// takes at least one.
const MAX_DEPTH: usize = 4_000;

/// Farther to the right all columns are the same.
const MAX_COLUMN: usize = 1000;

/// What surrounds an expression.
#[derive(Clone, Copy, Default)]
struct Mode {
    /// In parentheses or brackets, where line breaks are space.
    in_group: bool,
    /// In a condition, where `Name {` is not a struct value.
    no_struct: bool,
    /// Directly in the body of a switch arm, where a line beginning with `.` is the next arm.
    in_arm: bool,
}

const GROUP: Mode = Mode { in_group: true, no_struct: false, in_arm: false };
const CONDITION: Mode = Mode { in_group: false, no_struct: true, in_arm: false };
const ARM: Mode = Mode { in_group: false, no_struct: false, in_arm: true };

/// Brackets that matter when tokens are skipped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    Braces,
    BracesAndParentheses,
}

struct Parser<'a> {
    /// The last one is the end of the file.
    tokens: &'a [Token],
    bytes: &'a [u8],
    /// Where the scanner complained, in order.
    scan_errors: Vec<u32>,
    at: usize,
    diagnostics: Vec<Diagnostic>,
    /// How many errors there were, those included that were not worth a complaint.
    n_errors: usize,
    /// Something was complained about, and the rest of the statement or declaration may look wrong
    /// because of that.
    is_recovering: bool,
    /// Index of the token that was complained about last: once is enough.
    last_error: Option<usize>,
    depth: usize,
    /// Nested too deep: the rest of the file is skipped.
    gave_up: bool,
    is_safe: bool,
    /// Where the function or test that is being parsed begins on its line.
    outer_column: usize,
    mode: Mode,
    /// Texts of names, each once.
    names: HashSet<Rc<str>>,
}

impl<'a> Parser<'a> {
    fn token(&self) -> Token {
        self.tokens[self.at]
    }

    fn kind(&self) -> TokenKind {
        self.tokens[self.at].kind
    }

    fn kind_ahead(&self, ahead: usize) -> TokenKind {
        self.tokens[(self.at + ahead).min(self.tokens.len() - 1)].kind
    }

    /// The place of the token before.
    fn previous_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].span
    }

    /// From the start of a token to the end of the last one taken.
    fn span_from(&self, start: Span) -> Span {
        start.to(self.previous_span())
    }

    fn text(&self, span: Span) -> &'a [u8] {
        &self.bytes[span.start as usize..span.end as usize]
    }

    fn advance(&mut self) -> Token {
        let token = self.token();
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
        token
    }

    fn at_kind(&self, kind: TokenKind) -> bool {
        self.kind() == kind
    }

    /// Whether the next token is an identifier with this text: a word that is a keyword in places
    /// only.
    fn at_word(&self, word: &str) -> bool {
        self.at_kind(TokenKind::Identifier) && self.text(self.token().span) == word.as_bytes()
    }

    /// Takes the token if it is of this kind.
    fn got(&mut self, kind: TokenKind) -> bool {
        let is = self.at_kind(kind);
        if is {
            self.advance();
        }
        is
    }

    fn want(&mut self, kind: TokenKind) -> bool {
        let got = self.got(kind);
        if !got {
            let code = match kind {
                TokenKind::OpenBrace => Code::ExpectedOpenBrace,
                TokenKind::CloseBrace => Code::ExpectedCloseBrace,
                TokenKind::OpenParenthesis => Code::ExpectedOpenParenthesis,
                TokenKind::CloseParenthesis => Code::ExpectedCloseParenthesis,
                _ => Code::UnexpectedToken,
            };
            self.expected(code, kind.describe());
        }
        got
    }

    /// After an error in an item that began at `before`: `skip` goes to its end. What follows is
    /// looked at afresh. Takes a token if none was taken, so that lists end.
    fn recover(&mut self, before: usize, skip: impl FnOnce(&mut Self)) {
        skip(self);
        self.is_recovering = false;
        if self.at == before && !self.at_kind(TokenKind::CloseBrace) {
            self.advance();
        }
    }

    /// Skips tokens up to one at which `ends` holds, given how many brackets have been opened on
    /// the way; at most to the end of the file.
    fn skip_until(&mut self, counted: Counted, ends: impl Fn(&Self, usize) -> bool) {
        let mut depth = 0usize;
        while !self.at_kind(TokenKind::EndOfFile) && !ends(self, depth) {
            match self.kind() {
                TokenKind::OpenParenthesis | TokenKind::CloseParenthesis if counted == Counted::Braces => {}
                TokenKind::OpenBrace | TokenKind::OpenParenthesis => depth += 1,
                TokenKind::CloseBrace | TokenKind::CloseParenthesis => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.advance();
        }
    }

    /// Skips the rest of an item of a list in braces: after its comma, before the brace that ends
    /// the list, or before what `begins` something else.
    fn skip_list_item(&mut self, begins: impl Fn(&Self) -> bool) {
        self.skip_until(Counted::BracesAndParentheses, |it, depth| {
            depth == 0 && (matches!(it.kind(), TokenKind::Comma | TokenKind::CloseBrace) || begins(it))
        });
        self.got(TokenKind::Comma);
    }

    /// "expected …, found …" at the next token.
    fn expected(&mut self, code: Code, what: &str) {
        let found = self.found();
        self.report(code, self.token().span, format!("expected {what}, found {found}"));
    }

    fn found(&self) -> String {
        let token = self.token();
        match token.kind {
            TokenKind::Identifier | TokenKind::Integer | TokenKind::Float | TokenKind::Builtin => {
                format!("'{}'", String::from_utf8_lossy(self.text(token.span)))
            }
            kind if kind.is_keyword() => format!("keyword {}", kind.describe()),
            kind => kind.describe().to_owned(),
        }
    }

    fn report(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.push_diagnostic(Diagnostic::new(code, span, message));
    }

    fn push_diagnostic(&mut self, diagnostic: Diagnostic) {
        self.n_errors += 1;
        let is_known = self.last_error == Some(self.at)
            || self.has_scan_error(self.previous_span().end, self.token().span.end)
            || std::mem::replace(&mut self.is_recovering, true);
        if self.gave_up || is_known {
            return;
        }
        self.last_error = Some(self.at);
        self.diagnostics.push(diagnostic);
    }

    /// Whether the scanner complained about something in a range of the file.
    fn has_scan_error(&self, start: u32, end: u32) -> bool {
        let next = self.scan_errors.partition_point(|at| *at < start);
        self.scan_errors.get(next).is_some_and(|at| *at < end)
    }

    /// How far from the start of its line the next token is; not counted any further in very
    /// long lines.
    fn column(&self) -> usize {
        let before = self.bytes[..self.token().span.start as usize].iter().rev().take(MAX_COLUMN);
        before.take_while(|byte| **byte != b'\n').count()
    }

    /// Runs a rule one level deeper; false (and the rest of the file is skipped) if that is too
    /// deep.
    fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth >= MAX_DEPTH {
            self.give_up();
            return None;
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        Some(result)
    }

    fn give_up(&mut self) {
        self.is_recovering = false;
        self.last_error = None;
        self.report(Code::UnexpectedToken, self.token().span, "this is nested too deep; split it up");
        self.gave_up = true;
        self.at = self.tokens.len() - 1;
    }

    /// Runs a rule in another mode.
    fn within<T>(&mut self, mode: Mode, rule: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.mode, mode);
        let result = rule(self);
        self.mode = outer;
        result
    }

    fn expr(&mut self, kind: ExprKind, start: Span) -> Expr {
        let expr = Expr::new(kind, self.span_from(start));
        if expr.height <= ast::MAX_HEIGHT {
            return expr;
        }
        self.give_up();
        Expr::new(ExprKind::Erroneous, expr.span)
    }

    fn intern(&mut self, text: &[u8]) -> Rc<str> {
        let text = String::from_utf8_lossy(text);
        if let Some(known) = self.names.get(&*text) {
            return known.clone();
        }
        let new: Rc<str> = text.into();
        self.names.insert(new.clone());
        new
    }

    /// The name of an identifier token: `name`, `@"any text"`.
    fn name_of(&mut self, token: Token) -> Name {
        let text = self.text(token.span);
        let text = text.strip_prefix(b"@\"").map_or(text, |rest| rest.strip_suffix(b"\"").unwrap_or(rest));
        Name { text: self.intern(text), span: token.span }
    }

    /// An identifier; what it names is in the message if there is none.
    fn name(&mut self, what: &str) -> Name {
        if self.at_kind(TokenKind::Identifier) {
            let token = self.advance();
            return self.name_of(token);
        }
        let span = self.token().span;
        if self.kind().is_keyword() {
            let found = self.kind().describe();
            let message = format!("{found} is a keyword and can't be {what}");
            self.report(Code::ExpectedIdentifier, span, message);
            if !self.token().newline_before {
                self.advance();
            }
        } else {
            self.expected(Code::ExpectedIdentifier, what);
        }
        Name { text: self.intern(b""), span }
    }

    /// An identifier, or the word `type`.
    fn name_or_type(&mut self, what: &str) -> Name {
        if self.at_kind(TokenKind::Type) {
            let token = self.advance();
            return Name { text: self.intern(b"type"), span: token.span };
        }
        self.name(what)
    }

    fn string(&mut self, what: &str) -> Text {
        let token = self.token();
        if token.kind == TokenKind::String {
            self.advance();
            return Text { value: self.string_content(token).into(), span: token.span };
        }
        self.expected(Code::UnexpectedToken, what);
        Text { value: Rc::new([]), span: token.span }
    }

    /// `{ item "," }` up to a closing token, which is taken.
    fn comma_list<T>(&mut self, close: TokenKind, mut item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        while !self.at_kind(close) && !self.at_kind(TokenKind::EndOfFile) {
            let before = self.at;
            items.push(item(self));
            if !self.got(TokenKind::Comma) {
                break;
            }
            if self.at == before {
                break;
            }
        }
        if close == TokenKind::CloseParenthesis && self.at_kind(TokenKind::Equal) {
            let message = "expected ')', found '='";
            let diagnostic = Diagnostic::new(Code::ExpectedCloseParenthesis, self.token().span, message);
            self.push_diagnostic(diagnostic.note("values are compared by '=='"));
            self.skip_to_close(close);
        } else if !self.want(close) {
            self.skip_to_close(close);
        }
        items
    }

    /// After an error in a list: continues after its end, if that is on this line or belongs to
    /// brackets.
    fn skip_to_close(&mut self, close: TokenKind) {
        let mut depth = 0usize;
        let mut at = self.at;
        loop {
            let token = self.tokens[at];
            match token.kind {
                TokenKind::EndOfFile => return,
                kind if depth == 0 && kind == close => {
                    self.at = at;
                    self.advance();
                    return;
                }
                TokenKind::OpenParenthesis | TokenKind::OpenBracket | TokenKind::OpenBrace => depth += 1,
                TokenKind::CloseParenthesis | TokenKind::CloseBracket | TokenKind::CloseBrace if depth == 0 => return,
                TokenKind::CloseParenthesis | TokenKind::CloseBracket | TokenKind::CloseBrace => depth -= 1,
                _ if depth == 0 && token.newline_before => return,
                _ => {}
            }
            at += 1;
        }
    }
}
