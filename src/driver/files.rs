//! Names of files that the user did not name.

use crate::output;
use crate::wasm::input::STDIN;
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

/// What an output is called in the current directory if it has no name of its own.
pub fn default_file(input: &str, extension: &str) -> PathBuf {
    let stem = Path::new(input).file_stem().filter(|_| input != STDIN).unwrap_or("a".as_ref());
    Path::new(stem).with_added_extension(extension)
}
