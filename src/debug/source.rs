//! A module that says where it comes from: the one that its user gave, with DWARF added if it has
//! none.

use super::synthesis::{self, Sources};
use super::{source_map, text};
use crate::number::to_usize;
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
    let Extent { lines, code_start, .. } = extent(&wasm);
    let has_lines = lines != 0;
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
    synthesis::add(wasm, &module, extent(wasm).code_start, sources)
}

/// Folder and name of a file.
fn place(file: &Path) -> Result<(String, String)> {
    let whole = std::path::absolute(file).context("the current directory")?;
    let folder = whole.parent().map_or_else(String::new, |folder| folder.display().to_string());
    let name = whole.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    Ok((folder, name))
}

/// The sections of a module that say where it comes from.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Bytes of the table of lines; 0 without one.
    pub lines: usize,
    /// Bytes of the code section's contents, and where they begin in the module.
    pub code: usize,
    pub code_start: u32,
}

/// Looks at a module, whose sections may be damaged.
pub fn extent(wasm: &[u8]) -> Extent {
    let mut extent = Extent::default();
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        match payload {
            Payload::CustomSection(section) if section.name() == ".debug_line" => extent.lines = section.data().len(),
            Payload::CodeSectionStart { unchecked_range, size, .. } => {
                extent.code = to_usize(size.into());
                extent.code_start = u32::try_from(unchecked_range.start).unwrap_or(0);
            }
            _ => {}
        }
    }
    extent
}
