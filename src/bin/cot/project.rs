//! `cot.json`: what a project says of itself.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};

const NAME: &str = "cot.json";

/// The file to compile: the one that was named, or the one that `./cot.json` names.
///
/// # Errors
/// No file was named, and there is no `cot.json` with one.
pub fn main_file(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(file) = named {
        return Ok(file.to_owned());
    }
    let path = Path::new(NAME);
    if !path.exists() {
        bail!("no file was named, and there is no {NAME} here that names one");
    }
    match read(path)?.get("main") {
        Some(Value::String(main)) => Ok(PathBuf::from(main)),
        Some(_) => bail!("{NAME}: \"main\" is not a string"),
        None => bail!("{NAME} has no \"main\""),
    }
}

/// Whether the project that the file belongs to is `@safe`.
///
/// # Errors
/// A `cot.json` that can't be read.
pub fn is_safe(file: &Path) -> Result<bool> {
    let Some((path, project)) = nearest(file)? else { return Ok(false) };
    match project.get("safe") {
        None => Ok(false),
        Some(Value::Bool(safe)) => Ok(*safe),
        Some(_) => bail!("{}: \"safe\" is neither true nor false", path.display()),
    }
}

/// Libraries that native programs of the file's project are linked with.
///
/// # Errors
/// A `cot.json` that can't be read.
pub fn libraries(file: &Path) -> Result<Vec<String>> {
    let Some((path, project)) = nearest(file)? else { return Ok(Vec::new()) };
    let Some(libraries) = project.get("libs") else { return Ok(Vec::new()) };
    let names = libraries.as_array().map(|all| all.iter().map(|it| it.as_str().map(str::to_owned)).collect());
    names.flatten().with_context(|| format!("{}: \"libs\" is not a list of strings", path.display()))
}

/// The `cot.json` here, or the next one upwards from the file.
fn nearest(file: &Path) -> Result<Option<(PathBuf, Value)>> {
    let absolute = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let upwards = absolute.ancestors().skip(1).map(|folder| folder.join(NAME));
    let found = [PathBuf::from(NAME)].into_iter().chain(upwards).find(|path| path.is_file());
    found.map(|path| read(&path).map(|project| (path, project))).transpose()
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}
