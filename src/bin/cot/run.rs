//! `cot run`, `cot test` and `cot bench`: build in a temporary folder, run, and end as the program
//! did.

use crate::build::{self, BuildTarget, Mode};
use crate::flags;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};
use wasm2native::cot::check::Build;
use wasm2native::cot::lower::Host;
use wasm2native::cot::{Compiled, Product, Stage};
use wasm2native::scratch::{self, Scratch};
use wasm2native::stdio;

/// A program that runs, from a temporary folder.
pub struct Running {
    pub child: Child,
    _folder: Scratch,
}

pub fn run(args: &flags::Run) -> Result<ExitCode> {
    start(args)?.wait()
}

/// Builds a program and starts it.
///
/// # Errors
/// What is wrong with it, or it can't be started.
pub fn start(args: &flags::Run) -> Result<Running> {
    let (file, target) = build::source(&args.source)?;
    let target = runnable(target)?;
    match build::compile(&file, target, Mode::program(args.release), Stage::Wasm)? {
        Product::Wasm(compiled) => execute(&file, &compiled, target, &args.args, spawner(&args.repeat)),
        Product::Text(_) | Product::NoTests => unreachable!("a program is built to the end"),
    }
}

pub fn test(args: &flags::Test) -> Result<ExitCode> {
    wait_for(start_tests(args)?)
}

/// Builds tests and starts them; none if there are none.
///
/// # Errors
/// What is wrong with the program, or it can't be started.
pub fn start_tests(args: &flags::Test) -> Result<Option<Running>> {
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
    run_blocks(&file, target, mode, "test", spawner(&args.repeat))
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
    wait_for(run_blocks(&file, target, mode, "bench", Command::spawn)?)
}

/// The status of tests or benches; nothing to run is a success.
fn wait_for(running: Option<Running>) -> Result<ExitCode> {
    running.map_or(Ok(ExitCode::SUCCESS), Running::wait)
}

/// Starts the tests or benches of a file.
fn run_blocks(file: &Path, target: BuildTarget, mode: Mode, kind: &str, spawn: Spawn) -> Result<Option<Running>> {
    let target = runnable(target)?;
    let filter = mode.filter.clone();
    match build::compile(file, target, mode, Stage::Wasm)? {
        Product::Wasm(compiled) => execute(file, &compiled, target, &[], spawn).map(Some),
        Product::NoTests => {
            stdio::message(match filter {
                Some(filter) => format!("no {kind} has a name with \"{filter}\" in it\n"),
                None => format!("there are no {kind} blocks in {}\n", file.display()),
            });
            Ok(None)
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

/// How a program is started.
type Spawn = fn(&mut Command) -> io::Result<Child>;

/// A program that is watched ends with this process.
fn spawner(repeat: &flags::Repeat) -> Spawn {
    if repeat.watch { scratch::spawn_companion } else { Command::spawn }
}

fn execute(file: &Path, compiled: &Compiled, target: BuildTarget, args: &[OsString], spawn: Spawn) -> Result<Running> {
    let folder = Scratch::new()?;
    let program = folder.path().join(file.file_stem().unwrap_or("program".as_ref()));
    build::translate(file, compiled, target, &program, false)?;
    let child = spawn(Command::new(&program).args(args));
    let child = child.with_context(|| format!("can't run {}", program.display()))?;
    Ok(Running { child, _folder: folder })
}

impl Running {
    fn wait(mut self) -> Result<ExitCode> {
        let status = self.child.wait().context("can't wait for the program")?;
        Ok(ExitCode::from(status_number(status)))
    }
}

/// As a shell reports the end by a signal.
pub fn status_number(status: ExitStatus) -> u8 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)) as u8
}
