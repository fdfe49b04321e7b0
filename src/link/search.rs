//! Where `-l NAME` is found: the user's folders, then the system's, as `ld` goes through them.

use crate::runtime_target::{Machine, OWN_LIBRARY_FOLDERS};
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// Libraries that the embedded C library stands for: its own parts, and the compiler's helpers.
const EMBEDDED: [&str; 10] = ["c", "m", "mvec", "pthread", "dl", "rt", "util", "gcc", "gcc_eh", "gcc_s"];

/// Which of the two files of a library to take where both are there.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Prefer {
    /// The archive, wherever it is: for a static program, as `ld -static` does.
    Archive,
    /// In each folder the shared library, then the archive: as `ld` does.
    Shared,
}

/// Whether the embedded C library has all of it.
pub fn is_embedded(name: &str) -> bool {
    EMBEDDED.contains(&name)
}

/// The file of `-l NAME`; `:FILE` asks for that very file.
///
/// # Errors
/// When there is none, with the folders that were searched.
pub fn find(name: &str, folders: &[PathBuf], prefer: Prefer, machine: &Machine) -> Result<PathBuf> {
    let own = OWN_LIBRARY_FOLDERS.iter().filter(|_| machine.is_here());
    let system = machine.library_folders.iter().chain(own).map(Path::new);
    let searched: Vec<&Path> = folders.iter().map(PathBuf::as_path).chain(system).collect();
    let first = |names: &[String]| {
        let files = searched.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
        files.into_iter().find(|file| file.is_file())
    };
    let (archive, shared) = (format!("lib{name}.a"), format!("lib{name}.so"));
    let found = match (name.strip_prefix(':'), prefer) {
        (Some(file), _) => first(&[file.to_owned()]),
        (None, Prefer::Archive) => {
            first(std::slice::from_ref(&archive)).or_else(|| first(std::slice::from_ref(&shared)))
        }
        (None, Prefer::Shared) => first(&[shared.clone(), archive.clone()]),
    };
    if let Some(found) = found {
        return Ok(found);
    }
    let wanted = match name.strip_prefix(':') {
        Some(file) => file.to_owned(),
        None => format!("{archive} or {shared}"),
    };
    let list = |folders: &[&Path]| folders.iter().map(|it| it.display().to_string()).collect::<Vec<_>>().join(", ");
    let compiler = if machine.is_here() { "cc" } else { machine.cross_compiler };
    bail!(
        "-l{name}: there is no {wanted} in {}\nhelp: -L DIR names a folder to search before these; a C compiler may know more of \
         them: --linker {compiler}",
        list(&searched.into_iter().filter(|folder| folder.is_dir()).collect::<Vec<_>>())
    )
}
