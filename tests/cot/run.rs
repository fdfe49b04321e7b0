//! Programs in `fixtures/cot/run` and `fixtures/cot/examples`, on all three targets: an executable,
//! a module for WASI under wasmtime, and a plain module under wasmtime and, if it is installed,
//! Node. They print the same bytes and end alike.
//!
//! Fixtures are written as `tests/kit/src/directive.rs` and `tests/kit/src/fixture.rs` say, with
//! `//!` and `//=`. `build = "test"` runs the file's tests instead of `main`; those in
//! `fixtures/cot/stages` show what a stage makes of them (`emit = "ssa"`); other words are flags of
//! `cot build` or `cot test`. `hosts = "native"` or `"native wasi"` says where a program can run. A
//! plain module has no arguments, input or files. `BLESS=1` rewrites the expected texts.

use crate::source;
use anyhow::{Context, Result};
use libtest_mimic::Trial;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_kit::directive::Run;
use test_kit::fixture::{Fixture, Section};
use test_kit::process::{self, Outcome};
use test_kit::reference::{self, Request};
use test_kit::trial::trial;
use test_kit::{command, product, text, tool};
use wasm2native::cot::check::Build;
use wasm2native::cot::lower::Host;
use wasm2native::cot::{Options, Product, Stage, compile};
use wasmtime::{Caller, Engine, Instance, Linker, Module, Store, Val};

/// Status of a native program that panicked or trapped.
pub const FATAL: i32 = 2;
/// What a host answers to a file that is not open, and to bytes that are not in the memory.
const EBADF: i64 = 9;
const EFAULT: i64 = 14;
/// Status of `node.mjs` if Node does not know what the module uses.
const TOO_OLD: i32 = 77;
/// Status that the reference gives to traps.
pub const TRAPPED: i32 = 134;

pub fn trials() -> Vec<Trial> {
    let folders = ["run", "examples", "stages", "std", "facts"];
    let paths = folders.into_iter().flat_map(|folder| source::fixtures(folder).into_iter().map(move |it| (folder, it)));
    paths.map(|(folder, path)| trial(format!("{folder}/{}", source::name_of(&path)), move || check(&path))).collect()
}

/// Runs a fixture on all its targets.
///
/// # Errors
/// What is wrong; [`Skip`], if all was right, but Node was missing.
pub fn check(path: &Path) -> Result<()> {
    let fixture = Fixture::read(path)?;
    let mut faults = String::new();
    let (sections, needs_node) = observe(&fixture, &mut faults)?;
    if std::env::var_os("BLESS").is_some_and(|value| value != "0") {
        let shown = sections.into_iter().filter(|it| !it.text.is_empty()).collect::<Vec<_>>();
        fixture.bless(&shown)?;
    } else {
        for kind in ["stdout", "stderr", "ir", "ssa", "wat"] {
            let actual = sections.iter().find(|it| it.kind == kind).map_or("", |it| it.text.as_str());
            let expected = fixture.expected(kind).unwrap_or("");
            let same = if kind == "stderr" { text::matches(expected, actual) } else { expected == actual };
            if !same {
                writeln!(faults, "{kind}:\n{}", text::difference(expected, actual))?;
            }
        }
    }
    anyhow::ensure!(faults.is_empty(), faults);
    if needs_node {
        tool::require("node")?;
    }
    Ok(())
}

