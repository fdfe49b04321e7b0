//! Objects → executable: the built-in linker, `libwild`, with the runtime that this program carries.
//!
//! Comes in: relocatable objects, one of which defines C's `main`. Goes out: a static position-independent
//! executable, written beside its place and renamed. Neither a linker nor a C library of the machine is used. The
//! bytes depend on the objects alone, not on the folder or the number of threads.

mod files;

pub mod runtime;

use crate::output::{Access, Place};
use anyhow::{Result, anyhow, bail};
use libwild::{Args, Linker};
use runtime::{END_FILES, START_FILES};
use std::path::Path;
use std::sync::{Arc, Mutex};

pub struct LinkRequest<'a> {
    /// Taken whole, because they may be large.
    pub objects: Vec<Vec<u8>>,
    pub output: &'a Path,
    /// Leave out the symbol table.
    pub strip: bool,
}

/// Links, and returns the linker's warnings. Runs in rayon's current thread pool.
///
/// # Errors
/// No runtime for this machine, an undefined symbol, or an output that can't be written.
pub fn link(request: LinkRequest) -> Result<Vec<String>> {
    let LinkRequest { objects, output, strip } = request;
    let mut names: Vec<String> = START_FILES.map(|file| file.name.to_owned()).into();
    let mut inputs = runtime::files()?;
    for (index, object) in objects.into_iter().enumerate() {
        let name = format!("object{index}.o");
        inputs.insert(name.clone().into(), object.into());
        names.push(name);
    }
    names.extend([runtime::OBJECT_NAME.to_owned(), runtime::LIBRARIES_NAME.to_owned()]);
    names.extend(END_FILES.map(|file| file.name.to_owned()));

    let place = Place::new(output, Access::Program)?;
    let warnings = run(&arguments(&names, place.path(), strip)?, files::Files::new(inputs))?;
    let (undefined, warnings): (Vec<_>, Vec<_>) =
        warnings.into_iter().partition(|warning| warning.starts_with(UNDEFINED));
    if !undefined.is_empty() {
        bail!("symbols that nothing defines:\n  {}", list_undefined(&undefined));
    }
    place.commit()?;
    Ok(warnings)
}

/// Undefined symbols are collected as warnings, so that all are reported.
const FLAGS: &str = "ld -m elf_x86_64 -static -pie --no-dynamic-linker -z noexecstack -z relro -z now \
    -z pack-relative-relocs --gc-sections --eh-frame-hdr --build-id=none --no-identity-comment --warn-unresolved-symbols";

/// The command line that an `ld` would get.
fn arguments(inputs: &[String], output: &Path, strip: bool) -> Result<Vec<String>> {
    let output = output.to_str().ok_or_else(|| anyhow!("{}: the path is not UTF-8", output.display()))?;
    let mut arguments: Vec<String> = FLAGS.split_whitespace().map(str::to_owned).collect();
    arguments.extend(strip.then(|| "--strip-all".to_owned()));
    arguments.extend(["-o".to_owned(), output.to_owned()]);
    arguments.extend_from_slice(inputs);
    Ok(arguments)
}

/// Runs the linker; returns its warnings.
fn run(arguments: &[String], files: files::Files) -> Result<Vec<String>> {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let mut args = Args::new(|| arguments.iter()).map_err(linker_error)?;
    let sink = Arc::clone(&warnings);
    args.on_warning(Box::new(move |warning| {
        sink.lock().expect("nobody panics with the lock").push(warning.warning().to_owned());
    }));
    args.parse(|| arguments.iter()).map_err(linker_error)?;
    let linker = Linker::with_file_system(files);
    linker.run(&args).map_err(linker_error)?;
    Ok(std::mem::take(&mut warnings.lock().expect("nobody panics with the lock")))
}

fn linker_error(error: libwild::error::Error) -> anyhow::Error {
    anyhow!("the linker failed: {}", error.to_string())
}

/// How the linker's warnings about undefined symbols begin.
const UNDEFINED: &str = "Undefined symbol ";

/// Each name once.
fn list_undefined(warnings: &[String]) -> String {
    let mut names: Vec<_> = warnings
        .iter()
        .map(|warning| &warning[UNDEFINED.len()..])
        .map(|rest| rest.split_once(',').map_or(rest, |(name, _)| name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join("\n  ")
}
