//! Tokens and comments in the order in which they are written, with their texts: the first spelling
//! of each, without semicolons that a line break replaces, opening braces before comments that
//! stood in front of them.

use crate::cot::format::roles::Roles;
use crate::cot::scan::Scanned;
use crate::cot::token::TokenKind;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PieceKind {
    Token(TokenKind),
    LineComment,
    BlockComment,
}

#[derive(Clone, Debug)]
pub struct Piece {
    pub kind: PieceKind,
    pub text: Vec<u8>,
    /// Offset in the source; what was put in has that of what it belongs to.
    pub start: u32,
    /// Line breaks before it in the source.
    pub newlines: usize,
    /// It is not in the source.
    pub is_added: bool,
}

impl Piece {
    pub fn is_token(&self, kind: TokenKind) -> bool {
        self.kind == PieceKind::Token(kind)
    }

    pub fn is_comment(&self) -> bool {
        !matches!(self.kind, PieceKind::Token(_))
    }
}

pub fn pieces(bytes: &[u8], scanned: &Scanned, roles: &Roles) -> Vec<Piece> {
    let mut pieces = as_written(bytes, scanned);
    for piece in &mut pieces {
        if piece.is_token(TokenKind::Let) {
            piece.kind = PieceKind::Token(TokenKind::Var);
            piece.text = b"var".to_vec();
        }
        if piece.is_token(TokenKind::QuestionQuestion) && roles.infix.contains(&piece.start) {
            piece.kind = PieceKind::Token(TokenKind::Orelse);
            piece.text = b"orelse".to_vec();
        }
        if piece.is_token(TokenKind::Builtin) && piece.text == b"@assert_eq" {
            piece.text = b"@assertEq".to_vec();
        }
    }
    move_enums(&mut pieces, roles);
    let pieces = add_parentheses(pieces, roles);
    let mut pieces = drop_semicolons(pieces, roles);
    move_behind_comments(&mut pieces, roles);
    pieces
}

fn as_written(bytes: &[u8], scanned: &Scanned) -> Vec<Piece> {
    let tokens = scanned.tokens.iter().filter(|token| token.kind != TokenKind::EndOfFile);
    let tokens = tokens.map(|token| (token.span, PieceKind::Token(token.kind)));
    let comments = scanned.comments.iter().map(|comment| {
        let is_block = bytes[comment.span.start as usize..].starts_with(b"/*");
        (comment.span, if is_block { PieceKind::BlockComment } else { PieceKind::LineComment })
    });
    let mut all: Vec<_> = tokens.chain(comments).collect();
    all.sort_by_key(|(span, _)| span.start);
    let mut end = 0;
    let piece = |(span, kind): (crate::cot::source::Span, PieceKind)| {
        let between = &bytes[end..span.start as usize];
        end = span.end as usize;
        let text = bytes[span.start as usize..end].to_vec();
        let text = if kind == PieceKind::LineComment { text.trim_ascii_end().to_vec() } else { text };
        let newlines = between.iter().filter(|byte| **byte == b'\n').count();
        Piece { kind, text, start: span.start, newlines, is_added: false }
    };
    all.into_iter().map(piece).collect()
}

fn added(kind: TokenKind, text: &str, start: u32) -> Piece {
    Piece { kind: PieceKind::Token(kind), text: text.into(), start, newlines: 0, is_added: true }
}

/// `enum E` becomes `const E = enum`.
fn move_enums(pieces: &mut Vec<Piece>, roles: &Roles) {
    let mut at = 0;
    while at + 1 < pieces.len() {
        let is_declaration = roles.enums.contains(&pieces[at].start) && pieces[at].is_token(TokenKind::Enum);
        if is_declaration && pieces[at + 1].is_token(TokenKind::Identifier) {
            let place = pieces[at].start;
            pieces[at].kind = PieceKind::Token(TokenKind::Const);
            pieces[at].text = b"const".to_vec();
            let tail = [added(TokenKind::Equal, "=", place), added(TokenKind::Enum, "enum", place)];
            pieces.splice(at + 2..at + 2, tail);
        }
        at += 1;
    }
}

