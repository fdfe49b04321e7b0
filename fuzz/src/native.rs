//! The calls of a module as native code: shared libraries in one host process, and programs.

use crate::cases::{CHECK, Cases};
use crate::observed::{Ended, Mode, Observed, Place, Traps};
use crate::variant::{Form, Generator, Target, Variant};
use anyhow::{Context, Result, bail, ensure};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;
use test_kit::process::{self, Outcome, describe};
use test_kit::{tool, trap};
use wasm2native::driver;
use wasm2native::options::{Emit, OptLevel, Options, Output};
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

/// How long a process may take.
const TIME: Duration = Duration::from_secs(180);

/// What a process may take of the machine for objects. Who wants more traps, which ends the
/// comparison.
const OPTIONS: (&str, &str) = ("WASM2NATIVE_OPTIONS", "--max-heap 1G");

/// The prefix of the libraries' symbols.
const PREFIX: &str = "m";

impl Variant {
    pub fn traps(&self) -> Traps {
        match (self.generator, self.level) {
            (Generator::Llvm, _) => Traps::Free,
            (Generator::Exact, _) => Traps::Function,
            (_, OptLevel::None) => Traps::Exact,
            _ => Traps::Merged,
        }
    }
}

/// Compiles `cases` to a file in `folder`.
///
/// # Errors
/// When the compiler refuses the module.
pub fn build(variant: &Variant, cases: &Cases, folder: &Path) -> Result<PathBuf> {
    let (emit, invoke, prefix) = match variant.form {
        Form::Library => (Emit::Sharedlib, None, Some(PREFIX.to_owned())),
        Form::Program => (Emit::Exe, Some(CHECK.to_owned()), None),
    };
    let file = folder.join(variant.to_string());
    let options = Options { invoke, prefix, ..variant.options() };
    let input = Input { name: "fuzz.wasm".to_owned(), bytes: cases.wasm.clone() };
    driver::build(&input, &options, &[Output { emit, file: file.clone() }], &Silent)?;
    Ok(file)
}

/// What a library did, or how it ended the process.
pub type Ran = std::result::Result<Observed, String>;

/// Runs libraries for one target, in their order. One that ends the process is an error, and a
/// process of their own runs those after it.
///
/// # Errors
/// When there is no host.
pub fn observe(target: Target, mode: Mode, n_calls: u32, libraries: &[PathBuf]) -> Result<Vec<Ran>> {
    let mut results = Vec::new();
    while results.len() < libraries.len() {
        let rest = &libraries[results.len()..];
        let mut command = command(target, host(target)?);
        command
            .arg(n_calls.to_string())
            .arg(if mode == Mode::On { "on" } else { "reset" })
            .args(rest)
            .env_clear()
            .env(OPTIONS.0, OPTIONS.1);
        match run(&mut command) {
            Ok(outcome) => results.extend(read(&outcome, rest.len())?),
            // An emulator takes seconds for each reset of a library with objects.
            Err(error) if target.is_foreign() => return Err(error.context("a process under the emulator")),
            Err(error) if rest.len() == 1 => results.push(Err(format!("{error:#}"))),
            // It is not known which one goes on for ever.
            Err(_) => {
                for library in rest {
                    results.extend(observe(target, mode, n_calls, std::slice::from_ref(library))?);
                }
            }
        }
    }
    Ok(results)
}

/// What a host printed of up to `n` libraries.
fn read(outcome: &Outcome, n: usize) -> Result<Vec<Ran>> {
    let mut results: Vec<Ran> = Vec::new();
    let mut is_whole = false;
    for line in outcome.stdout.lines() {
        is_whole = line == "end";
        if line.starts_with("library ") {
            results.push(Ok(Observed::default()));
        } else if !is_whole {
            let observed = results.last_mut().and_then(|last| last.as_mut().ok()).context("no library began")?;
            let (name, ended) = parse(line).with_context(|| format!("the host printed `{line}`"))?;
            match name {
                "init" => observed.failed = ended.is_trap().then_some(ended),
                "state" => observed.state = Some(ended),
                _ => observed.calls.push(ended),
            }
        }
    }
    if outcome.status != 0 || !is_whole {
        let so_far = results.pop().map_or(0, |last| last.map_or(0, |it| it.calls.len()));
        let status = describe(outcome.status);
        results.push(Err(format!("the host ended with {status} after {so_far} calls: {}", outcome.stderr.trim_end())));
    }
    ensure!(results.len() <= n && !results.is_empty(), "the host printed more than it was asked for");
    Ok(results)
}

