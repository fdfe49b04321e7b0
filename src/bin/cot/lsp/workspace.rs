//! Which programs a file belongs to, and those programs. A program begins with a file that no other
//! imports; the files of the workspace say who imports whom.

use crate::build;
use crate::lsp::documents::{Documents, real};
use crate::lsp::library;
use crate::project::Project;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use wasm2native::cot::check::CheckOptions;
use wasm2native::cot::load::{self, LoadOptions, Loaded};
use wasm2native::cot::scan;
use wasm2native::cot::source::{FileId, Source, Sources};
use wasm2native::cot::token::TokenKind;

/// How many files of a workspace are looked at, and how deep in folders.
const MOST_FILES: usize = 5_000;
const MOST_DEPTH: usize = 12;

/// Where a program begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    File(PathBuf),
    /// A module of the standard library that is built in.
    Library(String),
}

#[derive(Default)]
pub struct Workspace {
    /// Folders that the client has open.
    pub folders: Vec<PathBuf>,
    /// Files of the folders, and what each imports.
    files: BTreeMap<PathBuf, Imports>,
    is_listed: bool,
}

#[derive(Default)]
struct Imports {
    /// When the file was changed, if what it imports is known.
    stamp: Option<(SystemTime, u64)>,
    paths: Vec<PathBuf>,
}

impl Workspace {
    /// Files may have come or gone.
    pub fn forget(&mut self) {
        self.is_listed = false;
    }

    /// The programs that a file belongs to: the one of the project first, others in order.
    pub fn roots(&mut self, path: &Path, documents: &Documents) -> Vec<Root> {
        if let Some(module) = library::module(path) {
            return vec![Root::Library(module)];
        }
        self.refresh(path, documents);
        let mut importers: HashMap<&Path, Vec<&Path>> = HashMap::new();
        for (file, imports) in &self.files {
            for import in &imports.paths {
                importers.entry(import).or_default().push(file);
            }
        }
        let mut seen = BTreeSet::from([path]);
        let mut open = vec![path];
        while let Some(next) = open.pop() {
            for importer in importers.get(next).into_iter().flatten() {
                if seen.insert(importer) {
                    open.push(importer);
                }
            }
        }
        let main = main_of_project(path);
        let is_main = |it: &Path| Some(it) == main.as_deref();
        let is_root = |it: &&Path| !importers.contains_key(it) || is_main(it);
        let mut roots: Vec<&Path> = seen.into_iter().filter(is_root).collect();
        roots.sort_by_key(|it| (!is_main(it), *it));
        if roots.is_empty() {
            roots.push(path);
        }
        roots.into_iter().map(|it| Root::File(it.to_owned())).collect()
    }

    /// Lists the files and reads what they import, as far as that is not known.
    fn refresh(&mut self, path: &Path, documents: &Documents) {
        if !std::mem::replace(&mut self.is_listed, true) {
            let mut found = Vec::new();
            self.folders.iter().for_each(|folder| list(folder, 0, &mut found));
            self.files.retain(|file, _| found.contains(file));
            self.add(found);
        }
        // A file outside of the folders goes with those beside it.
        if !self.folders.iter().any(|folder| path.starts_with(folder)) {
            let mut found = Vec::new();
            path.parent().into_iter().for_each(|folder| list(folder, MOST_DEPTH, &mut found));
            self.add(found);
        }
        for document in documents.iter() {
            if let Some(path) = &document.path {
                self.files.entry(path.clone()).or_default();
            }
        }
        for (file, imports) in &mut self.files {
            if let Some(document) = documents.of_path(file) {
                *imports = Imports { stamp: None, paths: imports_of(file, document.text.as_bytes().to_vec()) };
                continue;
            }
            let stamp = std::fs::metadata(file).and_then(|it| Ok((it.modified()?, it.len()))).ok();
            if stamp.is_none() || stamp != imports.stamp {
                let paths = std::fs::read(file).map(|bytes| imports_of(file, bytes)).unwrap_or_default();
                *imports = Imports { stamp, paths };
            }
        }
    }
}

