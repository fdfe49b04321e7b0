//! Fixtures, and the way from text to diagnostics.

use std::path::{Path, PathBuf};

use wasm2native::cot::check::{Build, CheckOptions, check};
use wasm2native::cot::diagnostic::Diagnostic;
use wasm2native::cot::load::{Loaded, load_bytes};
use wasm2native::cot::lower::Host;
use wasm2native::cot::{Options, with_large_stack};

/// Files in a folder below `fixtures/cot`, in order.
pub fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cot").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("can't list {}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("the fixtures can be listed").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|it| it == "cot")).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no fixtures in {}", folder.display());
    paths
}

pub fn name_of(path: &Path) -> String {
    path.file_stem().expect("fixtures have names").to_string_lossy().into_owned()
}

/// What is wrong with a program, where "where" is file and line.
pub struct Complaint {
    pub file: String,
    pub line: usize,
    /// `E301 undefined identifier 'x'`
    pub text: String,
}

/// All complaints about the program at `path`, whose text is given.
pub fn complaints(path: &Path, bytes: Vec<u8>) -> Vec<Complaint> {
    with_large_stack(|| {
        let loaded = load_bytes(&path.display().to_string(), Some(path), bytes, &Default::default());
        let diagnostics = check(&loaded, &options()).err().unwrap_or_default();
        diagnostics.iter().map(|it| complaint(&loaded, it)).collect()
    })
}

fn complaint(loaded: &Loaded, diagnostic: &Diagnostic) -> Complaint {
    let (file, line) = loaded.sources.line_of(diagnostic.span);
    let text = format!("{} {}", diagnostic.code.name(), diagnostic.message);
    Complaint { file: file.to_owned(), line, text }
}

/// Everything is checked, as for Linux.
pub fn options() -> CheckOptions {
    CheckOptions { target_os: "linux".to_owned(), target_arch: "amd64".to_owned(), build: Build::Check }
}

/// A program for WASI, with checks and without what debuggers read.
pub fn wasi_options() -> Options {
    Options {
        host: Host::Wasi,
        target_os: "wasi".to_owned(),
        target_arch: "wasm32".to_owned(),
        build: Build::Program,
        release: false,
        debug: false,
        filter: None,
        fail_fast: false,
        leaks: false,
        all_safe: false,
        iterations: 0,
        is_library: false,
        standard_library: None,
        is_styled: false,
    }
}
