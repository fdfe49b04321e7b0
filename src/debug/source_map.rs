//! Lines of a module whose compiler wrote a source map, as AssemblyScript's does (ECMA-426; the
//! custom section `sourceMappingURL` names the file). A module is one line of generated code, and
//! an operator's byte offset is its column.

use super::synthesis::{Row, Sources};
use anyhow::{Context, Result, bail};
use gimli::constants as dw;
use serde::Deserialize;
use std::path::Path;
use wasmparser::{BinaryReader, Parser, Payload};

/// The lines of a module in the file `wasm_file`, if it names a source map.
///
/// # Errors
/// When the map can't be read.
pub fn read(wasm: &[u8], wasm_file: &Path) -> Result<Option<Sources>> {
    let Some(url) = url(wasm) else { return Ok(None) };
    // Others than files are for browsers.
    if url.contains("://") {
        return Ok(None);
    }
    let file = wasm_file.parent().unwrap_or(Path::new("")).join(url);
    let read = || -> Result<Map> {
        // A module names what it likes.
        if !file.metadata()?.is_file() {
            bail!("it is not a file");
        }
        Ok(serde_json::from_slice(&std::fs::read(&file)?)?)
    };
    let Map { source_root, sources: files, mappings } =
        read().with_context(|| format!("the source map {}", file.display()))?;
    let whole = std::path::absolute(&file).context("the current directory")?;
    let folder = whole.parent().unwrap_or(Path::new(""));
    let files: Vec<String> =
        files.into_iter().map(|name| source(folder, &source_root, &name.unwrap_or_default())).collect();
    let mut rows = rows(&mappings).with_context(|| format!("the source map {}: its mappings", file.display()))?;
    rows.retain(|row| row.file < files.len());
    rows.sort_by_key(|row| row.offset);
    let folder = folder.display().to_string();
    Ok(Some(Sources { folder, files, rows, producer: "wasm2native", language: dw::DW_LANG_C, variables: None }))
}

/// The file of a source, from the map's folder. AssemblyScript's root is the output's name and no
/// folder: what is there without the root, and not with it, is without.
fn source(folder: &Path, root: &str, name: &str) -> String {
    if root.is_empty() {
        return name.to_owned();
    }
    let slash = if root.ends_with('/') { "" } else { "/" };
    let whole = format!("{root}{slash}{name}");
    let is_bare = !folder.join(&whole).exists() && folder.join(name).exists();
    if is_bare { name.to_owned() } else { whole }
}

/// The members of a map that matter here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Map {
    #[serde(default)]
    source_root: String,
    sources: Vec<Option<String>>,
    mappings: String,
}

/// The mappings of the first line: each is numbers in base 64, of which the first four are column,
/// source, line and column there, minus those of the mapping before.
fn rows(mappings: &str) -> Result<Vec<Row>> {
    let first = mappings.split(';').next().unwrap_or_default();
    let mut rows = Vec::new();
    let mut sums = [0i64; 4];
    for mapping in first.split(',').filter(|mapping| !mapping.is_empty()) {
        let numbers = numbers(mapping).context("not base 64")?;
        for (sum, number) in sums.iter_mut().zip(&numbers) {
            *sum = sum.checked_add(*number).context("a number is too large")?;
        }
        let [offset, file, line, column] = sums;
        if numbers.len() >= 4 {
            let number = |value: i64| u32::try_from(value.saturating_add(1)).context("a number is negative");
            rows.push(Row {
                offset: u32::try_from(offset)?,
                file: usize::try_from(file)?,
                line: number(line)?,
                column: number(column)?,
            });
        }
    }
    Ok(rows)
}

/// Numbers of 5 bits a digit, the lowest first; the sixth bit says that more follow, and the lowest
/// bit of a number is its sign.
fn numbers(text: &str) -> Option<Vec<i64>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut numbers = Vec::new();
    let (mut number, mut shift) = (0i64, 0u32);
    for byte in text.bytes() {
        let digit = i64::try_from(DIGITS.iter().position(|other| *other == byte)?).ok()?;
        if shift > 30 {
            return None;
        }
        number |= (digit & 31).checked_shl(shift)?;
        shift = shift.saturating_add(5);
        if digit & 32 == 0 {
            let magnitude = number >> 1;
            numbers.push(if number & 1 == 0 { magnitude } else { magnitude.saturating_neg() });
            (number, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(numbers)
}

/// The contents of the custom section.
fn url(wasm: &[u8]) -> Option<&str> {
    Parser::new(0).parse_all(wasm).map_while(Result::ok).find_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == "sourceMappingURL" => {
            BinaryReader::new(section.data(), 0).read_string().ok()
        }
        _ => None,
    })
}
