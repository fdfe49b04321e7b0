//! Words in a line of text, as a shell separates and quotes them: for response files and for
//! `WASM2NATIVE_OPTIONS`.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Replaces `@FILE` by the words in FILE, up to `--`. What follows `run` is left alone: it may be
/// the program's.
pub fn expand(args: impl Iterator<Item = OsString>) -> Result<Vec<OsString>> {
    let mut expanded = Vec::new();
    let mut literal = false;
    for (position, arg) in args.enumerate() {
        literal |= (position == 1 && arg == "run") || arg == "--";
        match arg.as_bytes() {
            [b'@', file @ ..] if !literal && position > 0 => {
                let file = std::path::Path::new(std::ffi::OsStr::from_bytes(file));
                let name = file.display();
                let text = std::fs::read_to_string(file).with_context(|| format!("can't read response file {name}"))?;
                expanded.extend(split(&text).with_context(|| format!("response file {name}"))?);
            }
            // As in clang; the level itself must be attached.
            b"-O" if !literal => expanded.push("-O1".into()),
            _ => expanded.push(arg),
        }
    }
    Ok(expanded)
}

/// `word` so that [`split`] and a shell give it back as one word.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Whitespace separates words. Single quotes keep everything, double quotes all but `\` before `"`,
/// `\`; outside, `\` keeps the next character.
fn split(text: &str) -> Result<Vec<OsString>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('"'), '\\') if matches!(chars.peek(), Some('"' | '\\')) => {
                word.get_or_insert_default().extend(chars.next())
            }
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, _) if c.is_whitespace() => words.extend(word.take().map(OsString::from)),
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        bail!("a quote ({open}) is not closed");
    }
    words.extend(word.map(OsString::from));
    Ok(words)
}