/// A line of the host: `NAME CODE VALUE FUNCTION OFFSET MESSAGE`.
fn parse(line: &str) -> Option<(&str, Ended)> {
    let mut words = line.splitn(6, ' ');
    let name = words.next()?;
    let code: i32 = words.next()?.parse().ok()?;
    let value = u64::from_str_radix(words.next()?, 16).ok()?;
    let [function, offset] = [words.next()?, words.next()?].map(|word| word.parse::<u32>().ok());
    let message = words.next()?;
    if code == 0 {
        return Some((name, Ended::Value(value)));
    }
    let place = offset.filter(|offset| *offset != u32::MAX).zip(function);
    let place = place.map(|(offset, function)| Place { function: Some(function), offset });
    Some((name, Ended::Trap { kind: trap::kind(message)?, place }))
}

/// One run of a program.
///
/// # Errors
/// What it did wrong: a signal, no result.
pub fn check(target: Target, program: &Path, mask: u64) -> std::result::Result<Ended, String> {
    let mut command = command(target, program);
    command.arg(mask.cast_signed().to_string()).env_clear().env(OPTIONS.0, OPTIONS.1);
    let outcome = run(&mut command).map_err(|error| format!("{error:#}"))?;
    match outcome.status {
        0 => {
            let value = outcome.stdout.trim_end().parse::<i64>();
            value
                .map(|value| Ended::Value(value.cast_unsigned()))
                .map_err(|_| format!("it printed `{}`", outcome.stdout))
        }
        134 => {
            let kind = trap::of_program(&outcome).ok_or_else(|| outcome.stderr.to_string())?;
            // `    0: 0x2d - name`.
            let offset = outcome.stderr.lines().find_map(|line| line.trim_start().strip_prefix("0: 0x"));
            let offset = offset.and_then(|text| u32::from_str_radix(text.split(' ').next()?, 16).ok());
            Ok(Ended::Trap { kind, place: offset.map(|offset| Place { function: None, offset }) })
        }
        status => Err(format!("{}: {}", describe(status), outcome.stderr.trim_end())),
    }
}

fn run(command: &mut Command) -> Result<Outcome> {
    loop {
        let outcome = process::with_time(TIME, || process::run(command, b""));
        // Another thread starts a process, which has the program open for writing until it begins.
        let is_busy = |error: &io::Error| error.kind() == io::ErrorKind::ExecutableFileBusy;
        match outcome {
            Err(error) if error.downcast_ref().is_some_and(is_busy) => thread::sleep(Duration::from_millis(10)),
            outcome => return outcome,
        }
    }
}

/// Starts a program for `target`.
fn command(target: Target, program: impl AsRef<OsStr>) -> Command {
    if !target.is_foreign() {
        return Command::new(program);
    }
    let mut command = Command::new(format!("qemu-{}", target.processor()));
    command.arg("-L").arg(format!("/usr/{}-linux-gnu", target.processor())).arg(program);
    command
}

/// The host for `target`, compiled once.
fn host(target: Target) -> Result<PathBuf> {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    static HOSTS: Mutex<Option<HashMap<&str, PathBuf>>> = Mutex::new(None);
    let mut hosts = HOSTS.lock().expect("nothing panics with the lock");
    let hosts = hosts.get_or_insert_default();
    if let Some(host) = hosts.get(target.processor()) {
        return Ok(host.clone());
    }
    if FOLDER.get().is_none() {
        let _ = FOLDER.set(tempfile::tempdir()?);
    }
    let folder = FOLDER.get().expect("it is set").path().join(target.processor());
    std::fs::create_dir(&folder)?;
    // For the declarations that all libraries have.
    let bytes = wat::parse_str("(module)")?;
    let output = Output { emit: Emit::Header, file: folder.join("library.h") };
    driver::build(&Input { name: "library.wasm".to_owned(), bytes }, &Options::default(), &[output], &Silent)?;
    std::fs::write(folder.join("host.c"), include_str!("host.c"))?;
    let cc = if target.is_foreign() { format!("{}-linux-gnu-gcc", target.processor()) } else { "cc".to_owned() };
    tool::require_command(&cc)?;
    let host = folder.join("host");
    let mut command = Command::new(&cc);
    command.args(["-O1", "-Wall", "-o"]).arg(&host).arg(folder.join("host.c")).arg("-ldl");
    let outcome = process::run(&mut command, b"")?;
    if outcome.status != 0 {
        bail!("{cc}: {}", outcome.stderr);
    }
    hosts.insert(target.processor(), host.clone());
    Ok(host)
}
