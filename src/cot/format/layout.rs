//! Where lines break, how far they are indented, and where spaces are.

use std::collections::{HashMap, HashSet};

use crate::cot::format::pieces::{Piece, PieceKind};
use crate::cot::format::roles::{Body, Lines, Roles};
use crate::cot::token::TokenKind;

const INDENT: &str = "    ";

/// How something is placed beside its neighbors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// Names, literals, keywords.
    Word,
    /// A space on both sides.
    Infix,
    /// Directly before its operand.
    Prefix,
    /// Directly between its neighbors.
    Tight,
    /// Directly after the piece before it; a space follows.
    Suffix,
    Open,
    Close,
    OpenBrace,
    CloseBrace,
}

/// A bracket that is open.
struct Level {
    kind: TokenKind,
    /// Of lines inside of it, and of the line that begins with its partner.
    inner: usize,
    outer: usize,
}

pub fn lay_out(pieces: &[Piece], roles: &Roles) -> Vec<u8> {
    let breaks = broken(pieces, roles);
    let mut layout =
        Formatter { pieces, roles, breaks, levels: Vec::new(), indent: 0, in_capture: false, out: Vec::new() };
    let mut before: Option<(usize, Side)> = None;
    for (at, piece) in pieces.iter().enumerate() {
        let side = layout.side(at);
        layout.separate(before, at, side);
        layout.out.extend(&piece.text);
        layout.enter(at);
        before = Some((at, side));
    }
    if !layout.out.is_empty() {
        layout.out.push(b'\n');
    }
    layout.out
}

/// Offsets of what begins a line in any case: declarations, items and closing braces of bodies that
/// lie on several lines.
fn broken(pieces: &[Piece], roles: &Roles) -> HashSet<u32> {
    let tokens = pieces.iter().enumerate().filter(|(_, piece)| !piece.is_comment() && !piece.is_added);
    let places: HashMap<u32, usize> = tokens.map(|(index, piece)| (piece.start, index)).collect();
    // How many line breaks there are up to a piece.
    let mut n_breaks = vec![0; pieces.len()];
    for at in 1..pieces.len() {
        let is_first = pieces[at].newlines > 0 || pieces[at - 1].kind == PieceKind::LineComment;
        n_breaks[at] = n_breaks[at - 1] + usize::from(is_first);
    }
    let has_break = |body: &Body| match (places.get(&body.open), places.get(&body.close)) {
        (Some(open), Some(close)) => n_breaks[*open] < n_breaks[*close],
        _ => false,
    };
    let is_broken = |body: &Body| match body.lines {
        Lines::Always => true,
        Lines::AsWritten => !body.items.is_empty() && has_break(body),
        Lines::IfNeeded => false,
    };
    let mut is_broken: Vec<bool> = roles.bodies.iter().map(is_broken).collect();
    // What holds something broken is broken itself. Bodies are sorted by their beginning: those
    // inside come later.
    let holders = holders(&roles.bodies);
    for inner in (0..roles.bodies.len()).rev() {
        if let (true, Some(outer)) = (is_broken[inner], holders[inner]) {
            is_broken[outer] = true;
        }
    }
    let bodies = roles.bodies.iter().zip(is_broken).filter(|(_, is)| *is).map(|(body, _)| body);
    let places = bodies.flat_map(|body| body.items.iter().copied().chain([body.close]));
    places.chain(roles.declarations.iter().copied()).collect()
}

/// Of each body the one that it lies in.
fn holders(bodies: &[Body]) -> Vec<Option<usize>> {
    let mut open: Vec<usize> = Vec::new();
    let mut holders = Vec::with_capacity(bodies.len());
    for (index, body) in bodies.iter().enumerate() {
        while open.last().is_some_and(|last| bodies[*last].close < body.open) {
            open.pop();
        }
        holders.push(open.last().copied());
        open.push(index);
    }
    holders
}

struct Formatter<'a> {
    pieces: &'a [Piece],
    roles: &'a Roles,
    breaks: HashSet<u32>,
    levels: Vec<Level>,
    /// Of the line that is being written.
    indent: usize,
    /// Behind the first `|` of a capture.
    in_capture: bool,
    out: Vec<u8>,
}

