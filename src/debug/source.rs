//! A module that says where it comes from: the one that its user gave, with DWARF added if it has
//! none.

use super::synthesis::{self, Sources};
use super::{source_map, text};
use crate::wasm::input::Input;
use crate::wasm::parse;
use anyhow::{Context, Result};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use wasmparser::{Parser, Payload, WasmFeatures};

/// A module, and the text form that its lines are in, if it has no source.
pub struct Described<'a> {
    pub wasm: Cow<'a, [u8]>,
    pub text: Option<Text>,
}

/// The text form of a module, for a file.
pub struct Text {
    pub file: PathBuf,
    pub contents: String,
}

/// Adds DWARF to a module that has none. `file`: where its text form may be written, if it is not
/// text already.
///
/// # Errors
/// When there is no current directory.
pub fn describe<'a>(
    input: &Input,
    wasm: Cow<'a, [u8]>,
    file: Option<&Path>,
    features: WasmFeatures,
) -> Result<Described<'a>> {
    let (has_lines, code_start) = look(&wasm);
    // What is wrong with the module is said when it is compiled.
    let Ok(module) = parse::parse(&wasm, features) else { return Ok(Described { wasm, text: None }) };
    let map = source_map::read(&wasm, Path::new(&input.name));
    if let (Ok(Some(sources)), false) = (&map, has_lines) {
        let described = synthesis::add(&wasm, &module, code_start, sources)?;
        return Ok(Described { wasm: Cow::Owned(described), text: None });
    }
    map?;
    let (sources, text) = match (has_lines, input.with_lines(), file) {
        (true, ..) | (false, None, None) => return Ok(Described { wasm, text: None }),
        (false, Some(with_lines), _) => {
            let (folder, name) = place(Path::new(&input.name))?;
            (text::sources(&folder, &name, text::rows(&with_lines)?), None)
        }
        (false, None, Some(file)) => {
            let (folder, name) = place(file)?;
            let (contents, rows) = text::print(&wasm)?;
            (text::sources(&folder, &name, rows), Some(Text { file: file.to_owned(), contents }))
        }
    };
    let described = synthesis::add(&wasm, &module, code_start, &sources)?;
    drop(module);
    Ok(Described { wasm: Cow::Owned(described), text })
}

/// The module with DWARF of lines that its maker knows. `folder`: see [`Sources::folder`].
///
/// # Errors
/// When it is not a module, or too large for DWARF.
pub fn add(wasm: &[u8], sources: &Sources, features: WasmFeatures) -> Result<Vec<u8>> {
    let module = parse::parse(wasm, features)?;
    synthesis::add(wasm, &module, look(wasm).1, sources)
}

/// Folder and name of a file.
fn place(file: &Path) -> Result<(String, String)> {
    let whole = std::path::absolute(file).context("the current directory")?;
    let folder = whole.parent().map_or_else(String::new, |folder| folder.display().to_string());
    let name = whole.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok((folder, name))
}

/// Whether a module has a table of lines.
pub fn has_lines(wasm: &[u8]) -> bool {
    look(wasm).0
}

/// Whether a module has a table of lines, and where the contents of its code section begin.
fn look(wasm: &[u8]) -> (bool, u32) {
    let mut found = (false, 0);
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::CustomSection(section) if section.name() == ".debug_line" => found.0 = true,
            Payload::CodeSectionStart { unchecked_range, .. } => {
                found.1 = u32::try_from(unchecked_range.start).unwrap_or(0);
            }
            _ => {}
        }
    }
    found
}