/// What the native program said, with which everything else is compared here; and whether Node is
/// to run it as well.
fn observe(fixture: &Fixture, faults: &mut String) -> Result<(Vec<Section>, bool)> {
    if let Some(stage) = &fixture.setup.emit {
        return Ok((vec![Section { kind: stage.clone(), text: print_stage(fixture, stage)? }], false));
    }
    let is_test = fixture.setup.build.first().is_some_and(|word| word == "test");
    let hosts = fixture.setup.hosts.clone().unwrap_or_else(|| ["native", "wasi", "bare"].map(str::to_owned).to_vec());
    let folder = tempfile::tempdir()?;
    let native = if is_test { None } else { Some(build_native(fixture, folder.path())?) };
    if hosts.is_empty() {
        // It waits for somebody else: building it is all that is done here.
        return Ok((Vec::new(), false));
    }
    let engine = reference::engine().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let mut stdout = String::new();
    let mut stderr = String::new();
    let mut needs_node = false;
    for (number, run) in fixture.runs.iter().enumerate() {
        let place = folder.path().join(format!("run{number}"));
        std::fs::create_dir(&place)?;
        product::populate(&place, fixture)?;
        let outcome = run_native(fixture, native.as_deref(), run, &place)?;
        if outcome.status != run.exit {
            let said = text::render(outcome.stderr.as_bytes());
            writeln!(faults, "native: {} instead of {}\n{said}", process::describe(outcome.status), run.exit)?;
        }
        let is_plain = run.args.is_empty() && run.stdin.is_empty() && fixture.setup.entries.is_empty();
        for (name, host) in [("wasi", Host::Wasi), ("bare", Host::Bare)] {
            if hosts.iter().any(|it| it == name) && (host == Host::Wasi || is_plain && run.env.is_empty()) {
                let wasm = module(fixture, host, is_test)?;
                let other = run_wasm(&engine, &wasm, host, run, &place);
                let other = other.map_err(|error| anyhow::anyhow!("{error:#}")).with_context(|| name.to_owned())?;
                compare(name, &outcome, &other, is_test, faults)?;
                needs_node |= host == Host::Bare;
                if host == Host::Bare && tool::is_available("node") {
                    let other = run_node(&wasm, &place)?;
                    if !(is_test && other.status == TOO_OLD) {
                        compare("node", &outcome, &other, is_test, faults)?;
                    }
                }
            }
        }
        if fixture.runs.len() > 1 {
            let header = format!("{}\n", format!("$ {}", run.args_text).trim_end());
            [&mut stdout, &mut stderr].into_iter().for_each(|text| text.push_str(&header));
        }
        stdout.push_str(&text::render(outcome.stdout.as_bytes()));
        stderr.push_str(&text::render(outcome.stderr.as_bytes()));
    }
    // Without any error the headers say nothing.
    if !stderr.lines().any(|line| !line.starts_with('$')) {
        stderr.clear();
    }
    let section = |kind: &str, text| Section { kind: kind.to_owned(), text };
    Ok((vec![section("stdout", stdout), section("stderr", stderr)], needs_node))
}

/// What a program says of its end without the functions that were active, which modules don't know.
fn without_backtrace(said: &str) -> String {
    said.split_inclusive('\n').filter(|line| !line.starts_with("    at ") && !line.starts_with("    ... ")).collect()
}

/// A trap's message is the host's; times differ.
fn compare(name: &str, native: &Outcome, other: &Outcome, is_test: bool, faults: &mut String) -> Result<()> {
    let has_trapped = other.status == TRAPPED;
    if other.stdout != native.stdout {
        let difference =
            text::difference(&text::render(native.stdout.as_bytes()), &text::render(other.stdout.as_bytes()));
        writeln!(faults, "{name}: other standard output than the native program:\n{difference}")?;
    }
    let said = without_backtrace(&text::render(native.stderr.as_bytes()));
    let other_said = text::render(other.stderr.as_bytes());
    if !has_trapped && !is_test && said != other_said {
        let difference = text::difference(&said, &other_said);
        writeln!(faults, "{name}: other standard error than the native program:\n{difference}")?;
    }
    // Where there is no `exit`, a program that wants to end otherwise traps.
    let same = other.status == native.status || has_trapped && (native.status == FATAL || name != "wasi");
    if !same {
        let (native, other) = (process::describe(native.status), process::describe(other.status));
        writeln!(faults, "{name}: {other}, the native program {native}")?;
    }
    Ok(())
}

/// What a stage makes of the program for a plain module, to which the prelude adds nothing that is
/// not called.
fn print_stage(fixture: &Fixture, stage: &str) -> Result<String> {
    let mut command = command::cot();
    command.arg("build").arg(&fixture.path).args(["--target=wasm32", "--emit", stage]).args(&fixture.setup.build);
    let outcome = process::run(&mut command, b"")?;
    anyhow::ensure!(outcome.status == 0, "{}", text::render(outcome.stderr.as_bytes()));
    Ok(outcome.stdout.to_string())
}

fn build_native(fixture: &Fixture, folder: &Path) -> Result<PathBuf> {
    let output = folder.join("app");
    let mut command = command::cot_build();
    command.arg(&fixture.path).arg("-o").arg(&output).args(&fixture.setup.build);
    let outcome = process::run(&mut command, b"")?;
    anyhow::ensure!(
        outcome.status == 0 && outcome.stderr.is_empty(),
        "the compiler ended with {}:\n{}",
        process::describe(outcome.status),
        text::render(outcome.stderr.as_bytes())
    );
    Ok(output)
}

