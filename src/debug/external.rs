//! DWARF of a module in a file of its own, as `emcc -gseparate-dwarf` leaves it: a module with the
//! same code and the custom sections that the first lacks ("External DWARF", DWARF for
//! WebAssembly).

use super::source::extent;
use crate::wasm::input::STDIN;
use anyhow::{Context, Result, bail, ensure};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use wasm_encoder::{CustomSection, Section};
use wasmparser::{BinaryReader, Parser, Payload};

/// The custom section that names the file.
const SECTION: &str = "external_debug_info";

/// The file with the DWARF of a module: the one that the user chose, else one that the module
/// names. That is beside the module, whatever folder the name has.
pub fn file(wasm: &[u8], module: &Path, chosen: Option<&Path>) -> Option<PathBuf> {
    if let Some(chosen) = chosen {
        return Some(chosen.to_owned());
    }
    let named = Parser::new(0).parse_all(wasm).map_while(Result::ok).find_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == SECTION => {
            Some(BinaryReader::new(section.data(), section.data_offset()).read_string().ok()?.to_owned())
        }
        _ => None,
    })?;
    let name = Path::new(&named).file_name()?;
    Some(if module == Path::new(STDIN) { name.into() } else { module.with_file_name(name) })
}

/// The module with the DWARF of the other file.
///
/// # Errors
/// When that is not a module with DWARF, or its code is not the module's.
pub fn add(wasm: &[u8], other: &[u8]) -> Result<Cow<'static, [u8]>> {
    ensure!(other.starts_with(b"\0asm"), "it is not a module");
    let [own, its] = [wasm, other].map(extent);
    if its.code != 0 && its.code != own.code {
        bail!("it belongs to another module: its code has {} bytes, not {}", its.code, own.code);
    }
    ensure!(its.lines != 0, "it has no DWARF");
    let mut described = wasm.to_vec();
    for payload in Parser::new(0).parse_all(other) {
        if let Payload::CustomSection(section) = payload.context("it is damaged")?
            && section.name().starts_with(".debug_")
        {
            let section = CustomSection { name: section.name().into(), data: section.data().into() };
            section.append_to(&mut described);
        }
    }
    Ok(Cow::Owned(described))
}
