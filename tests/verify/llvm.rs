//! LLVM's code, counted: what the checker proves of each fixture's object, and what it does not.
//!
//! `tests/verify/llvm.txt` has the counts that were seen, and a test fails if more is unproved.
//! `BLESS=1` with `W2N_FULL=1` writes the file. Without `W2N_FULL=1`, [`PART`] is counted. The
//! table in docs/verify.md is the sum of the file.

use crate::fixtures::{X86_64, kept_flags, object_of, verify};
use anyhow::{Context, Result, bail, ensure};
use code_checker::Report;
use libtest_mimic::Trial;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use test_kit::fixture::{self, Fixture};
use test_kit::product;
use test_kit::tool;
use test_kit::trial::{Skip, is_full, trial};
use wasm2native::wasm::input::Input;

const PART: [&str; 4] = ["call/indirect", "ctl/br-table", "mem/widths", "bulk/memory-fill"];

/// What was counted of one fixture: how much was proved, and by reason what was not.
#[derive(Clone, Debug, Default, PartialEq)]
struct Counts {
    proved: u64,
    unproved: BTreeMap<String, u64>,
}

/// By fixture.
type Manifest = BTreeMap<String, Counts>;

static WRITING: Mutex<()> = Mutex::new(());

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("llvm/table", check_table)];
    let fixtures = fixture::all().expect("the fixtures can be listed");
    for path in fixtures.into_iter().filter(|path| path.extension().is_some_and(|it| it == "wat")) {
        let name = fixture::name_of(&path);
        if is_full() || PART.contains(&name.as_str()) {
            trials.push(trial(format!("llvm/{name}"), move || check(&path)));
        }
    }
    trials
}

fn check(path: &Path) -> Result<()> {
    tool::require_command("clang-19")?;
    let fixture = Fixture::read(path)?;
    let source = product::input(&fixture)?;
    let is_script = Input { name: fixture.file_name(), bytes: source.clone() }.is_script();
    if is_script || fixture.expected("error").is_some() {
        bail!(Skip::Reason("a script, or a message of the compiler: it has no object".to_owned()));
    }
    let wasm = wat::parse_bytes(&source)?;
    let flags = [&["--generator".to_owned(), "llvm".to_owned()][..], &kept_flags(&fixture)].concat();
    let Ok(object) = object_of(&X86_64, Some(&fixture), &source, &flags) else {
        bail!(Skip::Reason("LLVM makes no object of it".to_owned()));
    };
    let counts = count(&verify(&object, &wasm, &flags, None)?);
    if is_blessing() {
        let _guard = WRITING.lock().expect("no thread panics while it holds the lock");
        let mut manifest = read()?;
        manifest.insert(fixture.name.clone(), counts);
        return write(&manifest);
    }
    let manifest = read()?;
    let recorded = manifest.get(&fixture.name).context("not counted yet: BLESS=1 W2N_FULL=1 counts it")?;
    let sum = |counts: &Counts| counts.unproved.values().sum::<u64>();
    ensure!(sum(&counts) <= sum(recorded), "more is unproved: {counts:?}, and {recorded:?} before");
    Ok(())
}

fn count(report: &Report) -> Counts {
    let mut counts = Counts { proved: report.classes.values().sum(), unproved: BTreeMap::new() };
    for failure in &report.failures {
        *counts.unproved.entry(kind_of(&failure.reason)).or_default() += 1;
    }
    counts
}

/// A reason without places, numbers and names.
fn kind_of(reason: &str) -> String {
    let last = reason.rsplit(": ").next().unwrap_or(reason);
    let mut kind = String::new();
    for (number, part) in last.split('`').enumerate() {
        kind.push_str(if number % 2 == 1 { "…" } else { part });
    }
    let words = kind.split(' ').map(|word| {
        let is_number = word.trim_start_matches('-').starts_with(|letter: char| letter.is_ascii_digit());
        if is_number { "N" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn is_blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value != "0")
}

fn manifest_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify/llvm.txt")
}

fn read() -> Result<Manifest> {
    let text = std::fs::read_to_string(manifest_path()).unwrap_or_default();
    let mut manifest = Manifest::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(": ").with_context(|| format!("`{line}` is not `NAME: COUNT KIND`"))?;
        let (number, kind) = rest.split_once(' ').with_context(|| format!("`{line}` has no count"))?;
        let counts = manifest.entry(name.to_owned()).or_default();
        match kind {
            "proved" => counts.proved = number.parse()?,
            _ => drop(counts.unproved.insert(kind.to_owned(), number.parse()?)),
        }
    }
    Ok(manifest)
}

fn write(manifest: &Manifest) -> Result<()> {
    let mut text = "# What is proved of LLVM's code, and why the rest is not: see llvm.rs.\n".to_owned();
    for (name, counts) in manifest {
        writeln!(text, "{name}: {} proved", counts.proved)?;
        for (kind, number) in &counts.unproved {
            writeln!(text, "{name}: {number} {kind}")?;
        }
    }
    Ok(std::fs::write(manifest_path(), text)?)
}

/// The sum of all fixtures stands in docs/verify.md.
fn check_table() -> Result<()> {
    let manifest = read()?;
    let mut unproved: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, number) in manifest.values().flat_map(|counts| &counts.unproved) {
        *unproved.entry(kind).or_default() += number;
    }
    let mut rows: Vec<_> = unproved.into_iter().collect();
    rows.sort_by_key(|&(kind, number)| (std::cmp::Reverse(number), kind));
    let proved: u64 = manifest.values().map(|counts| counts.proved).sum();
    let n_whole = manifest.values().filter(|counts| counts.unproved.is_empty()).count();
    let mut table =
        format!("| {} fixtures, {n_whole} of them proved | |\n| --- | --: |\n| proved | {proved} |\n", manifest.len());
    for (kind, number) in rows {
        writeln!(table, "| {kind} | {number} |")?;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify.md");
    let text = std::fs::read_to_string(&path)?;
    let title = text.find(" of them proved |").context("docs/verify.md has no table")?;
    let start = text[..title].rfind('\n').context("the table has no line of its own")? + 1;
    let length = text[start..].find("\n\n").context("the table has no end")? + 1;
    if is_blessing() {
        return Ok(std::fs::write(&path, format!("{}{table}{}", &text[..start], &text[start + length..]))?);
    }
    ensure!(text[start..start + length] == table, "docs/verify.md has another table than this:\n{table}");
    Ok(())
}
