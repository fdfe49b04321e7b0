//! The specification's test suite, through machine code: every script becomes a program
//! (`wasm2native script.wast -o program`), and the program checks its assertions. Prints a table of
//! files, assertions that passed and failed, and skips, each with its reason.
//!
//! What can't work yet stands in `manifest.txt`: the lines of a script whose commands fail. A
//! command that fails without standing there is a failure, and so is one that stands there and
//! works. `cargo test --test spec -- WORD` runs the files whose path contains the word,
//! `W2N_PART=1` every third of those of the core, without vectors and later additions. `BLESS=1`
//! rewrites the lists of all files: read the difference before committing it.

mod suite;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use suite::{Script, Skip};
use test_kit::folder::Folder;
use test_kit::{command, manifest, process, target};

/// The folder of what `W2N_PART=1` runs a part of, and of how many of its scripts that has one.
const CORE: &str = "spec";
const PART: u8 = 3;

/// How many differences of a script are shown.
const MOST_SHOWN: usize = 20;

#[derive(Default)]
struct Row {
    files: usize,
    passed: usize,
    failed: usize,
    skipped: Vec<String>,
}

/// What a script did.
enum Verdict {
    /// Assertions that passed, and the commands that failed: lines and messages, in order.
    Ran {
        passed: usize,
        failures: Vec<(usize, String)>,
    },
    /// The compiler refused the whole script.
    Refused(String),
    Broken(String),
    /// A manifest says why it can't run here.
    Left(&'static str),
}

fn is_in_part(script: &Script) -> bool {
    script.folder() == CORE && blake3::hash(script.path.as_bytes()).as_bytes()[0].is_multiple_of(PART)
}

fn main() -> ExitCode {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let scripts = suite::scripts();
    let wanted: Vec<_> = scripts
        .iter()
        .filter(|script| filter.as_ref().is_none_or(|word| script.path.contains(word.as_str())))
        .filter(|script| !target::is_part() || is_in_part(script))
        .collect();
    let folder = Folder::empty();
    let next = AtomicUsize::new(0);
    let verdicts: Mutex<BTreeMap<usize, Verdict>> = Mutex::default();
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                while let Some(script) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let verdict = run(script, &folder.path(script.number.to_string()));
                    verdicts.lock().expect("no test panics").insert(script.number, verdict);
                }
            });
        }
    });
    let verdicts = verdicts.into_inner().expect("no test panics");
    let stale = manifest::stale(scripts.iter().map(|script| &*script.path));
    assert!(stale.is_empty(), "a manifest lists scripts that there are not: {}", stale.join(", "));
    let bless = std::env::var_os("BLESS").is_some_and(|value| value != "0");
    if bless && wanted.len() == scripts.len() {
        let skips = |script: &Script| skip_of(&verdicts[&script.number], script.skip.as_ref());
        suite::write(scripts.iter().map(|script| (script, skips(script))));
    }
    let mut rows: BTreeMap<&str, Row> = BTreeMap::new();
    for script in wanted {
        note(rows.entry(script.folder()).or_default(), script, &verdicts[&script.number]);
    }
    print_table(&rows)
}

/// Compiles the script and runs the program.
fn run(script: &Script, program: &Path) -> Verdict {
    // Not even tried: where an emulator runs out of memory, the system ends other programs, too.
    if let Some(reason) = manifest::reason(&script.path) {
        return Verdict::Left(reason);
    }
    let source = program.with_extension("wast");
    std::fs::write(&source, &script.text).expect("the temporary folder can be written");
    // A file without commands need only compile: it is the text of a module.
    let is_module = !wasm2native::script::is_script(&script.text);
    let mut compiler = command::for_programs();
    compiler.args(command::flags());
    compiler.arg(&source).args(is_module.then_some("-c")).args(script.flags).arg("-q").arg("-o").arg(program);
    let compiled = match process::run(&mut compiler, b"") {
        Ok(outcome) => outcome,
        Err(error) => return Verdict::Broken(format!("{error:#}")),
    };
    if compiled.status != 0 {
        return Verdict::Refused(compiled.stderr.trim().replace(&source.display().to_string(), &script.path));
    }
    if is_module {
        return Verdict::Ran { passed: 0, failures: Vec::new() };
    }
    let outcome = process::run(&mut process::program(program), b"");
    let _ = std::fs::remove_file(program);
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return Verdict::Broken(format!("{error:#}")),
    };
    let (status, output) = (outcome.status, &outcome.stdout);
    let failures: Option<Vec<(usize, String)>> = output.lines().rev().skip(1).map(failure).collect();
    match (summary(output), failures) {
        // The status and the messages agree with the summary, or the program is broken.
        (Some((passed, failed)), Some(mut failures)) if status == i32::from(failed > 0) && failures.len() == failed => {
            failures.sort();
            Verdict::Ran { passed, failures }
        }
        _ => {
            Verdict::Broken(format!("the program: {}; it wrote: {output}{}", process::describe(status), outcome.stderr))
        }
    }
}

