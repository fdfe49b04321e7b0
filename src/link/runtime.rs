//! The runtime and the C library, as the build script made them and as this program carries them.
//!
//! There are two sets: [`Set::Plain`] is what every program needs, without unwinding tables;
//! [`Set::Complete`], for programs that call C, is the runtime with those tables and the whole C
//! library. Only what is asked for is decompressed.

use crate::link::files::Inputs;
use crate::link::symbols::{self, SymbolKind};
use anyhow::{Context, Result, bail};
use flate2::read::ZlibDecoder;
use rayon::prelude::*;
use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

/// A file that this program carries. The name is for messages, and such as no file of a user has.
pub struct Embedded {
    pub name: &'static str,
    data: &'static [u8],
}

macro_rules! embedded {
    ($file:literal, $name:literal) => {
        Embedded { name: $name, data: include_bytes!(concat!(env!("OUT_DIR"), "/", $file)) }
    };
}

/// Before all other objects.
pub static START_FILES: [Embedded; 3] =
    [embedded!("rcrt1.o", "<rcrt1.o>"), embedded!("crti.o", "<crti.o>"), embedded!("crtbeginS.o", "<crtbeginS.o>")];

/// After all other objects.
pub static END_FILES: [Embedded; 2] = [embedded!("crtendS.o", "<crtendS.o>"), embedded!("crtn.o", "<crtn.o>")];

/// The same of a shared library.
pub static SHARED_START_FILES: [Embedded; 2] =
    [embedded!("crti.o", "<crti.o>"), embedded!("crtbeginS.o", "<crtbeginS.o>")];
pub static SHARED_END_FILES: [Embedded; 2] = [embedded!("crtendS.o", "<crtendS.o>"), embedded!("crtn.o", "<crtn.o>")];

/// What a linker must know of the C library that a shared library will meet: all of its symbols,
/// and nothing else.
pub static SHARED_LIBRARIES: [Embedded; 3] =
    [embedded!("shared0.z", "<libc>"), embedded!("shared1.z", "<libm>"), embedded!("shared2.z", "<dynamic linker>")];

static PLAIN: [Embedded; 2] =
    [embedded!("runtime.o.z", "<runtime>"), embedded!("libraries.a.z", "<the C library, in part>")];

static COMPLETE: [Embedded; 5] = [
    embedded!("unwinding.o.z", "<runtime>"),
    embedded!("complete0.a.z", "<the C library, 1 of 4>"),
    embedded!("complete1.a.z", "<the C library, 2 of 4>"),
    embedded!("complete2.a.z", "<the C library, 3 of 4>"),
    embedded!("complete3.a.z", "<the C library, 4 of 4>"),
];

static SYMBOLS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/symbols.z"));

/// What a program is linked with.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub enum Set {
    #[default]
    Plain,
    Complete,
}

impl Set {
    /// The runtime first.
    pub fn files(self) -> &'static [Embedded] {
        match self {
            Set::Plain => &PLAIN,
            Set::Complete => &COMPLETE,
        }
    }
}

/// The runtime as one object, with unwinding tables, for another linker, which brings its own C
/// library.
///
/// # Errors
/// This program was built without a runtime.
pub fn object() -> Result<Vec<u8>> {
    have_runtime()?;
    decompress(COMPLETE[0].data)
}

/// Everything of a program but its own objects, by name.
///
/// # Errors
/// This program was built without a runtime.
pub(super) fn files(set: Set) -> Result<Inputs> {
    have_runtime()?;
    let read = |file: &Embedded| Ok((file.name.into(), decompress(file.data)?.into()));
    let mut files = set.files().par_iter().map(read).collect::<Result<Inputs>>()?;
    for file in START_FILES.iter().chain(&END_FILES) {
        files.insert(file.name.into(), file.data.into());
    }
    Ok(files)
}

/// The functions that the runtime defines for objects.
///
/// # Errors
/// This program was built without a runtime.
pub fn functions() -> Result<Vec<String>> {
    let runtime = symbols::object(COMPLETE[0].name, &object()?)?;
    let mut names: Vec<String> = runtime.defined.into_iter().map(|definition| definition.name).collect();
    names.sort();
    Ok(names)
}

/// Everything of a shared library but its own object, by name.
///
/// # Errors
/// This program was built without a runtime, or with one that has no shared C library.
pub(super) fn shared_files() -> Result<Inputs> {
    have_runtime()?;
    let read = |file: &Embedded| Ok((file.name.into(), decompress(file.data)?.into()));
    let compressed = [&COMPLETE[0]].into_iter().chain(&SHARED_LIBRARIES);
    let mut files = compressed.map(read).collect::<Result<Inputs>>()?;
    if files[Path::new(SHARED_LIBRARIES[0].name)].is_empty() {
        bail!("this build of wasm2native carries a static C library only: it can't link shared libraries");
    }
    for file in SHARED_START_FILES.iter().chain(&SHARED_END_FILES) {
        files.insert(file.name.into(), file.data.into());
    }
    Ok(files)
}

fn have_runtime() -> Result<()> {
    if START_FILES[0].data.is_empty() {
        bail!("this build of wasm2native carries no runtime: it can make objects, not programs");
    }
    Ok(())
}

/// What the C library that this program carries defines: kind and size in bytes of every symbol.
///
/// # Errors
/// When the table is damaged.
pub fn symbols() -> Result<HashMap<String, (SymbolKind, u64)>> {
    let damaged = "the C library's table of symbols, which this program carries, is damaged";
    let text = String::from_utf8(decompress(SYMBOLS)?).context(damaged)?;
    let mut symbols = HashMap::new();
    for line in text.lines() {
        let (facts, name) = line.split_once(' ').context(damaged)?;
        let kind = match facts.as_bytes().first().context(damaged)? {
            b'f' => SymbolKind::Function,
            b'd' => SymbolKind::Data,
            b't' => SymbolKind::ThreadLocal,
            _ => SymbolKind::Unknown,
        };
        // The first definition counts, as for linkers.
        symbols.entry(name.to_owned()).or_insert((kind, facts[1..].parse().context(damaged)?));
    }
    Ok(symbols)
}

fn decompress(data: &[u8]) -> Result<Vec<u8>> {
    let mut result = Vec::new();
    ZlibDecoder::new(data).read_to_end(&mut result).context("the runtime that this program carries is damaged")?;
    Ok(result)
}
