//! The files of a program: the one that was named, and all that it imports, each once, parsed, in
//! dependency order (section 18).

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use crate::cot::ast::{self, Declaration, Text};
use crate::cot::diagnostic::{Code, Diagnostic};
use crate::cot::library;
use crate::cot::parse;
use crate::cot::source::{FileId, Sources, Span};

/// Where things are looked for.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// A standard library to be used first (`COT_STDLIB`).
    pub standard_library: Option<PathBuf>,
    /// Files of the program (not of the standard library) are `@safe`, whether they say so
    /// themselves or not.
    pub all_safe: bool,
    /// Texts that stand for files, by their real paths: what editors have not saved.
    pub buffers: HashMap<PathBuf, Vec<u8>>,
}

impl LoadOptions {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        self.buffers.get(path).map_or_else(|| std::fs::read(path), |text| Ok(text.clone()))
    }
}

/// A parsed file.
#[derive(Debug)]
pub struct LoadedFile {
    pub id: FileId,
    pub tree: ast::File,
    /// What it imports directly; indices of [`Loaded::files`].
    pub imports: Vec<usize>,
    /// Where it names them.
    pub import_places: Vec<(Span, usize)>,
    /// Part of a standard library, wherever that comes from.
    pub is_library: bool,
}

#[derive(Debug, Default)]
pub struct Loaded {
    pub sources: Sources,
    /// A file follows those it imports; the one that was named is the last.
    pub files: Vec<LoadedFile>,
    /// Index of the runtime's own file, if there is one.
    pub prelude: Option<usize>,
    /// Where files were looked for that are imported and not there.
    pub missing: Vec<PathBuf>,
    pub diagnostics: Vec<Diagnostic>,
}

/// How long a chain of imports may be.
const MAX_IMPORT_DEPTH: usize = 200;

/// Loads the file at `path` with all imports. Errors: the file itself can't be read. All else
/// becomes diagnostics.
pub fn load(path: &Path, options: &LoadOptions) -> std::io::Result<Loaded> {
    let bytes = match path.canonicalize() {
        Ok(real) => options.read(&real)?,
        Err(_) => options.read(path)?,
    };
    Ok(load_bytes(&path.display().to_string(), Some(path), bytes, options))
}

/// The same for bytes at hand; relative imports need a path.
pub fn load_bytes(name: &str, path: Option<&Path>, bytes: Vec<u8>, options: &LoadOptions) -> Loaded {
    let mut loader = Loader::new(options);
    let real = path.map(|path| path.canonicalize().unwrap_or(path.to_owned()));
    let found = FoundFile {
        key: Key::Path(real.clone().unwrap_or_default()),
        name: name.to_owned(),
        path: real,
        is_library: false,
    };
    loader.file(found, bytes, None);
    loader.loaded
}

/// The same for a module of the standard library that is built in; none if there is none of this
/// name.
pub fn load_built_in(name: &str, options: &LoadOptions) -> Option<Loaded> {
    let source = library::module(name)?;
    let mut loader = Loader::new(options);
    loader.file(built_in(name)?, source.as_bytes().to_vec(), None);
    Some(loader.loaded)
}

/// What makes two imports the same file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Path(PathBuf),
    BuiltIn(String),
}

/// A file that was found.
struct FoundFile {
    key: Key,
    /// For diagnostics.
    name: String,
    /// The real one: relative imports start there.
    path: Option<PathBuf>,
    /// Part of a standard library, wherever that comes from.
    is_library: bool,
}

#[derive(Clone, Copy)]
enum State {
    /// It is among those whose imports are being loaded.
    Open,
    Done(usize),
}

struct Loader<'a> {
    options: &'a LoadOptions,
    loaded: Loaded,
    known: HashMap<Key, State>,
    /// Names of the open files.
    chain: Vec<String>,
}

