//! What compilers make of whole programs: fixtures in C and C++, in Cot, and `benches/programs`.
//!
//! By default a part is proved, with default flags: [`PART`], and of Cot the fixtures in `examples`
//! and every fourth one in `run`. `W2N_FULL=1` proves all, those in C also with `-O0`.

use crate::fixtures::{X86_64, object_of, verify};
use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use std::path::{Path, PathBuf};
use test_kit::fixture::{self, Fixture};
use test_kit::trial::{Skip, is_full, trial};
use test_kit::{command, process, toolchain};

/// A loop with two numbers that move, one that counts down from a number, a table of jumps by a
/// number that is known at first.
const PART: [&str; 3] = ["program/nbody", "program/base64", "c/setjmp"];

/// What is not proved, and a part of the reason. An address in the frame is in a register at a
/// call: what a variadic call of C gets, or what the loop that touches a large frame leaves behind.
/// All above it counts as changed, and there the function keeps an index or a base.
const LOST: [(&str, &str); 3] = [
    ("foreign/libc -O0", "neither within the guard"),
    ("foreign/printf -O0", "neither within the guard"),
    ("cot/run/long-chains", "nothing is known of the address"),
];

pub fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let fixtures = fixture::all().expect("the fixtures can be listed");
    for path in fixtures.into_iter().filter(|path| path.extension().is_some_and(|it| it != "wat")) {
        let name = fixture::name_of(&path);
        if is_full() || PART.contains(&name.as_str()) {
            trials.push(trial(name, move || check_c(&path)));
        }
    }
    for path in listed("benches/programs", "c") {
        let name = format!("program/{}", stem(&path));
        if is_full() || PART.contains(&name.as_str()) {
            trials.push(trial(name, move || check_program(&path)));
        }
    }
    for (folder, part) in [("examples", 1), ("run", 4)] {
        let all = listed(&format!("fixtures/cot/{folder}"), "cot");
        let each = if is_full() { 1 } else { part };
        for path in all.into_iter().step_by(each) {
            let name = format!("cot/{folder}/{}", stem(&path));
            trials.push(trial(name.clone(), move || as_known(&name, check_cot(&path))));
        }
    }
    trials
}

/// The files of a folder of this project, in order.
fn listed(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).expect("the folder is a part of the project");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == extension));
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn check_c(path: &Path) -> Result<()> {
    let fixture = Fixture::read(path)?;
    toolchain::require_for(&fixture)?;
    let wasm = toolchain::compile(&fixture)?;
    let flags = crate::fixtures::kept_flags(&fixture);
    prove(Some(&fixture), &wasm, &flags)?;
    if !is_full() {
        return Ok(());
    }
    let outcome = prove(Some(&fixture), &wasm, &[&flags[..], &["-O0".to_owned()]].concat());
    as_known(&format!("{} -O0", fixture.name), outcome)
}

fn as_known(name: &str, outcome: Result<()>) -> Result<()> {
    let Some((_, reason)) = LOST.iter().find(|(lost, _)| *lost == name) else { return outcome };
    let is_lost = outcome.is_err_and(|error| format!("{error:#}").contains(reason));
    ensure!(is_lost, "another outcome than LOST says");
    Ok(())
}

/// As the benches compile it.
fn check_program(path: &Path) -> Result<()> {
    toolchain::require()?;
    let mut flags = vec!["-O3".to_owned()];
    flags.extend(stem(path).starts_with("simd_").then(|| "-msimd128".to_owned()));
    prove(None, &toolchain::compile_files(&[path.to_owned()], &flags)?, &[])
}

fn check_cot(path: &Path) -> Result<()> {
    let fixture = Fixture::read(path)?;
    if !fixture.setup.build.is_empty() || fixture.setup.emit.is_some() {
        bail!(Skip::Reason("tests, a stage, or a program with flags of its own".to_owned()));
    }
    let folder = tempfile::tempdir()?;
    let wasm = folder.path().join("it.wasm");
    let mut command = command::cot();
    command.args(["build", "--emit", "wasm", "-o"]).arg(&wasm).arg(path);
    let outcome = process::run(&mut command, b"")?;
    ensure!(outcome.status == 0, "{}", outcome.stderr);
    prove(None, &std::fs::read(&wasm)?, &[])
}

/// `fixture`: whose files the flags may name.
fn prove(fixture: Option<&Fixture>, wasm: &[u8], flags: &[String]) -> Result<()> {
    let report = object_of(&X86_64, fixture, wasm, flags)
        .and_then(|object| verify(&object, wasm, flags, None))
        .with_context(|| format!("flags {flags:?}"))?;
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    ensure!(failures.is_empty(), "flags {flags:?}: {report}\n{}", failures.join("\n"));
    Ok(())
}