fn run_native(fixture: &Fixture, program: Option<&Path>, run: &Run, place: &Path) -> Result<Outcome> {
    let mut command = match program {
        Some(program) => process::program(program),
        None => {
            let mut command = command::cot();
            command.arg("test").arg(&fixture.path).args(&fixture.setup.build[1..]);
            command
        }
    };
    command.args(&run.args).current_dir(place).env_clear().envs(run.env.iter().cloned());
    process::run(&mut command, &run.stdin)
}

fn module(fixture: &Fixture, host: Host, is_test: bool) -> Result<Vec<u8>> {
    let options = Options {
        host,
        target_os: if host == Host::Bare { "freestanding" } else { "wasi" }.to_owned(),
        target_arch: "wasm32".to_owned(),
        build: if is_test { Build::Tests } else { Build::Program },
        debug: false,
        release: fixture.setup.build.iter().any(|word| word == "--release"),
        filter: fixture.setup.build.iter().find_map(|word| word.strip_prefix("--filter=")).map(str::to_owned),
        fail_fast: fixture.setup.build.iter().any(|word| word == "--fail-fast"),
        leaks: fixture.setup.build.iter().any(|word| word == "--leaks"),
        all_safe: false,
        iterations: 0,
        is_library: false,
        standard_library: None,
        is_styled: false,
    };
    match compile(&fixture.path, &options, Stage::Wasm)? {
        Product::Wasm(compiled) => Ok(compiled.wasm),
        Product::Text(_) | Product::NoTests => anyhow::bail!("there is nothing to run"),
    }
}

/// Runs a module, in a folder that is its own beside the root.
///
/// # Errors
/// It is not valid, or imports what no host has.
pub fn run_wasm(engine: &Engine, wasm: &[u8], host: Host, run: &Run, place: &Path) -> wasmtime::Result<Outcome> {
    if host == Host::Bare {
        return run_bare(engine, wasm);
    }
    let request = Request {
        args: run.args.clone(),
        env: run.env.clone(),
        stdin: run.stdin.clone(),
        dirs: vec![(place.to_owned(), ".".to_owned()), (PathBuf::from("/"), "/".to_owned())],
        ..Request::default()
    };
    reference::run(engine, wasm, &request)
}

fn run_node(wasm: &[u8], place: &Path) -> Result<Outcome> {
    let module = place.join("node.wasm");
    std::fs::write(&module, wasm)?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cot/node.mjs");
    process::run(Command::new("node").arg(script).arg(module), b"")
}

/// What the program wrote: standard output, standard error.
type Written = [Vec<u8>; 2];

fn run_bare(engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Outcome> {
    let module = Module::new(engine, wasm)?;
    let mut store = Store::new(engine, Written::default());
    let mut linker = Linker::new(engine);
    linker.func_wrap("env", "write", |mut caller: Caller<'_, Written>, fd: i64, address: i64, length: i64| -> i64 {
        let memory = caller.get_export("memory").and_then(|it| it.into_memory()).expect("it is exported");
        let (data, written) = memory.data_and_store_mut(&mut caller);
        let file = usize::try_from(fd).ok().and_then(|fd| written.get_mut(fd.checked_sub(1)?));
        let bytes =
            usize::try_from(address).ok().and_then(|start| data.get(start..)?.get(..usize::try_from(length).ok()?));
        match (file, bytes) {
            (Some(file), Some(bytes)) => {
                file.extend(bytes);
                length
            }
            (None, _) => -EBADF,
            (_, None) => -EFAULT,
        }
    })?;
    let instance: Instance = linker.instantiate(&mut store, &module)?;
    let main = instance.get_func(&mut store, "main").expect("it is exported");
    let mut results = vec![Val::I32(0); main.ty(&store).results().len()];
    let ended = main.call(&mut store, &[], &mut results);
    let status = match (&ended, results.first()) {
        (Err(_), _) => TRAPPED,
        (Ok(()), Some(Val::I32(status))) => status & 0xff,
        (Ok(()), Some(Val::I64(status))) => (status & 0xff) as i32,
        (Ok(()), _) => 0,
    };
    let [stdout, stderr] = store.into_data();
    Ok(Outcome { status, stdout: stdout.into(), stderr: stderr.into() })
}