impl Workspace {
    fn add(&mut self, files: Vec<PathBuf>) {
        for file in files {
            self.files.entry(file).or_default();
        }
    }
}

/// The main file that the project of a file names.
fn main_of_project(path: &Path) -> Option<PathBuf> {
    let folder = path.ancestors().skip(1).find(|folder| folder.join("cot.json").is_file())?;
    let text = std::fs::read(folder.join("cot.json")).ok()?;
    let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(real(&folder.join(value.get("main")?.as_str()?)))
}

/// Adds the sources in a folder; hidden folders and outputs are left out.
fn list(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if found.len() >= MOST_FILES {
            return;
        }
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let Ok(kind) = entry.file_type() else { continue };
        let is_hidden = name.starts_with('.') || name == "cot-out" || name == "node_modules" || name == "target";
        if kind.is_dir() && !is_hidden && depth < MOST_DEPTH {
            list(&path, depth + 1, found);
        } else if kind.is_file() && name.ends_with(".cot") {
            found.push(real(&path));
        }
    }
}

/// What a file imports, beside the standard library.
fn imports_of(path: &Path, bytes: Vec<u8>) -> Vec<PathBuf> {
    if bytes.len() > Sources::MAX_BYTES {
        return Vec::new();
    }
    let mut sources = Sources::default();
    let id = sources.add(String::new(), None, bytes);
    let source: &Source = sources.get(id);
    let tokens = scan::scan(id, source).tokens;
    let pairs = tokens.windows(2).filter(|pair| pair[0].kind == TokenKind::Import && pair[1].kind == TokenKind::String);
    let strings = pairs.map(|pair| {
        let text = sources.text(pair[1].span);
        // The closing quote may be missing.
        let content = text.strip_prefix(b"\"").unwrap_or(text);
        let content = content.strip_suffix(b"\"").unwrap_or(content);
        String::from_utf8_lossy(&scan::string_value(content)).into_owned()
    });
    let own = strings.filter(|name| !name.starts_with("std/"));
    let folder = path.parent().unwrap_or(Path::new("/"));
    own.map(|name| real(&folder.join(if name.ends_with(".cot") { name } else { format!("{name}.cot") }))).collect()
}

/// How programs are checked for editors: for this machine, with tests and benches.
pub fn check_options() -> CheckOptions {
    build::check_options()
}

/// The files of a program, with what is not saved, or with other texts that stand for files.
pub fn load(root: &Root, documents: &Documents, others: HashMap<PathBuf, Vec<u8>>) -> Option<Loaded> {
    let mut buffers = documents.buffers();
    buffers.extend(others);
    let standard_library = std::env::var_os("COT_STDLIB").filter(|it| !it.is_empty()).map(PathBuf::from);
    match root {
        Root::Library(name) => load::load_built_in(name, &LoadOptions { standard_library, ..LoadOptions::default() }),
        Root::File(path) => {
            let all_safe = Project::of(path).and_then(|project| project.is_safe()).unwrap_or(false);
            let bytes = buffers.get(path).cloned().or_else(|| std::fs::read(path).ok())?;
            if bytes.len() > Sources::MAX_BYTES {
                return None;
            }
            let options = LoadOptions { standard_library, all_safe, buffers };
            Some(load::load_bytes(&path.display().to_string(), Some(path), bytes, &options))
        }
    }
}

/// The file of a loaded program that is at a path.
pub fn file_at(loaded: &Loaded, path: &Path) -> Option<FileId> {
    let name = library::module(path).map(|module| format!("std/{module}.cot"));
    let is_it = |source: &Source| match (&source.path, &name) {
        (Some(at), _) => at == path,
        (None, Some(name)) => source.name == *name,
        (None, None) => false,
    };
    loaded.sources.iter().find(|(_, source)| is_it(source)).map(|(id, _)| id)
}

/// Where a file of a program is; files that are built in are written first.
pub fn path_of(source: &Source) -> Option<PathBuf> {
    source.path.clone().or_else(|| library::file(&source.name))
}
