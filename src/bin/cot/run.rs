//! `cot run`, `cot test` and `cot bench`: build in a temporary folder, run, and end as the program
//! did.

use crate::build::{self, BuildTarget, Mode};
use crate::flags;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use wasm2native::cot::check::Build;
use wasm2native::cot::lower::Host;
use wasm2native::cot::{Compiled, Product, Stage};
use wasm2native::scratch::Scratch;
use wasm2native::stdio;

pub fn run(args: &flags::Run) -> Result<ExitCode> {
    let (file, target) = build::source(&args.source)?;
    let target = runnable(target)?;
    match build::compile(&file, target, Mode::program(args.release), Stage::Wasm)? {
        Product::Wasm(compiled) => execute(&file, &compiled, target, &args.args),
        Product::Text(_) | Product::NoTests => unreachable!("a program is built to the end"),
    }
}

pub fn test(args: &flags::Test) -> Result<ExitCode> {
    let (file, target) = build::source(&args.source)?;
    if args.verbose {
        stdio::message(format!("Test {}\n", file.display()));
    }
    let mode = Mode {
        build: Build::Tests,
        filter: args.filter.clone(),
        fail_fast: args.fail_fast,
        leaks: args.leaks,
        ..Mode::program(args.release)
    };
    run_blocks(&file, target, mode, "test")
}

pub fn bench(args: &flags::Bench) -> Result<ExitCode> {
    let (file, target) = build::source(&args.source)?;
    let mode = Mode {
        build: Build::Benches,
        filter: args.filter.clone(),
        iterations: args.n.unwrap_or(0),
        // Checks are not what is to be measured.
        ..Mode::program(true)
    };
    run_blocks(&file, target, mode, "bench")
}

/// Runs the tests or benches of a file.
fn run_blocks(file: &Path, target: BuildTarget, mode: Mode, kind: &str) -> Result<ExitCode> {
    let target = runnable(target)?;
    let filter = mode.filter.clone();
    match build::compile(file, target, mode, Stage::Wasm)? {
        Product::Wasm(compiled) => execute(file, &compiled, target, &[]),
        Product::NoTests => {
            stdio::message(match filter {
                Some(filter) => format!("no {kind} has a name with \"{filter}\" in it\n"),
                None => format!("there are no {kind} blocks in {}\n", file.display()),
            });
            Ok(ExitCode::SUCCESS)
        }
        Product::Text(_) => unreachable!("tests and benches are built to the end"),
    }
}

/// Native programs run as they are, modules for WASI as native programs too; plain Wasm has no host
/// here.
fn runnable(target: BuildTarget) -> Result<BuildTarget> {
    if target.host == Host::Bare {
        bail!("there is no host for plain wasm32 modules here; run it natively or with --target=wasm32-wasi");
    }
    if target.host == Host::Native && !target.is_native_here() {
        bail!("this machine can't run programs for that target; `cot build` makes them");
    }
    Ok(target)
}

fn execute(file: &Path, compiled: &Compiled, target: BuildTarget, args: &[OsString]) -> Result<ExitCode> {
    let folder = Scratch::new()?;
    let program = folder.path().join(file.file_stem().unwrap_or("program".as_ref()));
    build::translate(file, compiled, target, &program, false)?;
    let status = Command::new(&program).args(args).status();
    let status = status.with_context(|| format!("can't run {}", program.display()))?;
    // As a shell reports the end by a signal.
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(code as u8))
}