impl<'a> Loader<'a> {
    /// With the prelude, which is the first file.
    fn new(options: &'a LoadOptions) -> Loader<'a> {
        let mut loader = Loader { options, loaded: Loaded::default(), known: HashMap::new(), chain: Vec::new() };
        if let Some(source) = library::module("prelude") {
            let found = FoundFile {
                key: Key::BuiltIn("prelude".to_owned()),
                name: "std/prelude.cot".to_owned(),
                path: None,
                is_library: true,
            };
            loader.loaded.prelude = loader.file(found, source.as_bytes().to_vec(), None);
        }
        loader
    }

    /// Index of a file, which is loaded now if it was not before; none if it could not be.
    fn file(&mut self, found: FoundFile, bytes: Vec<u8>, import: Option<Span>) -> Option<usize> {
        if bytes.len() > Sources::MAX_BYTES {
            self.report(import?, format!("'{}' is too long", found.name));
            return None;
        }
        self.known.insert(found.key.clone(), State::Open);
        self.chain.push(found.name.clone());
        let id = self.loaded.sources.add(found.name.clone(), found.path.clone(), bytes);
        let (tree, diagnostics) =
            parse::parse_in(id, self.loaded.sources.get(id), self.options.all_safe && !found.is_library);
        self.loaded.diagnostics.extend(diagnostics);
        let (mut imports, mut import_places) = (Vec::new(), Vec::new());
        for declaration in &tree.declarations {
            if let Declaration::Import(text) = declaration
                && let Some(import) = self.import(&found, text)
            {
                imports.push(import);
                import_places.push((text.span, import));
            }
        }
        self.chain.pop();
        let is_library = found.is_library;
        self.loaded.files.push(LoadedFile { id, tree, imports, import_places, is_library });
        let index = self.loaded.files.len() - 1;
        self.known.insert(found.key, State::Done(index));
        Some(index)
    }

    fn import(&mut self, from: &FoundFile, text: &Text) -> Option<usize> {
        let wanted = String::from_utf8_lossy(&text.value).into_owned();
        if wanted.is_empty() && self.loaded.diagnostics.iter().any(|it| it.span == text.span) {
            return None;
        }
        let Some(mut found) = self.find(from, &wanted) else {
            self.loaded.missing.extend(missing_path(from, &wanted));
            self.report(text.span, format!("can't find '{wanted}' to import"));
            return None;
        };
        found.is_library |= from.is_library || wanted.starts_with("std/");
        match self.known.get(&found.key) {
            Some(State::Done(index)) => return Some(*index),
            Some(State::Open) => {
                let start = self.chain.iter().position(|name| *name == found.name).unwrap_or(0);
                let chain = self.chain[start..].join(" imports ");
                self.report(text.span, format!("import cycle: {chain} imports {}", found.name));
                return None;
            }
            None => {}
        }
        if self.chain.len() >= MAX_IMPORT_DEPTH {
            self.report(text.span, "imports are nested too deep");
            return None;
        }
        let bytes = match (&found.path, &found.key) {
            (Some(path), _) => match self.options.read(path) {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.report(text.span, format!("can't read '{}': {error}", path.display()));
                    return None;
                }
            },
            (None, Key::BuiltIn(name)) => library::module(name)?.as_bytes().to_vec(),
            (None, Key::Path(_)) => return None,
        };
        self.file(found, bytes, Some(text.span))
    }

    fn report(&mut self, span: Span, message: impl Into<String>) {
        self.loaded.diagnostics.push(Diagnostic::new(Code::Type, span, message));
    }

    fn find(&self, from: &FoundFile, wanted: &str) -> Option<FoundFile> {
        let folder = from.path.as_deref().map(|path| path.parent().unwrap_or(Path::new("")).to_owned());
        let file = if wanted.ends_with(".cot") { wanted.to_owned() } else { format!("{wanted}.cot") };
        let Some(module) = file.strip_prefix("std/") else {
            return match (folder, &from.key) {
                (Some(folder), _) => on_disk(folder.join(&file), Path::new(&from.name).with_file_name(&file)),
                (None, Key::BuiltIn(_)) => built_in(&file),
                (None, Key::Path(_)) => on_disk(PathBuf::from(&file), PathBuf::from(&file)),
            };
        };
        // A built-in module goes with the others that are built in.
        if matches!(from.key, Key::BuiltIn(_)) {
            return built_in(module);
        }
        let named = self.options.standard_library.clone();
        let absolute = folder.and_then(|folder| std::path::absolute(folder).ok());
        let above = absolute.iter().flat_map(|folder| folder.ancestors()).map(|folder| folder.join("stdlib"));
        let mut folders = named.into_iter().chain(above).chain([PathBuf::from("stdlib")]);
        folders.find_map(|folder| on_disk(folder.join(module), folder.join(module))).or_else(|| built_in(module))
    }
}

/// Where a file would be that is not there.
fn missing_path(from: &FoundFile, wanted: &str) -> Option<PathBuf> {
    let file = if wanted.ends_with(".cot") { wanted.to_owned() } else { format!("{wanted}.cot") };
    Some(from.path.as_deref()?.parent()?.join(file))
}

/// A file, and the path that people know it by.
fn on_disk(path: PathBuf, shown: PathBuf) -> Option<FoundFile> {
    let real = path.canonicalize().ok().filter(|path| path.is_file())?;
    let is_it = |shown: &PathBuf| shown.canonicalize().is_ok_and(|it| it == real);
    let shown = [shortened(&shown), shown, path].into_iter().find(is_it)?;
    Some(FoundFile {
        key: Key::Path(real.clone()),
        name: shown.display().to_string(),
        path: Some(real),
        is_library: false,
    })
}

/// The path without `.` and `x/..`; where links are on the way, it may be that of another file.
fn shortened(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(short.components().next_back(), Some(Component::Normal(_))) => {
                short.pop();
            }
            _ => short.push(part),
        }
    }
    short
}

fn built_in(file: &str) -> Option<FoundFile> {
    let name = file.strip_suffix(".cot").unwrap_or(file);
    library::module(name)?;
    Some(FoundFile {
        key: Key::BuiltIn(name.to_owned()),
        name: format!("std/{name}.cot"),
        path: None,
        is_library: true,
    })
}
