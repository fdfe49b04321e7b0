//! The specification's test suite, through machine code: every script becomes a program
//! (`wasm2native script.wast -o program`), and the program checks its assertions. Prints a table:
//! files, assertions passed and failed, skipped files with the reason.
//!
//! `cargo test --test spec -- WORD` runs the files whose path contains the word.

mod suite;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use suite::Script;

/// A program that runs longer hangs.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// What the compiler says of a script that needs a proposal which is not there yet. What fails with
/// them is skipped, and named.
const MISSING_PROPOSAL: &str = "not supported";

/// What commands say whose module was skipped for that: they find the module before it.
const CONSEQUENCE: &str = "the module exports no";

/// What we say of assertions that the standard has overtaken: proposals are written against its
/// first version.
const OVERTAKEN: [&str; 2] =
    ["the module is accepted, instead of: multiple memories", "the module is accepted, instead of: multiple tables"];

#[derive(Default)]
struct Row {
    files: usize,
    passed: usize,
    failed: usize,
    skipped: Vec<String>,
}

enum Verdict {
    Ran { passed: usize, failed: usize, output: String },
    Skipped(String),
    Broken(String),
}

fn main() -> ExitCode {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let scripts = suite::scripts();
    let scripts: Vec<_> = scripts
        .iter()
        .filter(|script| filter.as_ref().is_none_or(|word| script.path.contains(word.as_str())))
        .collect();
    let place = tempfile::tempdir().expect("a temporary folder");
    let next = AtomicUsize::new(0);
    let rows: Mutex<BTreeMap<&str, Row>> = Mutex::default();
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..n_threads {
            scope.spawn(|| {
                while let Some((number, script)) =
                    scripts.get(next.fetch_add(1, Ordering::Relaxed)).map(|it| (it.number, it))
                {
                    let verdict = run(script, &place.path().join(number.to_string()));
                    note(&mut rows.lock().expect("no test panics"), script, verdict);
                }
            });
        }
    });
    print_table(&rows.into_inner().expect("no test panics"))
}

/// A proposal whose scripts are not run at all.
const UNSUPPORTED_SUITE: &str = "proposals/custom-descriptors/";

/// Compiles the script and runs the program.
fn run(script: &Script, program: &Path) -> Verdict {
    if script.path.starts_with(UNSUPPORTED_SUITE) {
        return Verdict::Skipped("the proposal builds on garbage collection, which is not supported".to_owned());
    }
    let source = program.with_extension("wast");
    std::fs::write(&source, &script.text).expect("the temporary folder can be written");
    // A file without commands only has to compile: it is the text of a module.
    let is_module = !wasm2native::script::is_script(&script.text);
    let compiler = Command::new(env!("CARGO_BIN_EXE_wasm2native"))
        .arg(&source)
        .args(is_module.then_some("-c"))
        .args(script.flags)
        .arg("-q")
        .arg("-o")
        .arg(program)
        .output()
        .expect("the compiler can be started");
    let message = String::from_utf8_lossy(&compiler.stderr).trim().replace(&source.display().to_string(), &script.path);
    if !compiler.status.success() {
        return if message.contains(MISSING_PROPOSAL) { Verdict::Skipped(message) } else { Verdict::Broken(message) };
    }
    if is_module {
        return Verdict::Ran { passed: 0, failed: 0, output: String::new() };
    }
    let child = Command::new(program).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the program can be started");
    let start = Instant::now();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let reader = std::thread::spawn(move || std::io::read_to_string(stdout.expect("piped")).unwrap_or_default());
    let errors = std::thread::spawn(move || std::io::read_to_string(stderr.expect("piped")).unwrap_or_default());
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            break status;
        }
        if start.elapsed() > TIME_LIMIT {
            child.kill().expect("the child is ours");
            return Verdict::Broken(format!("the program ran for more than {} s", TIME_LIMIT.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let output = reader.join().expect("reading does not panic");
    let errors = errors.join().expect("reading does not panic");
    let _ = std::fs::remove_file(program);
    match summary(&output) {
        // The status agrees with the summary, or the program is broken.
        Some((passed, failed)) if status.code() == Some(i32::from(failed > 0)) => {
            Verdict::Ran { passed, failed, output }
        }
        _ => Verdict::Broken(format!("the program ended with {status}; it wrote: {output}{errors}")),
    }
}

/// The numbers in the program's last line, `N passed, M failed`.
fn summary(output: &str) -> Option<(usize, usize)> {
    let (passed, failed) = output.lines().last()?.split_once(" passed, ")?;
    Some((passed.parse().ok()?, failed.strip_suffix(" failed")?.parse().ok()?))
}

fn note<'s>(rows: &mut BTreeMap<&'s str, Row>, script: &'s Script, verdict: Verdict) {
    let row = rows.entry(script.folder()).or_default();
    row.files += 1;
    match verdict {
        Verdict::Ran { passed, failed, output } => {
            row.passed += passed;
            let is_proposal = script.path.starts_with("proposals/");
            let is_excused = |line: &str| {
                is_proposal && OVERTAKEN.iter().any(|message| line.ends_with(message))
                    || line.contains(MISSING_PROPOSAL)
                    || output.contains(MISSING_PROPOSAL) && line.contains(CONSEQUENCE)
            };
            let excused: Vec<_> = output.lines().filter(|line| line.starts_with("line ") && is_excused(line)).collect();
            if let [first, ..] = excused[..] {
                let reason = if first.contains(MISSING_PROPOSAL) { first } else { "overtaken by the standard" };
                row.skipped.push(format!(
                    "{}: {} of {} commands: {reason}",
                    script.path,
                    excused.len(),
                    passed + failed
                ));
            }
            let failed = failed - excused.len();
            row.failed += failed;
            // A script without assertions passes by getting to its end.
            if failed > 0 {
                println!("{}: {failed} of {} assertions failed", script.path, passed + failed);
                output.lines().filter(|line| !excused.contains(line)).take(20).for_each(|line| println!("    {line}"));
            }
        }
        Verdict::Skipped(reason) => row.skipped.push(format!("{}: {reason}", script.path)),
        Verdict::Broken(reason) => {
            row.failed += 1;
            println!("{}: {reason}", script.path);
        }
    }
}

fn print_table(rows: &BTreeMap<&str, Row>) -> ExitCode {
    let mut total = Row::default();
    println!("\n| suite | files | passed | failed | skipped files |\n| --- | --: | --: | --: | --: |");
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
