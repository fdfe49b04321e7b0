//! Bytes to tokens (section 1). Never fails: what is wrong becomes a diagnostic and the nearest
//! token, and scanning goes on.
//!
//! The last token is the end of the file. Literals are checked here, so reading their values
//! ([`string_value`], …) can't fail later.

use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::source::{FileId, Source, Span};
use crate::cot::token::{Comment, Token, TokenKind};

pub struct Scanned {
    pub tokens: Vec<Token>,
    pub comments: Vec<Comment>,
    pub diagnostics: Vec<Diagnostic>,
}

pub fn scan(file: FileId, source: &Source) -> Scanned {
    let scanned = Scanned { tokens: Vec::new(), comments: Vec::new(), diagnostics: Vec::new() };
    let mut scanner =
        Scanner { file, bytes: &source.bytes, at: 0, newline_before: true, interpolations: Vec::new(), out: scanned };
    // Some editors mark files as UTF-8 so.
    if scanner.bytes.starts_with(b"\xEF\xBB\xBF") {
        scanner.at = 3;
    }
    while scanner.next_token() {}
    scanner.out
}

/// An interpolated string whose expression is being scanned.
struct Interpolation {
    /// Of its opening quote.
    start: usize,
    /// Braces that are open inside the expression.
    braces: usize,
}

struct Scanner<'a> {
    file: FileId,
    bytes: &'a [u8],
    at: usize,
    newline_before: bool,
    interpolations: Vec<Interpolation>,
    out: Scanned,
}

