//! What an error has besides its text: a [`Code`] that `--explain` knows, and an
//! [`Excerpt`] of the lines that it is about. Both are errors in the chain of
//! causes, and whoever prints the chain looks for them there. [`shown`] makes names fit to print.

pub mod code;
pub mod demangle;
pub mod excerpt;

use crate::abi::words::obeyed;
use code::Code;
use excerpt::Excerpt;
use std::fmt;

/// An error of a kind that `--explain` knows.
#[derive(Debug)]
pub struct Coded {
    pub code: Code,
    message: String,
}

impl Coded {
    pub fn new(code: Code, message: impl Into<String>) -> Coded {
        Coded { code, message: message.into() }
    }
}

impl std::error::Error for Coded {}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// An error at a place whose lines can be shown.
#[derive(Debug)]
pub struct Located {
    pub excerpt: Excerpt,
    message: String,
}

impl Located {
    pub fn new(excerpt: Excerpt, message: impl Into<String>) -> Located {
        Located { excerpt, message: message.into() }
    }
}

impl std::error::Error for Located {}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A name as messages show it: what a terminal would obey is escaped, such as `\u{1b}`.
pub fn shown(name: &str) -> String {
    escape(name, |_| false)
}

/// Text as messages show it: as [`shown`], and lines and tabs stay.
pub fn shown_lines(text: &str) -> String {
    escape(text, |c| matches!(c, '\n' | '\t'))
}

fn escape(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match obeyed(rest.as_bytes()) {
            1.. if !is_kept(first) => shown.extend(first.escape_default()),
            _ => shown.push(first),
        }
        rest = &rest[first.len_utf8()..];
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{shown, shown_lines};

    #[test]
    fn what_terminals_obey_is_escaped() {
        assert_eq!(shown("a\u{1b}[31m\n\u{9b}\u{202e}é"), "a\\u{1b}[31m\\n\\u{9b}\\u{202e}é");
        assert_eq!(shown_lines("a\n\t\u{1b}"), "a\n\t\\u{1b}");
        assert_eq!(shown("`std::vec<int>` \"'\\"), "`std::vec<int>` \"'\\");
    }
}