/// Line and message of `line N: message`.
fn failure(line: &str) -> Option<(usize, String)> {
    let (number, message) = line.strip_prefix("line ")?.split_once(": ")?;
    Some((number.parse().ok()?, message.to_owned()))
}

/// The numbers in the program's last line, `N passed, M failed`.
fn summary(output: &str) -> Option<(usize, usize)> {
    let (passed, failed) = output.lines().last()?.split_once(" passed, ")?;
    Some((passed.parse().ok()?, failed.strip_suffix(" failed")?.parse().ok()?))
}

/// What the manifest must say of a script that did this.
fn skip_of(verdict: &Verdict, old: Option<&Skip>) -> Option<Skip> {
    let (lines, message) = match verdict {
        Verdict::Ran { failures, .. } => {
            (failures.iter().map(|(line, _)| *line).collect(), failures.first().map(|(_, message)| message)?)
        }
        Verdict::Refused(message) => (Vec::new(), message),
        Verdict::Broken(_) | Verdict::Left(_) => return old.cloned(),
    };
    let reason = old.map_or(message, |old| &old.reason);
    Some(Skip { reason: reason.clone(), lines })
}

/// Counts what the script did, and prints what the manifest does not expect.
fn note(row: &mut Row, script: &Script, verdict: &Verdict) {
    row.files += 1;
    let mut faults = Vec::new();
    match (verdict, &script.skip) {
        (Verdict::Ran { passed, failures }, skip) => {
            row.passed += passed;
            // A line with two commands stands there twice.
            let mut expected = skip.as_ref().map(|skip| skip.lines.clone()).unwrap_or_default();
            for (line, message) in failures {
                match expected.iter().position(|other| other == line) {
                    Some(place) => drop(expected.remove(place)),
                    None => faults.push(format!("line {line}: {message}")),
                }
            }
            for line in expected {
                faults.push(format!("line {line} works, and stands in the manifest as skipped"));
            }
            if let Some(skip) = skip {
                if skip.lines.is_empty() {
                    faults.push("the script can run, and stands in the manifest as skipped".to_owned());
                }
                if !failures.iter().any(|(_, message)| message.contains(&skip.reason)) {
                    faults.push(format!("no message says `{}`, as the manifest does", skip.reason));
                }
                let n_commands = passed + failures.len();
                let (n, reason) = (skip.lines.len(), &skip.reason);
                row.skipped.push(format!("{}: {n} of {n_commands} commands: {reason}", script.path));
            }
        }
        (Verdict::Left(reason), _) => row.skipped.push(format!("{}: {reason}", script.path)),
        (Verdict::Refused(message), Some(skip)) if skip.lines.is_empty() && message.contains(&skip.reason) => {
            row.skipped.push(format!("{}: {}", script.path, skip.reason));
        }
        (Verdict::Refused(message) | Verdict::Broken(message), _) => faults.push(message.clone()),
    }
    row.failed += faults.len();
    for fault in faults.iter().take(MOST_SHOWN) {
        println!("{}: {fault}", script.path);
    }
    if faults.len() > MOST_SHOWN {
        println!("{}: and {} more", script.path, faults.len() - MOST_SHOWN);
    }
}

fn print_table(rows: &BTreeMap<&str, Row>) -> ExitCode {
    let mut total = Row::default();
    println!("\n| suite | files | passed | failed | files with skips |\n| --- | --: | --: | --: | --: |");
    for (folder, row) in rows {
        println!("| {folder} | {} | {} | {} | {} |", row.files, row.passed, row.failed, row.skipped.len());
        total.files += row.files;
        total.passed += row.passed;
        total.failed += row.failed;
        total.skipped.extend(row.skipped.iter().cloned());
    }
    let n_skipped = total.skipped.len();
    println!("| all | {} | {} | {} | {n_skipped} |\n", total.files, total.passed, total.failed);
    total.skipped.iter().for_each(|line| println!("skipped {line}"));
    println!("\n{} passed, {} failed, {n_skipped} skipped", total.passed, total.failed);
    if total.failed == 0 && total.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
