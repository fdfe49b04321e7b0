//! Tokens: kind, place, and whether a line break comes before. Their text is in the source.

use crate::cot::source::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub span: Span,
    /// First on its line; section 3 rests on it.
    pub newline_before: bool,
}

macro_rules! token_kinds {
    (keywords { $($keyword:ident $keyword_text:literal)* } symbols { $($symbol:ident $symbol_text:literal)* }) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum TokenKind {
            EndOfFile,
            /// A name; also `@"any text"`.
            Identifier,
            /// `@name`
            Builtin,
            Integer,
            Float,
            Character,
            /// A string without interpolation, with its quotes.
            String,
            /// From the quote to the first `${`.
            InterpolationStart,
            /// From the `}` to the next `${`.
            InterpolationMiddle,
            /// From the `}` to the closing quote.
            InterpolationEnd,
            $($keyword,)*
            $($symbol,)*
        }

        /// All keywords, as they are written.
        pub const KEYWORDS: &[&str] = &[$($keyword_text),*];

        impl TokenKind {
            /// The keyword with this text.
            pub fn keyword(text: &[u8]) -> Option<TokenKind> {
                match std::str::from_utf8(text).ok()? {
                    $($keyword_text => Some(TokenKind::$keyword),)*
                    _ => None,
                }
            }

            pub fn is_keyword(self) -> bool {
                matches!(self, $(TokenKind::$keyword)|*)
            }

            /// As messages call it.
            pub fn describe(self) -> &'static str {
                match self {
                    TokenKind::EndOfFile => "end of file",
                    TokenKind::Identifier => "identifier",
                    TokenKind::Builtin => "builtin name",
                    TokenKind::Integer | TokenKind::Float => "number",
                    TokenKind::Character => "character literal",
                    TokenKind::String | TokenKind::InterpolationStart => "string",
                    TokenKind::InterpolationMiddle | TokenKind::InterpolationEnd => "rest of the string",
                    $(TokenKind::$keyword => concat!("'", $keyword_text, "'"),)*
                    $(TokenKind::$symbol => concat!("'", $symbol_text, "'"),)*
                }
            }
        }
    };
}

token_kinds! {
    keywords {
        Fn "fn" Var "var" Let "let" Const "const" Struct "struct" Impl "impl" Trait "trait" Where "where" Enum "enum"
        Union "union" Type "type" Import "import" Extern "extern" Test "test" Bench "bench" If "if" Else "else"
        Switch "switch" While "while" For "for" In "in" Return "return" Break "break" Continue "continue"
        Defer "defer" Errdefer "errdefer" Try "try" Catch "catch" Orelse "orelse" Error "error" True "true"
        False "false" Null "null" New "new" Undefined "undefined" Comptime "comptime" Async "async" Await "await"
        Inline "inline" Unreachable "unreachable" Packed "packed" Weak "weak" Static "static" And "and" Or "or"
        Not "not" IntType "int" FloatType "float" BoolType "bool" StringType "string" ByteType "byte" VoidType "void"
        NoreturnType "noreturn" I8 "i8" I16 "i16" I32 "i32" I64 "i64" U8 "u8" U16 "u16" U32 "u32" U64 "u64"
        F32 "f32" F64 "f64"
    }
    symbols {
        Plus "+" Minus "-" Star "*" Slash "/" Percent "%" PlusPlus "++" Ampersand "&" Pipe "|" Caret "^" Tilde "~"
        ShiftLeft "<<" ShiftRight ">>" AndAnd "&&" OrOr "||" Bang "!" EqualEqual "==" NotEqual "!=" Less "<"
        LessEqual "<=" Greater ">" GreaterEqual ">=" Equal "=" PlusEqual "+=" MinusEqual "-=" StarEqual "*="
        SlashEqual "/=" PercentEqual "%=" AmpersandEqual "&=" PipeEqual "|=" CaretEqual "^=" Arrow "->"
        FatArrow "=>" Dot "." DotDot ".." DotStar ".*" DotQuestion ".?" QuestionDot "?." QuestionQuestion "??"
        Question "?" At "@"
        OpenParenthesis "(" CloseParenthesis ")" OpenBracket "[" CloseBracket "]" OpenBrace "{" CloseBrace "}"
        Comma "," Colon ":" Semicolon ";"
    }
}

/// A comment, which no token is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment {
    pub span: Span,
    /// `///`: belongs to the declaration or field that follows.
    pub is_doc: bool,
}
