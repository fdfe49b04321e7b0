//! LLVM's code, counted: what the checker proves of each fixture's object, and what it does not.
//!
//! `tests/verify/llvm.txt` has the counts that were seen, and a test fails if more is unproved.
//! `BLESS=1` with `W2N_FULL=1` writes the file, and the table in docs/verify.md, which is its sum.
//! Without `W2N_FULL=1`, [`PART`] is counted. Names of fixtures begin with that of the processor,
//! if it is not x86-64.

use crate::fixtures::{PROCESSORS, Processor, kept_flags, object_of, verify};
use anyhow::{Context, Result, bail, ensure};
use code_checker::Report;
use libtest_mimic::Trial;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
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

/// By processor and fixture.
type Manifest = BTreeMap<String, Counts>;

static WRITING: Mutex<()> = Mutex::new(());

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("llvm/table", check_table)];
    let fixtures = fixture::all().expect("the fixtures can be listed");
    for path in fixtures.into_iter().filter(|path| path.extension().is_some_and(|it| it == "wat")) {
        let name = fixture::name_of(&path);
        if !is_full() && !PART.contains(&name.as_str()) {
            continue;
        }
        for processor in &PROCESSORS {
            let path = path.clone();
            trials.push(trial(format!("llvm/{}{name}", processor.prefix), move || check(processor, &path)));
        }
    }
    trials
}

fn check(processor: &Processor, path: &Path) -> Result<()> {
    tool::require_command("clang-19")?;
    let fixture = Fixture::read(path)?;
    let source = product::input(&fixture)?;
    let is_script = Input { name: fixture.file_name(), bytes: source.clone() }.is_script();
    if is_script || fixture.expected("error").is_some() {
        bail!(Skip::Reason("a script, or a message of the compiler: it has no object".to_owned()));
    }
    let wasm = wat::parse_bytes(&source)?;
    let flags = [&["--generator".to_owned(), "llvm".to_owned()][..], &kept_flags(&fixture)].concat();
    let Ok(object) = object_of(processor, Some(&fixture), &source, &flags) else {
        bail!(Skip::Reason("LLVM makes no object of it".to_owned()));
    };
    let name = format!("{}{}", processor.prefix, fixture.name);
    let counts = count(&verify(&object, &wasm, &flags, None)?);
    if is_blessing() {
        let _guard = WRITING.lock().expect("no thread panics while it holds the lock");
        let mut manifest = read()?;
        manifest.insert(name, counts);
        write(&manifest)?;
        return write_table(&manifest);
    }
    let manifest = read()?;
    let recorded = manifest.get(&name).context("not counted yet: BLESS=1 W2N_FULL=1 counts it")?;
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

const TITLE: &str = "| | x86-64 | aarch64 |\n| --- | --: | --: |\n";

/// What was counted for each of the processors.
type Row = [u64; PROCESSORS.len()];

/// The sums of all fixtures.
fn table(manifest: &Manifest) -> String {
    let (mut n_fixtures, mut n_proved, mut proved) = (Row::default(), Row::default(), Row::default());
    let mut unproved: BTreeMap<&str, Row> = BTreeMap::new();
    for (name, counts) in manifest {
        // The prefix of the first one is empty.
        let is_of = |processor: &Processor| name.starts_with(processor.prefix);
        let processor = PROCESSORS.iter().rposition(is_of).expect("the first one has all names");
        n_fixtures[processor] += 1;
        n_proved[processor] += u64::from(counts.unproved.is_empty());
        proved[processor] += counts.proved;
        for (kind, number) in &counts.unproved {
            unproved.entry(kind).or_default()[processor] += number;
        }
    }
    let mut rows: Vec<_> = unproved.into_iter().collect();
    rows.sort_by_key(|&(kind, numbers)| (std::cmp::Reverse(numbers.iter().sum::<u64>()), kind));
    let wholes = [("fixtures", n_fixtures), ("of them proved", n_proved), ("proved", proved)];
    let mut table = TITLE.to_owned();
    for (kind, [x86_64, aarch64]) in wholes.into_iter().chain(rows) {
        writeln!(table, "| {kind} | {x86_64} | {aarch64} |").expect("a string");
    }
    table
}

/// The table stands in docs/verify.md.
fn check_table() -> Result<()> {
    let (path, text) = document()?;
    let table = table(&read()?);
    let place = place_of_table(&text)?;
    if !is_blessing() {
        ensure!(text[place] == table, "{} has another table than this:\n{table}", path.display());
    }
    Ok(())
}

fn write_table(manifest: &Manifest) -> Result<()> {
    let (path, mut text) = document()?;
    text.replace_range(place_of_table(&text)?, &table(manifest));
    Ok(std::fs::write(path, text)?)
}

fn document() -> Result<(PathBuf, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/verify.md");
    let text = std::fs::read_to_string(&path)?;
    Ok((path, text))
}

fn place_of_table(text: &str) -> Result<Range<usize>> {
    let start = text.find(TITLE).context("docs/verify.md has no table")?;
    let length = text[start..].find("\n\n").context("the table has no end")? + 1;
    Ok(start..start + length)
}
