//! What a target or a code generator lacks: tests that can't pass there, each with its reason.
//!
//! Manifests are `tests/targets/TRIPLE.txt`, `tests/generators/NAME.txt`, and
//! `tests/generators/NAME-PROCESSOR.txt` for what a generator lacks on one: lines `SUITE TEST:
//! REASON`, where TEST may end with `*`. Such a test is run like all others. If it fails it is
//! ignored, with the reason; if it passes it fails, so that nothing stays in the list that could
//! run.

use crate::{generator, target};
use std::path::Path;
use std::sync::LazyLock;

struct Entry {
    test: String,
    reason: String,
}

impl Entry {
    fn matches(&self, name: &str) -> bool {
        match self.test.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == self.test,
        }
    }
}

/// The entries of this suite.
static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let target = target::triple().map(|triple| format!("../targets/{triple}.txt"));
    let processor = target::triple().and_then(|triple| triple.split('-').next()).unwrap_or(std::env::consts::ARCH);
    let generator = generator::name()
        .into_iter()
        .flat_map(|name| [format!("../generators/{name}.txt"), format!("../generators/{name}-{processor}.txt")]);
    let entries = |path: String| {
        // What has no differences needs no file.
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).unwrap_or_default();
        parse(&text, &suite()).unwrap_or_else(|line| panic!("`{line}` of {path} is not `SUITE TEST: REASON`"))
    };
    target.into_iter().chain(generator).flat_map(entries).collect()
});

/// The entries of one suite, or the line that is none.
fn parse(text: &str, suite: &str) -> Result<Vec<Entry>, String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entry = |line: &str| {
        let (head, reason) = line.split_once(": ")?;
        let (suite, test) = head.split_once(' ')?;
        Some((suite.to_owned(), Entry { test: test.to_owned(), reason: reason.to_owned() }))
    };
    let all: Result<Vec<_>, _> = lines.map(|line| entry(line).ok_or_else(|| line.to_owned())).collect();
    Ok(all?.into_iter().filter(|(name, _)| name == suite).map(|(_, entry)| entry).collect())
}

/// The name of the running suite: that of its program, without Cargo's checksum.
fn suite() -> String {
    let program = std::env::current_exe().expect("the system knows what runs");
    let name = program.file_stem().expect("a program has a name").to_string_lossy();
    name.rsplit_once('-').map_or(&*name, |(name, _)| name).to_owned()
}

/// Why a test can't pass on the target or by the generator.
pub fn reason(name: &str) -> Option<&'static str> {
    ENTRIES.iter().find(|entry| entry.matches(name)).map(|entry| &*entry.reason)
}

/// The entries that none of these tests matches.
pub fn stale<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Vec<&'static str> {
    let is_stale = |entry: &&Entry| !names.clone().any(|name| entry.matches(name));
    ENTRIES.iter().filter(is_stale).map(|entry| &*entry.test).collect()
}
