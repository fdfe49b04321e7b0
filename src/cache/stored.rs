//! What lies in the folder of a cache: the files that this program wrote there, by their names.
//! Other files are nobody's business: a user may have named the wrong folder.

use crate::codegen;
use anyhow::{Context, Result};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The kinds of caches.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Of `wasm2native run`.
    Programs,
    /// Of `--cache DIR`.
    Functions,
}

/// A file of a cache.
#[derive(Debug)]
pub struct Stored {
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
}

/// The files of a cache, in the order of their names. A folder that does not exist is empty.
///
/// # Errors
/// When the folder can't be listed.
pub fn list(folder: &Path, kind: Kind) -> Result<Vec<Stored>> {
    let is_own = |name: &str| match kind {
        Kind::Programs => super::is_own(name),
        Kind::Functions => codegen::is_of_cache(name),
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(|| format!("can't list {}", folder.display()))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("can't list {}", folder.display()))?;
        // A file may go while the folder is listed: another process makes room.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_file() && entry.file_name().to_str().is_some_and(is_own) {
            files.push(Stored { path: entry.path(), size: metadata.len() });
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

/// Removes the files of a cache, and returns those that were removed. A program that is running
/// goes on; one that another process is about to write may stay.
///
/// # Errors
/// When a file can't be removed.
pub fn clear(folder: &Path, kind: Kind) -> Result<Vec<Stored>> {
    let files = list(folder, kind)?;
    for Stored { path, .. } in &files {
        match fs::remove_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            removed => removed.with_context(|| format!("can't remove {}", path.display()))?,
        }
    }
    Ok(files)
}
