//! Words in a line of text, as a shell separates and quotes them: `WASM2NATIVE_OPTIONS`, response
//! files, directives of tests.

use core::fmt;

/// A piece of the result of [`split`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    Byte(u8),
    /// The word ends. An empty word has no bytes.
    End,
}

/// The text ends within quotes, which this mark opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclosed(pub u8);

impl fmt::Display for Unclosed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "a quote ({}) is not closed", char::from(self.0))
    }
}

impl std::error::Error for Unclosed {}

/// White space separates words. Single quotes keep everything, double quotes all but `\` before `"`
/// and `\`. Outside of quotes, `\` keeps the next byte. There are at most as many pieces as twice
/// the text's bytes and one more. Nothing is allocated.
///
/// # Errors
/// When the text ends within quotes.
pub fn split(text: &[u8], mut put: impl FnMut(Piece)) -> Result<(), Unclosed> {
    let mut quote = None;
    let mut in_word = false;
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let kept = match (quote, byte) {
            (Some(open), _) if byte == open => {
                quote = None;
                continue;
            }
            (Some(b'"'), b'\\') => bytes.next_if(|next| matches!(next, b'"' | b'\\')).unwrap_or(byte),
            (Some(_), _) => byte,
            (None, b'"' | b'\'') => {
                (quote, in_word) = (Some(byte), true);
                continue;
            }
            (None, b'\\') => bytes.next().unwrap_or(byte),
            (None, _) if byte.is_ascii_whitespace() => {
                if in_word {
                    put(Piece::End);
                }
                in_word = false;
                continue;
            }
            (None, _) => byte,
        };
        in_word = true;
        put(Piece::Byte(kept));
    }
    if in_word {
        put(Piece::End);
    }
    quote.map_or(Ok(()), |open| Err(Unclosed(open)))
}

/// Bytes of the character at the beginning of a text, if a terminal obeys it or it turns the line
/// around; else 0.
pub const fn obeyed(text: &[u8]) -> usize {
    match text {
        [0xc2, 0x80..=0x9f, ..] => 2,
        [0xe2, 0x80, 0x8e..=0x8f | 0xaa..=0xae, ..] | [0xe2, 0x81, 0xa6..=0xa9, ..] => 3,
        [0..b' ' | 0x7f, ..] => 1,
        _ => 0,
    }
}

/// The words of a text.
///
/// # Errors
/// As [`split`].
pub fn list(text: &str) -> Result<Vec<String>, Unclosed> {
    let mut words = Vec::new();
    let mut word = Vec::new();
    split(text.as_bytes(), |piece| match piece {
        Piece::Byte(byte) => word.push(byte),
        // Words end at ASCII, so that no character is cut.
        Piece::End => words.push(String::from_utf8_lossy(&core::mem::take(&mut word)).into_owned()),
    })?;
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::{Unclosed, list};

    #[test]
    fn words_are_those_of_a_shell() {
        let cases: [(&str, &[&str]); 10] = [
            ("", &[]),
            (" \t\n", &[]),
            ("a b\tc\n", &["a", "b", "c"]),
            ("'' a \"\"", &["", "a", ""]),
            ("a'b c'd", &["ab cd"]),
            (r#""a\"b\\c\d""#, &[r#"a"b\c\d"#]),
            (r"'a\b'", &[r"a\b"]),
            (r"a\ b \'c", &["a b", "'c"]),
            (r"end\", &[r"end\"]),
            (r"ä\ö 'ü'", &["äö", "ü"]),
        ];
        for (text, words) in cases {
            assert_eq!(
                list(text).as_deref(),
                Ok(&*words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()),
                "{text}"
            );
        }
        assert_eq!(list("a \"b"), Err(Unclosed(b'"')));
        assert_eq!(list("'"), Err(Unclosed(b'\'')));
    }
}
