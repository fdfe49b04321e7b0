//! Arguments of the command line: response files, and words as they are shown to be typed.

use crate::spellings;
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use wasm2native::abi::words;

/// Replaces `@FILE` by the words in FILE, and flags as C compilers spell them by ours, up to `--`.
/// Words after `run` are left unchanged, because they may belong to the program.
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
                let words = words::list(&text).with_context(|| format!("response file {name}"))?;
                for word in words {
                    expanded.extend(spellings::understand(word.into())?);
                }
            }
            b"-MD" if !literal => expanded.push("--depfile".into()),
            b"-MF" if !literal => expanded.push("--depfile-name".into()),
            [b'-', b'M', b'F', file @ ..] if !literal => {
                expanded.extend(["--depfile-name".into(), OsString::from_vec(file.to_vec())]);
            }
            _ if !literal => expanded.extend(spellings::understand(arg)?),
            _ => expanded.push(arg),
        }
    }
    Ok(expanded)
}

/// Quotes `word` so that [`words::split`] and a shell read it back as one word.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}
