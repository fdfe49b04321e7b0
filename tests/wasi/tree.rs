//! Trees of real files: made from a list, and compared by everything that could tell of a change.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

/// One thing to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    Dir,
    File(&'a str),
    Link(&'a str),
}

/// Makes the entries, in order, below `root`.
pub fn make(root: &Path, entries: &[(&str, Node)]) {
    for (name, node) in entries {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("it is below the root")).expect("folders can be made");
        match node {
            Node::Dir => std::fs::create_dir(&path),
            Node::File(text) => std::fs::write(&path, text),
            Node::Link(target) => symlink(target, &path),
        }
        .unwrap_or_else(|error| panic!("{name} can't be made: {error}"));
    }
}

/// Removes everything in `root`, but not `root` itself, which a guest may hold open.
pub fn clear(root: &Path) {
    for entry in std::fs::read_dir(root).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        let is_folder = std::fs::symlink_metadata(&path).expect("it is there").is_dir();
        let removed = if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.expect("the test made it");
    }
}

/// What a name stands for, as far as a change would show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    mode: u32,
    /// Identity, number of links, owner, size.
    numbers: [u64; 5],
    /// Modified, and changed in any way.
    times: [(i64, i64); 2],
    /// Contents of a file, target of a link.
    bytes: Vec<u8>,
}

pub type Snapshot = BTreeMap<String, State>;

/// Everything below `root`, and `root` itself, without what lies in the folder called `except`.
pub fn snapshot(root: &Path, except: &str) -> Snapshot {
    let mut found = Snapshot::new();
    visit(root, "", except, &mut found);
    found
}

fn visit(path: &Path, name: &str, except: &str, found: &mut Snapshot) {
    let metadata = std::fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let bytes = match metadata.file_type() {
        it if it.is_symlink() => std::fs::read_link(path).expect("it is a link").as_os_str().as_bytes().to_vec(),
        it if it.is_file() => std::fs::read(path).expect("the test may read it"),
        _ => Vec::new(),
    };
    let numbers = [metadata.ino(), metadata.nlink(), metadata.uid().into(), metadata.gid().into(), metadata.size()];
    let times = [(metadata.mtime(), metadata.mtime_nsec()), (metadata.ctime(), metadata.ctime_nsec())];
    found.insert(name.to_owned(), State { mode: metadata.mode(), numbers, times, bytes });
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path).expect("it is a folder") {
            let entry = entry.expect("it can be listed");
            let below = format!("{name}/{}", entry.file_name().to_string_lossy());
            if below != format!("/{except}") {
                visit(&entry.path(), &below, except, found);
            }
        }
    }
}

/// The names at which two snapshots differ.
pub fn differences(before: &Snapshot, after: &Snapshot) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| format!("`{name}`: {:?} became {:?}", before.get(name), after.get(name)))
        .collect()
}