impl Formatter<'_> {
    fn token(&self, at: usize) -> Option<TokenKind> {
        match self.pieces.get(at)?.kind {
            PieceKind::Token(kind) => Some(kind),
            _ => None,
        }
    }

    /// The token before, over comments.
    fn token_before(&self, at: usize) -> Option<TokenKind> {
        (0..at).rev().find_map(|index| self.token(index))
    }

    fn side(&self, at: usize) -> Side {
        let Some(kind) = self.token(at) else { return Side::Word };
        let start = self.pieces[at].start;
        match kind {
            TokenKind::OpenParenthesis | TokenKind::OpenBracket => Side::Open,
            TokenKind::CloseParenthesis | TokenKind::CloseBracket => Side::Close,
            TokenKind::OpenBrace => Side::OpenBrace,
            TokenKind::CloseBrace => Side::CloseBrace,
            TokenKind::InterpolationStart => Side::Prefix,
            TokenKind::InterpolationMiddle => Side::Tight,
            TokenKind::InterpolationEnd => Side::Suffix,
            TokenKind::Comma | TokenKind::Semicolon => Side::Suffix,
            TokenKind::Dot if self.is_prefix_dot(at) => Side::Prefix,
            TokenKind::Dot | TokenKind::DotDot | TokenKind::QuestionDot => Side::Tight,
            TokenKind::DotStar | TokenKind::DotQuestion => Side::Close,
            TokenKind::Colon => self.side_of_colon(at),
            TokenKind::Pipe if !self.roles.infix.contains(&start) => {
                if self.in_capture {
                    Side::Suffix
                } else {
                    Side::Prefix
                }
            }
            TokenKind::Bang if self.roles.set_bangs.contains(&start) => Side::Tight,
            TokenKind::Bang | TokenKind::Tilde | TokenKind::Question | TokenKind::QuestionQuestion | TokenKind::At => {
                Side::Prefix
            }
            TokenKind::Minus | TokenKind::Star | TokenKind::Ampersand if !self.roles.infix.contains(&start) => {
                Side::Prefix
            }
            kind if is_word(kind) => Side::Word,
            _ => Side::Infix,
        }
    }

    fn is_prefix_dot(&self, at: usize) -> bool {
        let begins_field = matches!(self.token_before(at), None | Some(TokenKind::OpenBrace | TokenKind::Comma));
        begins_field
            || self.token(at + 1) == Some(TokenKind::OpenBrace)
            || self.roles.prefix_dots.contains(&self.pieces[at].start)
    }

    fn side_of_colon(&self, at: usize) -> Side {
        if self.levels.last().is_some_and(|level| level.kind == TokenKind::OpenBracket) {
            return Side::Tight;
        }
        if matches!(self.token_before(at), Some(TokenKind::Break | TokenKind::Continue)) {
            return Side::Prefix;
        }
        let next = self.pieces[at + 1..].iter().find(|piece| !piece.is_comment());
        let is_step = next.is_some_and(|piece| self.roles.steps.contains(&piece.start) && !piece.is_added);
        if is_step { Side::Infix } else { Side::Suffix }
    }

    /// Writes what stands between a piece and the one before: line breaks and the indent, a space,
    /// or nothing.
    fn separate(&mut self, before: Option<(usize, Side)>, at: usize, side: Side) {
        let Some((previous, previous_side)) = before else { return };
        let n_breaks = self.breaks_between(previous, at);
        if n_breaks > 0 {
            self.out.extend(std::iter::repeat_n(b'\n', n_breaks));
            self.indent = self.indent_of(at);
            self.out.extend(INDENT.repeat(self.indent).bytes());
        } else if self.has_space(previous, previous_side, at, side) {
            self.out.push(b' ');
        }
    }

    /// 2 leaves a blank line.
    fn breaks_between(&self, previous: usize, at: usize) -> usize {
        let (before, piece) = (&self.pieces[previous], &self.pieces[at]);
        let inside = |kind| matches!(kind, Some(TokenKind::InterpolationStart | TokenKind::InterpolationMiddle));
        let closes_string =
            matches!(self.token(at), Some(TokenKind::InterpolationMiddle | TokenKind::InterpolationEnd));
        let opens = matches!(
            self.token(previous),
            Some(TokenKind::OpenBrace | TokenKind::OpenParenthesis | TokenKind::OpenBracket)
        );
        let closes = matches!(
            self.token(at),
            Some(TokenKind::CloseBrace | TokenKind::CloseParenthesis | TokenKind::CloseBracket)
        );
        // As an arm, `else` belongs to nothing before it.
        let follows_brace = before.is_token(TokenKind::CloseBrace)
            && piece.is_token(TokenKind::Else)
            && !self.roles.arms.contains(&piece.start);
        let stays = piece.is_token(TokenKind::Comma)
            || piece.is_token(TokenKind::Semicolon)
            || follows_brace
            || before.is_token(TokenKind::OpenBrace) && piece.is_token(TokenKind::CloseBrace)
            || inside(self.token(previous))
            || closes_string;
        let least = usize::from(
            before.kind == PieceKind::LineComment || !stays && !piece.is_added && self.breaks.contains(&piece.start),
        );
        if stays {
            return least;
        }
        let most = if opens || closes { 1 } else { 2 };
        piece.newlines.min(most).max(least)
    }

    /// Of a line that begins with this piece.
    fn indent_of(&self, at: usize) -> usize {
        let Some(level) = self.levels.last() else {
            return usize::from(self.continues(at));
        };
        match self.token(at) {
            Some(TokenKind::CloseBrace | TokenKind::CloseParenthesis | TokenKind::CloseBracket) => level.outer,
            _ => level.inner + usize::from(self.continues(at)),
        }
    }

    /// Whether a line that begins with this piece belongs to something that began before.
    fn continues(&self, at: usize) -> bool {
        if self.pieces[at].is_comment() || self.token(at) == Some(TokenKind::Else) {
            return false;
        }
        let is_item = matches!(
            self.token_before(at),
            None | Some(
                TokenKind::Comma
                    | TokenKind::Semicolon
                    | TokenKind::OpenBrace
                    | TokenKind::OpenParenthesis
                    | TokenKind::OpenBracket
            )
        );
        !is_item && !self.roles.starts.contains(&self.pieces[at].start)
    }

    fn has_space(&self, previous: usize, before: Side, at: usize, side: Side) -> bool {
        if self.pieces[previous].is_comment() || self.pieces[at].is_comment() {
            return !matches!(before, Side::Open) && !matches!(side, Side::Close);
        }
        // A number and a dot are a float, unless the number is an index directly after another
        // dot.
        if self.token(previous) == Some(TokenKind::Integer) && self.token(at) == Some(TokenKind::Dot) {
            return !self.out[..self.out.len() - self.pieces[previous].text.len()].ends_with(b".");
        }
        let start = self.pieces[at].start;
        if self.roles.spaced.contains(&start) && !self.pieces[at].is_added {
            return true;
        }
        // Two of them would be one operator.
        let is_and = self.pieces[previous].text == b"&" && self.pieces[at].text == b"&";
        if is_and || before == Side::Infix || side == Side::Infix {
            return true;
        }
        match (before, side) {
            (Side::Open | Side::Prefix | Side::Tight, _) | (_, Side::Close | Side::Suffix | Side::Tight) => false,
            (Side::OpenBrace, Side::CloseBrace) => false,
            (Side::Close, _) if self.roles.elements.contains(&start) && !self.pieces[at].is_added => false,
            (Side::Word | Side::Close, Side::Open) => !self.takes_brackets(previous),
            _ => true,
        }
    }

    /// Whether a bracket after this belongs to it: a call, an index, parameters.
    fn takes_brackets(&self, at: usize) -> bool {
        let Some(kind) = self.token(at) else { return false };
        match kind {
            TokenKind::Fn | TokenKind::Enum => true,
            TokenKind::Identifier => self.pieces[at].text != b"as",
            kind => !kind.is_keyword() || is_type(kind),
        }
    }

    fn enter(&mut self, at: usize) {
        let Some(kind) = self.token(at) else { return };
        match kind {
            TokenKind::OpenBrace | TokenKind::OpenParenthesis | TokenKind::OpenBracket => {
                self.levels.push(Level { kind, inner: self.indent + 1, outer: self.indent });
            }
            TokenKind::CloseBrace | TokenKind::CloseParenthesis | TokenKind::CloseBracket => {
                self.levels.pop();
            }
            TokenKind::Pipe if !self.roles.infix.contains(&self.pieces[at].start) => self.in_capture = !self.in_capture,
            _ => {}
        }
    }
}

fn is_word(kind: TokenKind) -> bool {
    let others = [
        TokenKind::Identifier,
        TokenKind::Builtin,
        TokenKind::Integer,
        TokenKind::Float,
        TokenKind::Character,
        TokenKind::String,
    ];
    kind.is_keyword() || others.contains(&kind)
}

fn is_type(kind: TokenKind) -> bool {
    use TokenKind::{
        BoolType, ByteType, F32, F64, FloatType, I8, I16, I32, I64, IntType, NoreturnType, StringType, U8, U16, U32,
        U64, VoidType,
    };
    let types = [
        IntType,
        FloatType,
        BoolType,
        StringType,
        ByteType,
        VoidType,
        NoreturnType,
        I8,
        I16,
        I32,
        I64,
        U8,
        U16,
        U32,
        U64,
        F32,
        F64,
    ];
    types.contains(&kind)
}
