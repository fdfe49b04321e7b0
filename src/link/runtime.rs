//! The runtime and what it needs of the C library, as `build.rs` made them and as this program carries them.

use crate::link::files::Inputs;
use anyhow::{Context, Result, bail};
use flate2::read::ZlibDecoder;
use std::io::Read;

pub const OBJECT_NAME: &str = "runtime.o";
pub const LIBRARIES_NAME: &str = "libraries.a";

/// A file of the C library that every program has.
pub struct StartFile {
    pub name: &'static str,
    data: &'static [u8],
}

macro_rules! start_file {
    ($name:literal) => {
        StartFile { name: $name, data: include_bytes!(concat!(env!("OUT_DIR"), "/", $name)) }
    };
}

/// Before all other objects.
pub const START_FILES: [StartFile; 3] = [start_file!("rcrt1.o"), start_file!("crti.o"), start_file!("crtbeginS.o")];

/// After all other objects.
pub const END_FILES: [StartFile; 2] = [start_file!("crtendS.o"), start_file!("crtn.o")];

static OBJECT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/runtime.o.z"));
static LIBRARIES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libraries.a.z"));

/// The runtime as one object, for another linker, which brings its own C library.
///
/// # Errors
/// This program was built without a runtime.
pub fn object() -> Result<Vec<u8>> {
    let object = decompress(OBJECT)?;
    if object.is_empty() {
        bail!("this build of wasm2native carries no runtime: it can make objects, not programs");
    }
    Ok(object)
}

/// Everything of a program but its own objects, by name.
pub(super) fn files() -> Result<Inputs> {
    let (object, libraries) = rayon::join(object, || decompress(LIBRARIES));
    let mut files = Inputs::new();
    files.insert(OBJECT_NAME.into(), object?.into());
    files.insert(LIBRARIES_NAME.into(), libraries?.into());
    for file in START_FILES.into_iter().chain(END_FILES) {
        files.insert(file.name.into(), file.data.into());
    }
    Ok(files)
}

fn decompress(data: &[u8]) -> Result<Vec<u8>> {
    let mut result = Vec::new();
    ZlibDecoder::new(data).read_to_end(&mut result).context("the runtime that this program carries is damaged")?;
    Ok(result)
}
