//! Dependency files: rules of make that name the files which an output was made of. make and ninja
//! read them; C compilers write them with `-MD`.

use anyhow::{Context, Result};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A rule: `targets` are made again when one of `files` changes.
///
/// # Errors
/// When a name holds a line break: make has no way to write it.
pub fn write<'a>(targets: impl Iterator<Item = &'a Path>, files: impl Iterator<Item = &'a Path>) -> Result<Vec<u8>> {
    let targets = targets.map(escape).collect::<Result<Vec<_>>>()?.join(&b' ');
    let mut rule = [targets, b":".to_vec()].concat();
    for file in files {
        rule.extend(b" \\\n  ");
        rule.extend(escape(file)?);
    }
    rule.push(b'\n');
    Ok(rule)
}

/// The files that a rule names after its targets. Reads what GCC and clang write.
pub fn read(rule: &[u8]) -> Vec<PathBuf> {
    let Some(targets) = rule.windows(2).position(|it| it[0] == b':' && it[1].is_ascii_whitespace()) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    let mut name = Vec::new();
    let mut bytes = rule[targets + 1..].iter().copied().chain([b' ']).peekable();
    while let Some(byte) = bytes.next() {
        match (byte, bytes.peek()) {
            (b'\\', Some(b'\n')) => {}
            (b'\\', Some(&(b' ' | b'#'))) | (b'$', Some(b'$')) => name.extend(bytes.next()),
            (byte, _) if byte.is_ascii_whitespace() => {
                if !name.is_empty() {
                    files.push(OsString::from_vec(std::mem::take(&mut name)).into());
                }
            }
            (byte, _) => name.push(byte),
        }
    }
    files
}

/// A name as make reads it: a space, a tab and `#` follow a backslash, `$` is doubled. Backslashes
/// before a space are doubled, others stand for themselves (GNU make manual, "Rule Syntax").
fn escape(name: &Path) -> Result<Vec<u8>> {
    let bytes = name.as_os_str().as_bytes();
    if bytes.contains(&b'\n') {
        let shown = OsStr::display(name.as_os_str()).to_string().escape_debug().to_string();
        return Err(anyhow::anyhow!("{shown} has a line break in its name")).context("can't write a dependency file");
    }
    let mut escaped = Vec::with_capacity(bytes.len());
    let mut n_backslashes = 0;
    for &byte in bytes {
        match byte {
            b' ' | b'\t' | b'#' => escaped.extend(std::iter::repeat_n(b'\\', n_backslashes + 1)),
            b'$' => escaped.push(b'$'),
            _ => {}
        }
        n_backslashes = if byte == b'\\' { n_backslashes + 1 } else { 0 };
        escaped.push(byte);
    }
    Ok(escaped)
}
