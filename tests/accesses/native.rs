//! Scripts through the compiler and the machine.

use super::script::Script;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use test_kit::{command, generator, process};

/// Flags for each way of compiling, and how many of the cases are tried with it: one in so many.
pub const LEVELS: [(&str, &[&str], u64); 5] = [
    ("-O2", &[], 1),
    ("-O0", &["-O0"], 10),
    ("-Os", &["-Os"], 10),
    ("--spectre-masks", &["--spectre-masks"], 10),
    ("--memory-checks", &["--memory-checks"], 2),
];

/// Compiles the script and runs it: every assertion must pass. Returns how many there are.
///
/// # Errors
/// With the lines of the script that fail.
pub fn check(script: &Script, flags: &[&str]) -> Result<usize> {
    let folder = tempfile::tempdir()?;
    let (source, program) = (folder.path().join("accesses.wast"), folder.path().join("accesses"));
    std::fs::write(&source, &script.text)?;
    compile(&source, &program, flags)?;
    let outcome = process::run(&mut process::program(&program), b"")?;
    let output = &outcome.stdout;
    let summary = output
        .lines()
        .last()
        .and_then(|line| line.split_once(" passed, "))
        .with_context(|| format!("the program ended with {}: {}", outcome.status, outcome.stderr))?;
    if summary != (script.n_assertions.to_string().as_str(), "0 failed") {
        bail!("{} passed, {}, of {}:\n{}", summary.0, summary.1, script.n_assertions, failures(output, &script.text));
    }
    Ok(script.n_assertions)
}

/// Compiles `source` with experimental proposals.
///
/// # Errors
/// When the compiler refuses it.
pub fn compile(source: &Path, program: &Path, flags: &[&str]) -> Result<()> {
    let mut command = command::for_programs();
    // Scripts go on after traps, and tell what was written until then.
    command.args(generator::name().filter(|name| *name == "llvm").map(|_| "--exact-traps"));
    command.arg(source).args(flags).args(["-q", "--enable", "custom-page-sizes", "-o"]).arg(program);
    let outcome = process::run(&mut command, b"")?;
    ensure!(outcome.status == 0, "the compiler refused it:\n{}", outcome.stderr);
    Ok(())
}

/// The first messages of the program, each with the line that it speaks of.
fn failures(output: &str, script: &str) -> String {
    let lines: Vec<_> = script.lines().collect();
    let explain = |message: &str| {
        let number = message.strip_prefix("line ")?.split(':').next()?.parse::<usize>().ok()?;
        Some(format!("    {message}\n        {}\n", lines.get(number - 1)?))
    };
    output.lines().filter_map(explain).take(10).collect()
}