impl Scanner<'_> {
    /// False when the file has ended.
    fn next_token(&mut self) -> bool {
        self.skip_space();
        let start = self.at;
        let Some(byte) = self.peek(0) else {
            if let Some(open) = self.interpolations.pop() {
                self.interpolations.clear();
                self.report(Code::UnterminatedString, open.start, "this string is never closed");
                self.push(TokenKind::InterpolationEnd, start);
            }
            self.push(TokenKind::EndOfFile, start);
            return false;
        };
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
            b'0'..=b'9' => self.number(),
            b'"' => self.string(start, TokenKind::String, TokenKind::InterpolationStart),
            b'\'' => self.character(),
            b'@' => self.at_sign(),
            _ => self.symbol(),
        }
        true
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn span(&self, start: usize) -> Span {
        Span { file: self.file, start: start as u32, end: self.at as u32 }
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        let newline_before = std::mem::take(&mut self.newline_before);
        self.out.tokens.push(Token { kind, span: self.span(start), newline_before });
    }

    fn report(&mut self, code: Code, start: usize, message: impl Into<String>) {
        self.out.diagnostics.push(Diagnostic::new(code, self.span(start), message));
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'\n', _) => {
                    self.newline_before = true;
                    self.at += 1;
                }
                (b' ' | b'\t' | b'\r', _) => self.at += 1,
                (b'/', Some(b'/')) => self.line_comment(),
                (b'/', Some(b'*')) => self.block_comment(),
                _ => return,
            }
        }
    }

    fn line_comment(&mut self) {
        let start = self.at;
        let rest = &self.bytes[start..];
        self.at += rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let is_doc = self.newline_before && rest.starts_with(b"///") && !rest.starts_with(b"////");
        self.out.comments.push(Comment { span: self.span(start), is_doc });
    }

    fn block_comment(&mut self) {
        let start = self.at;
        let rest = &self.bytes[start + 2..];
        let length = rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |at| at + 2);
        self.newline_before |= rest[..length].contains(&b'\n');
        self.at += 2 + length;
        self.out.comments.push(Comment { span: self.span(start), is_doc: false });
    }

    fn skip_while(&mut self, is_part: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&is_part) {
            self.at += 1;
        }
    }

    fn word(&mut self) {
        let start = self.at;
        self.skip_while(is_word);
        if self.foreign_letter().is_some() {
            return self.foreign_word(start);
        }
        let kind = TokenKind::keyword(&self.bytes[start..self.at]).unwrap_or(TokenKind::Identifier);
        self.push(kind, start);
    }

    /// The letter that is not ASCII at the next byte.
    fn foreign_letter(&self) -> Option<char> {
        let bytes = &self.bytes[self.at..self.bytes.len().min(self.at + 4)];
        let first = bytes.utf8_chunks().next()?.valid().chars().next()?;
        (!first.is_ascii() && first.is_alphanumeric()).then_some(first)
    }

    /// A name with letters that names can't have.
    fn foreign_word(&mut self, start: usize) {
        loop {
            self.skip_while(is_word);
            let Some(letter) = self.foreign_letter() else { break };
            self.at += letter.len_utf8();
        }
        let message = "names are made of ASCII letters, digits and '_'; any other text is a name as @\"text\"";
        self.report(Code::UnexpectedCharacter, start, message);
        self.push(TokenKind::Identifier, start);
    }

    fn at_sign(&mut self) {
        let start = self.at;
        self.at += 1;
        match self.peek(0) {
            Some(b'"') => {
                self.at += 1;
                self.skip_while(|byte| byte != b'"' && byte != b'\n');
                if self.peek(0) == Some(b'"') {
                    self.at += 1;
                } else {
                    self.report(Code::UnterminatedString, start, "this name is not closed on its line");
                }
                self.push(TokenKind::Identifier, start);
            }
            Some(byte) if is_word(byte) => {
                self.skip_while(is_word);
                self.push(TokenKind::Builtin, start);
            }
            _ => {
                self.report(Code::UnexpectedCharacter, start, "'@' must be followed by a name");
                self.push(TokenKind::At, start);
            }
        }
    }

    fn number(&mut self) {
        let start = self.at;
        // `t.0.1` is two indexes.
        let is_index = self.out.tokens.last().is_some_and(|token| token.kind == TokenKind::Dot);
        if is_index {
            self.skip_while(|byte| byte.is_ascii_digit());
            return self.push(TokenKind::Integer, start);
        }
        let radix = match (self.peek(0), self.peek(1)) {
            (Some(b'0'), Some(b'x' | b'X')) => 16,
            (Some(b'0'), Some(b'o' | b'O')) => 8,
            (Some(b'0'), Some(b'b' | b'B')) => 2,
            _ => 10,
        };
        if radix != 10 {
            self.at += 2;
            self.skip_while(is_word);
            return self.finish_integer(start, radix);
        }
        self.skip_while(|byte| byte.is_ascii_digit() || byte == b'_');
        let mut is_float = false;
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') && !self.member_follows() {
            is_float = true;
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit() || byte == b'_');
        }
        let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
        if matches!(self.peek(0), Some(b'e' | b'E')) && self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
            is_float = true;
            self.at += 1 + sign;
            self.skip_while(|byte| byte.is_ascii_digit() || byte == b'_');
        }
        if self.peek(0).is_some_and(is_word) {
            self.skip_while(is_word);
            self.report(Code::Number, start, "a number can't be followed by letters");
            return self.push(if is_float { TokenKind::Float } else { TokenKind::Integer }, start);
        }
        if is_float {
            return self.push(TokenKind::Float, start);
        }
        self.finish_integer(start, 10);
    }

    /// `1.name`: the dot does not belong to the number.
    fn member_follows(&self) -> bool {
        let exponent = matches!(self.peek(1), Some(b'e' | b'E'))
            && self.peek(2).is_some_and(|byte| byte.is_ascii_digit() || byte == b'+' || byte == b'-');
        self.peek(1).is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_') && !exponent
    }

    fn finish_integer(&mut self, start: usize, radix: u32) {
        let digits = &self.bytes[start + if radix == 10 { 0 } else { 2 }..self.at];
        let wrong = digits.iter().find(|byte| **byte != b'_' && !(**byte as char).is_digit(radix)).copied();
        if let Some(wrong) = wrong {
            let message = format!("'{}' is not a digit of base {radix}", wrong as char);
            self.report(Code::Number, start, message);
        } else if digits.iter().all(|byte| *byte == b'_') {
            self.report(Code::Number, start, "digits are missing");
        } else if integer_value(&self.bytes[start..self.at]).is_none() {
            self.report(Code::Number, start, "this number is larger than 2^64 - 1");
        }
        self.push(TokenKind::Integer, start);
    }

    fn character(&mut self) {
        let start = self.at;
        self.at += 1;
        let mut length = 0;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\n' => break,
                b'\'' if length > 0 || self.peek(1) != Some(b'\'') => break,
                b'\\' => self.escape(),
                _ => self.at += 1,
            }
            length += 1;
        }
        if self.peek(0) != Some(b'\'') {
            self.report(Code::Character, start, "this character literal is not closed on its line");
        } else {
            self.at += 1;
            if length == 0 {
                self.report(Code::Character, start, "a character literal can't be empty");
            } else if length > 1 {
                self.report(Code::Character, start, "a character literal is one byte; use a string for more");
            }
        }
        self.push(TokenKind::Character, start);
    }

    /// At a backslash.
    fn escape(&mut self) {
        let start = self.at;
        self.at += 1;
        match self.peek(0) {
            None | Some(b'\n') => {}
            Some(b'x') => {
                self.at += 1;
                let digits =
                    (0..2).take_while(|at| self.peek(*at).is_some_and(|byte| byte.is_ascii_hexdigit())).count();
                self.at += digits;
                if digits < 2 {
                    self.report(Code::Escape, start, "'\\x' must be followed by two hexadecimal digits");
                }
            }
            Some(_) => self.at += 1,
        }
    }

    /// At an opening quote, or at the brace that ends an expression inside a string. `whole` ends
    /// it, `part` begins an expression.
    fn string(&mut self, string_start: usize, whole: TokenKind, part: TokenKind) {
        let start = self.at;
        self.at += 1;
        loop {
            match (self.peek(0), self.peek(1)) {
                (None | Some(b'\n'), _) => {
                    self.report(Code::UnterminatedString, start, "this string is not closed on its line");
                    if part == TokenKind::InterpolationMiddle {
                        self.interpolations.pop();
                    }
                    self.push(whole, start);
                    return self.close_interpolations();
                }
                (Some(b'"'), _) => {
                    self.at += 1;
                    if part == TokenKind::InterpolationMiddle {
                        self.interpolations.pop();
                    }
                    return self.push(whole, start);
                }
                (Some(b'$'), Some(b'{')) => {
                    self.at += 2;
                    if part == TokenKind::InterpolationStart {
                        self.interpolations.push(Interpolation { start: string_start, braces: 0 });
                    }
                    return self.push(part, start);
                }
                (Some(b'\\'), _) => self.escape(),
                _ => self.at += 1,
            }
        }
    }

    /// After a string that was not closed: those around it are not either.
    fn close_interpolations(&mut self) {
        while self.interpolations.pop().is_some() {
            self.push(TokenKind::InterpolationEnd, self.at);
        }
    }

    fn symbol(&mut self) {
        let start = self.at;
        if let Some(open) = self.interpolations.last_mut() {
            match self.bytes[start] {
                b'{' => open.braces += 1,
                b'}' if open.braces == 0 => {
                    let string_start = open.start;
                    return self.string(string_start, TokenKind::InterpolationEnd, TokenKind::InterpolationMiddle);
                }
                b'}' => open.braces -= 1,
                _ => {}
            }
        }
        let long = self.bytes.get(start..start + 2).and_then(symbol_of_two);
        let found = long.map(|kind| (kind, 2)).or_else(|| symbol_of_one(self.bytes[start]).map(|kind| (kind, 1)));
        if let Some((kind, length)) = found {
            self.at += length;
            return self.push(kind, start);
        }
        if self.foreign_letter().is_some() {
            return self.foreign_word(start);
        }
        let is_ascii = self.bytes[start].is_ascii();
        self.at += 1;
        if !is_ascii {
            self.skip_while(|byte| !byte.is_ascii());
        }
        let text = String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned();
        self.report(Code::UnexpectedCharacter, start, format!("{text:?} has no meaning here"));
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn symbol_of_two(bytes: &[u8]) -> Option<TokenKind> {
    Some(match bytes {
        b"++" => TokenKind::PlusPlus,
        b"<<" => TokenKind::ShiftLeft,
        b">>" => TokenKind::ShiftRight,
        b"&&" => TokenKind::AndAnd,
        b"||" => TokenKind::OrOr,
        b"==" => TokenKind::EqualEqual,
        b"!=" => TokenKind::NotEqual,
        b"<=" => TokenKind::LessEqual,
        b">=" => TokenKind::GreaterEqual,
        b"+=" => TokenKind::PlusEqual,
        b"-=" => TokenKind::MinusEqual,
        b"*=" => TokenKind::StarEqual,
        b"/=" => TokenKind::SlashEqual,
        b"%=" => TokenKind::PercentEqual,
        b"&=" => TokenKind::AmpersandEqual,
        b"|=" => TokenKind::PipeEqual,
        b"^=" => TokenKind::CaretEqual,
        b"->" => TokenKind::Arrow,
        b"=>" => TokenKind::FatArrow,
        b".." => TokenKind::DotDot,
        b".*" => TokenKind::DotStar,
        b".?" => TokenKind::DotQuestion,
        b"?." => TokenKind::QuestionDot,
        b"??" => TokenKind::QuestionQuestion,
        _ => return None,
    })
}

fn symbol_of_one(byte: u8) -> Option<TokenKind> {
    Some(match byte {
        b'+' => TokenKind::Plus,
        b'-' => TokenKind::Minus,
        b'*' => TokenKind::Star,
        b'/' => TokenKind::Slash,
        b'%' => TokenKind::Percent,
        b'&' => TokenKind::Ampersand,
        b'|' => TokenKind::Pipe,
        b'^' => TokenKind::Caret,
        b'~' => TokenKind::Tilde,
        b'!' => TokenKind::Bang,
        b'<' => TokenKind::Less,
        b'>' => TokenKind::Greater,
        b'=' => TokenKind::Equal,
        b'.' => TokenKind::Dot,
        b'?' => TokenKind::Question,
        b'(' => TokenKind::OpenParenthesis,
        b')' => TokenKind::CloseParenthesis,
        b'[' => TokenKind::OpenBracket,
        b']' => TokenKind::CloseBracket,
        b'{' => TokenKind::OpenBrace,
        b'}' => TokenKind::CloseBrace,
        b',' => TokenKind::Comma,
        b':' => TokenKind::Colon,
        b';' => TokenKind::Semicolon,
        _ => return None,
    })
}

/// The value of an integer token; none if it is larger than 2^64 - 1 or malformed (which the
/// scanner has reported).
pub fn integer_value(text: &[u8]) -> Option<u64> {
    let (digits, radix) = match text {
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        [b'0', b'o' | b'O', digits @ ..] => (digits, 8),
        [b'0', b'b' | b'B', digits @ ..] => (digits, 2),
        digits => (digits, 10),
    };
    digits.iter().filter(|byte| **byte != b'_').try_fold(0u64, |value, byte| {
        let digit = (*byte as char).to_digit(radix)?;
        value.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })
}

/// The value of a float token; none if it is malformed (which the scanner has reported).
pub fn float_value(text: &[u8]) -> Option<f64> {
    let text: String = text.iter().filter(|byte| **byte != b'_').map(|byte| *byte as char).collect();
    text.parse().ok()
}

/// What the characters between quotes (or braces of an interpolation) stand for: escapes replaced.
pub fn string_value(text: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            value.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => value.push(b'\n'),
            Some(b't') => value.push(b'\t'),
            Some(b'r') => value.push(b'\r'),
            Some(b'0') => value.push(0),
            Some(b'x') => {
                let mut digits = rest.clone();
                let digit = |byte: Option<u8>| byte.and_then(|byte| (byte as char).to_digit(16));
                if let (Some(high), Some(low)) = (digit(digits.next()), digit(digits.next())) {
                    value.push((high * 16 + low) as u8);
                    rest = digits;
                }
            }
            Some(other) => value.push(other),
            None => {}
        }
    }
    value
}
