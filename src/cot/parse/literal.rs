//! Values of literal tokens, and interpolated strings.

use std::rc::Rc;

use crate::cot::ast::{Expr, ExprKind, Part};
use crate::cot::parse::{GROUP, Parser};
use crate::cot::scan;
use crate::cot::token::{Token, TokenKind};

impl Parser<'_> {
    /// Content of a string token without its quotes, escapes replaced.
    pub(super) fn string_content(&self, token: Token) -> Vec<u8> {
        let text = self.text(token.span);
        let text = text.get(1..).unwrap_or_default();
        scan::string_value(strip_quote(text))
    }

    /// A number, character, or plain string.
    pub(super) fn literal(&mut self) -> Expr {
        let token = self.advance();
        let text = self.text(token.span);
        let kind = match token.kind {
            TokenKind::Integer => scan::integer_value(text).map_or(ExprKind::Erroneous, ExprKind::Integer),
            TokenKind::Float => scan::float_value(text).map_or(ExprKind::Erroneous, ExprKind::Float),
            TokenKind::Character => {
                let text = text.get(1..text.len().max(2) - 1).unwrap_or_default();
                scan::string_value(text).first().map_or(ExprKind::Erroneous, |byte| ExprKind::Character(*byte))
            }
            _ => ExprKind::String(self.string_content(token).into()),
        };
        self.expr(kind, token.span)
    }

    /// `interpolated = InterpolationStart expr { InterpolationMiddle expr } InterpolationEnd`
    pub(super) fn interpolation(&mut self) -> Expr {
        let start = self.token().span;
        let mut parts = Vec::new();
        loop {
            let token = self.advance();
            let text = self.text(token.span);
            let is_last = token.kind == TokenKind::InterpolationEnd;
            let text = text.get(1..).unwrap_or_default();
            let text = if is_last { strip_quote(text) } else { text.strip_suffix(b"${").unwrap_or(text) };
            if !text.is_empty() {
                parts.push(Part::Text(Rc::from(scan::string_value(text))));
            }
            if is_last {
                break;
            }
            parts.push(Part::Expr(self.within(GROUP, |it| it.expression())));
            if !matches!(self.kind(), TokenKind::InterpolationMiddle | TokenKind::InterpolationEnd) {
                self.want(TokenKind::CloseBrace);
                self.skip_to_rest_of_string();
            }
            if !matches!(self.kind(), TokenKind::InterpolationMiddle | TokenKind::InterpolationEnd) {
                break;
            }
        }
        self.expr(ExprKind::Interpolation(parts), start)
    }

    /// After an error inside `${…}`. The scanner closes every string that it opens.
    fn skip_to_rest_of_string(&mut self) {
        let mut depth = 0;
        while !self.at_kind(TokenKind::EndOfFile) {
            match self.kind() {
                TokenKind::InterpolationStart => depth += 1,
                TokenKind::InterpolationEnd | TokenKind::InterpolationMiddle if depth == 0 => return,
                TokenKind::InterpolationEnd => depth -= 1,
                _ => {}
            }
            self.advance();
        }
    }
}

/// Without the closing quote, which is missing from a string that was reported as open.
fn strip_quote(text: &[u8]) -> &[u8] {
    let before = text.strip_suffix(b"\"");
    // A quote after an odd number of backslashes does not close.
    before.filter(|it| it.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0).unwrap_or(text)
}
