//! The standard library that is built in, as files that editors can show: in the user's cache,
//! written when a name leads there. Who changes one sees it written again.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use wasm2native::cache;
use wasm2native::cot::library;

/// The folder of the modules; its name changes with their text.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(find_folder)
}

fn find_folder() -> PathBuf {
    let mut hasher = blake3::Hasher::new();
    for (name, source) in library::MODULES {
        hasher.update(name.as_bytes()).update(&[0]).update(source.as_bytes()).update(&[0]);
    }
    let hash = hasher.finalize().to_hex();
    cache::folder().join(format!("cot-std-{}", &hash[..16])).join("std")
}

/// The file of a module, by the name that the compiler knows it by: `std/list.cot`. None if it
/// can't be written.
pub fn file(name: &str) -> Option<PathBuf> {
    let module = name.strip_prefix("std/")?.strip_suffix(".cot")?;
    let source = library::module(module)?;
    let folder = folder();
    let path = folder.join(format!("{module}.cot"));
    if std::fs::read(&path).is_ok_and(|text| text == source.as_bytes()) {
        return path.canonicalize().ok();
    }
    std::fs::create_dir_all(folder).ok()?;
    let mut new = tempfile::NamedTempFile::new_in(folder).ok()?;
    std::io::Write::write_all(&mut new, source.as_bytes()).ok()?;
    // For reading.
    std::fs::set_permissions(new.path(), std::fs::Permissions::from_mode(0o444)).ok()?;
    new.persist(&path).ok()?;
    path.canonicalize().ok()
}

/// The module that a file of ours shows.
pub fn module(path: &Path) -> Option<String> {
    let name = path.strip_prefix(folder().canonicalize().ok()?).ok()?;
    let name = name.to_str()?.strip_suffix(".cot")?;
    library::module(name).map(|_| name.to_owned())
}
