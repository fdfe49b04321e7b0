//! Names of files that the user did not name.

use crate::output;
use crate::wasm::input::STDIN;
use crate::wasm::source::MAIN;
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
