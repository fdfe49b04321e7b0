//! Files that the user did not name: their names, and sources that a module names.

use crate::output;
use crate::wasm::input::STDIN;
use crate::wasm::source::MAIN;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// Where `--keep` puts the object: beside the program, and never in its place. Nothing lies beside
/// a device or a pipe; then it is where `-c` would put it.
pub fn kept_object(program: &Path, input: &str) -> PathBuf {
    match output::is_stream(program) {
        true => default_file(input, "o"),
        false => {
            let mut object = program.as_os_str().to_owned();
            object.push(".o");
            object.into()
        }
    }
}

/// Where the text form of a module without source lies for debuggers: beside the output, under a
/// name that no source has.
pub fn text_of(output: &Path, module: &str) -> PathBuf {
    let mut file = output.as_os_str().to_owned();
    if module != MAIN {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        let name: String = module.chars().map(|letter| if is_plain(letter) { letter } else { '_' }).collect();
        file.push(format!(".{name}"));
    }
    file.push(".debug.wat");
    file.into()
}

/// What an output is called in the current directory if it has no name of its own.
pub fn default_file(input: &str, extension: &str) -> PathBuf {
    let stem = Path::new(input).file_stem().filter(|_| input != STDIN).unwrap_or("a".as_ref());
    Path::new(stem).with_added_extension(extension)
}

/// The text of a source file. A module names what it likes, and pages are passed on: only files
/// below the current directory become a part of them.
pub fn source(file: &Path) -> Option<String> {
    const LONGEST: u64 = 16 << 20;
    let file = file.canonicalize().ok()?;
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok()?;
    let is_short = |metadata: Metadata| metadata.is_file() && metadata.len() <= LONGEST;
    let is_shown = file.starts_with(here) && file.metadata().is_ok_and(is_short);
    is_shown.then(|| std::fs::read_to_string(file).ok()).flatten()
}