/// Conditions and subjects of `switch` get parentheses.
fn add_parentheses(pieces: Vec<Piece>, roles: &Roles) -> Vec<Piece> {
    let mut opens: Vec<u32> = roles.conditions.iter().map(|(start, _)| *start).collect();
    let mut closes: Vec<u32> = roles.conditions.iter().map(|(_, end)| *end).collect();
    opens.sort_unstable_by(|a, b| b.cmp(a));
    closes.sort_unstable_by(|a, b| b.cmp(a));
    let mut result: Vec<Piece> = Vec::with_capacity(pieces.len() + 2 * opens.len());
    for mut piece in pieces {
        // In front of comments that come before what follows.
        while closes.last().is_some_and(|end| *end <= piece.start) {
            let end = closes.pop().unwrap_or_default();
            result.push(added(TokenKind::CloseParenthesis, ")", end));
        }
        while opens.last().is_some_and(|start| *start <= piece.start) {
            let start = opens.pop().unwrap_or_default();
            let newlines = std::mem::take(&mut piece.newlines);
            result.push(Piece { newlines, ..added(TokenKind::OpenParenthesis, "(", start) });
        }
        result.push(piece);
    }
    result
}

/// A semicolon stays where the next line would continue the statement. Between arms of a `switch`
/// on one line it becomes a comma.
fn drop_semicolons(pieces: Vec<Piece>, roles: &Roles) -> Vec<Piece> {
    let mut result: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut newlines = 0;
    for (index, piece) in pieces.iter().enumerate() {
        if piece.is_token(TokenKind::Semicolon) {
            let before = result.iter().rev().find(|it| !it.is_comment());
            let next = pieces[index + 1..].iter().find(|it| !it.is_comment());
            let begins_something = before.is_none_or(|it| {
                [TokenKind::OpenBrace, TokenKind::Semicolon, TokenKind::Comma].iter().any(|kind| it.is_token(*kind))
            });
            if !begins_something && next.is_some_and(|it| roles.arms.contains(&it.start) && it.newlines == 0) {
                result.push(Piece { newlines: 0, ..added(TokenKind::Comma, ",", piece.start) });
                continue;
            }
            if begins_something || !next.is_some_and(continues) {
                newlines += piece.newlines;
                continue;
            }
        }
        result.push(Piece { newlines: piece.newlines + std::mem::take(&mut newlines), ..piece.clone() });
    }
    result
}

/// Whether, as the first of its line, this continues what is before it (section 3).
fn continues(piece: &Piece) -> bool {
    let PieceKind::Token(kind) = piece.kind else { return false };
    matches!(
        kind,
        TokenKind::Dot | TokenKind::DotStar | TokenKind::DotQuestion | TokenKind::QuestionDot | TokenKind::Star
    ) || kind == TokenKind::Identifier && piece.text == b"as"
}

/// Whether an opening brace belongs to what is before it, so it is on that line.
pub fn is_attached(pieces: &[Piece], at: usize, roles: &Roles) -> bool {
    let before = pieces[..at].iter().rev().find(|piece| !piece.is_comment());
    let ends = |piece: &Piece| {
        let PieceKind::Token(kind) = piece.kind else { return false };
        !matches!(
            kind,
            TokenKind::OpenParenthesis
                | TokenKind::OpenBracket
                | TokenKind::OpenBrace
                | TokenKind::Comma
                | TokenKind::Semicolon
                | TokenKind::InterpolationStart
                | TokenKind::InterpolationMiddle
        )
    };
    pieces[at].is_token(TokenKind::OpenBrace) && !roles.starts.contains(&pieces[at].start) && before.is_some_and(ends)
}

/// An opening brace or comma after a comment and on another line goes in front of the comment.
fn move_behind_comments(pieces: &mut [Piece], roles: &Roles) {
    for at in 1..pieces.len() {
        let is_mover = pieces[at].is_token(TokenKind::Comma) || is_attached(pieces, at, roles);
        let first = pieces[..at].iter().rposition(|piece| !piece.is_comment()).map_or(0, |index| index + 1);
        if is_mover && first < at && first > 0 {
            let has_break = pieces[first..=at].iter().any(|piece| piece.newlines > 0);
            if has_break {
                pieces[first..=at].rotate_right(1);
                pieces[first].newlines = 0;
            }
        } else if is_mover {
            pieces[at].newlines = 0;
        }
    }
}
