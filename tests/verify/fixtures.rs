//! Objects of fixtures, and of a module that the environment names, through the checker.

use crate::programs;
use anyhow::{Context, Result, anyhow, bail, ensure};
use code_checker::{Report, Trusted, check};
use std::path::Path;
use std::process::exit;
use test_kit::command;
use test_kit::fixture::Fixture;
use test_kit::process;
use test_kit::product;
use test_kit::target;
use test_kit::trial::{Skip, is_full};
use wasm2native::abi::builtin::Builtin;
use wasm2native::abi::memory::FIXED_BASE;
use wasm2native::foreign::SECTION;
use wasm2native::link::runtime::{self, Runtime};
use wasm2native::wasm::input::Input;
use wasmparser::{Parser, Payload};

/// A processor whose code the checker knows.
pub struct Processor {
    /// Of the names of its tests.
    pub prefix: &'static str,
    pub target: &'static str,
    /// Another processor of its kind, whose code has more instructions.
    cpu: &'static str,
}

pub const X86_64: Processor = Processor { prefix: "", target: "x86_64-unknown-linux-gnu", cpu: "x86-64-v4" };

pub const PROCESSORS: [Processor; 2] =
    [X86_64, Processor { prefix: "aarch64/", target: "aarch64-unknown-linux-gnu", cpu: "neoverse-n1" }];

impl Processor {
    /// In [`PROCESSORS`].
    pub fn number(&self) -> usize {
        PROCESSORS.iter().position(|it| it.target == self.target).expect("it is one of them")
    }

    /// What this program carries to link programs with.
    pub fn runtime(&self) -> Result<Option<Runtime>> {
        let triple = self.target.parse().map_err(|error| anyhow!("{}: {error}", self.target))?;
        runtime::of(&triple, None)
    }

    /// Skips a test of programs without it.
    pub fn needs_runtime(&self) -> Result<()> {
        if self.runtime()?.is_none() {
            bail!(Skip::Reason(format!("programs need the runtime for {}", self.target)));
        }
        Ok(())
    }
}

/// Flags that make other code, each tried alone.
const LEVELS: [&[&str]; 2] = [&[], &["-O0"]];

/// With `W2N_FULL=1`, these too, and the other processor.
const MORE: [&[&str]; 6] = [
    &["-Os"],
    &["--inline"],
    &["--memory-checks"],
    &["--spectre-masks"],
    &["--interruptible"],
    &["--profile-generate"],
];

/// Fixtures that are checked as programs, too; with `W2N_FULL=1`, all are.
const PROGRAMS: [&str; 5] = ["ctl/br-table", "call/indirect", "foreign/libc-heap", "tail/indirect", "wasi/args"];

/// The flags of a fixture that its object depends on.
const KEPT: [&str; 3] = ["--enable", "--import", "--imports"];

/// Checks all objects that a fixture is made to.
pub fn check_fixture(processor: &Processor, path: &Path) -> Result<()> {
    let fixture = Fixture::read(path)?;
    let source = product::input(&fixture)?;
    let is_script = Input { name: fixture.file_name(), bytes: source.clone() }.is_script();
    if is_script || fixture.expected("error").is_some() {
        bail!(Skip::Reason("a script, or a message of the compiler: it has no object".to_owned()));
    }
    let wasm = wat::parse_bytes(&source)?;
    let flags = kept_flags(&fixture);
    let cpu = ["--cpu", processor.cpu];
    let more = [&MORE[..], &[&cpu]].concat();
    for level in LEVELS.iter().chain(if is_full() { &more[..] } else { &[] }) {
        let level: Vec<String> = level.iter().map(|&word| word.to_owned()).collect();
        let object = object_of(processor, Some(&fixture), &source, &[&flags[..], &level].concat());
        if object.as_ref().is_err_and(|error| error.to_string().contains("has two types")) {
            bail!(Skip::Reason("only a program can have an import with two types".to_owned()));
        }
        let report = object
            .and_then(|object| verify(&object, &wasm, &[&flags[..], &level].concat(), None))
            .with_context(|| format!("flags {level:?}"))?;
        let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        ensure!(failures.is_empty(), "flags {level:?}: {report}\n{}", failures.join("\n"));
    }
    let is_chosen = is_full() || PROGRAMS.contains(&fixture.name.as_str());
    if is_chosen && fixture.setup.emit.is_none() {
        check_program(processor, &fixture, &source, &wasm)?;
    }
    Ok(())
}

pub fn kept_flags(fixture: &Fixture) -> Vec<String> {
    let pairs = fixture.setup.build.windows(2).filter(|pair| KEPT.contains(&pair[0].as_str()));
    pairs.flatten().cloned().collect()
}

/// Checks the object of the program, where the first memory lies at a fixed address, as the fixture
/// asks for it, and the program.
fn check_program(processor: &Processor, fixture: &Fixture, source: &[u8], wasm: &[u8]) -> Result<()> {
    let build = &fixture.setup.build;
    // Another generator or target, a library, an object, or a file that must have its name.
    let others = ["--generator", "--target", "--emit", "--user-data", "--instances", "-c", "-S"];
    if build.iter().any(|word| others.iter().any(|other| word.starts_with(other))) || fixture.setup.input.is_some() {
        return Ok(());
    }
    // A processor is named for the machine that runs the fixture.
    if build.iter().any(|word| word.starts_with("--cpu")) && processor.target != PROCESSORS[0].target {
        return Ok(());
    }
    processor.needs_runtime()?;
    let folder = tempfile::tempdir()?;
    product::populate(folder.path(), fixture)?;
    std::fs::write(folder.path().join("it.wasm"), source)?;
    let mut command = command::wasm2native();
    command.current_dir(folder.path()).envs(fixture.setup.build_env.iter().cloned());
    command.args(["--target", processor.target]).args(build).args(["--keep", "-o", "app", "--", "it.wasm"]);
    let outcome = process::run(&mut command, b"")?;
    ensure!(outcome.status == 0, "{}", outcome.stderr);
    let object = std::fs::read(folder.path().join("app.o"))?;
    let report = verify(&object, wasm, build, Some(FIXED_BASE))?;
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    ensure!(failures.is_empty(), "as a program: {report}\n{}", failures.join("\n"));
    // `--keep` shows how it was linked.
    if !outcome.stderr.contains("'<module 0>' '<runtime>'") {
        bail!(Skip::Reason("its objects are proved; the program has other modules, C files, or another linker".into()));
    }
    let has_c = outcome.stderr.contains("<the C library, 1 of");
    let linked = programs::check(processor, &std::fs::read(folder.path().join("app"))?, &object, has_c)?;
    ensure!(linked.failures.is_empty(), "as a program: {linked}\n{}", linked.failures.join("\n"));
    Ok(())
}

pub fn verify(object: &[u8], wasm: &[u8], flags: &[String], place: Option<u64>) -> Result<Report> {
    let runtime: Vec<&str> = Builtin::ALL.iter().map(|builtin| builtin.symbol()).collect();
    let memory_checks = flags.iter().any(|flag| flag == "--memory-checks");
    // Declarations stand on the line or in the module.
    let calls_c = flags.iter().any(|flag| flag.starts_with("--import")) || has_section(wasm)?;
    let llvm = flags.iter().any(|flag| flag == "llvm");
    check(object, &Trusted { module: Some(wasm), runtime: &runtime, memory_checks, place, calls_c, llvm })
}

/// Whether the module declares C functions itself.
fn has_section(wasm: &[u8]) -> Result<bool> {
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CustomSection(section) = payload?
            && section.name() == SECTION
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The object of a module, in binary or text form; a fixture's files lie beside it.
pub fn object_of(processor: &Processor, fixture: Option<&Fixture>, source: &[u8], flags: &[String]) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    if let Some(fixture) = fixture {
        product::populate(folder.path(), fixture)?;
    }
    std::fs::write(folder.path().join("it.wasm"), source)?;
    let mut command = command::wasm2native();
    command.current_dir(folder.path()).args(["--target", processor.target, "-c", "-o", "it.o"]);
    command.args(flags).args(["--", "it.wasm"]);
    let outcome = process::run(&mut command, b"")?;
    ensure!(outcome.status == 0, "{}", outcome.stderr);
    Ok(std::fs::read(folder.path().join("it.o"))?)
}

/// Prints what was counted in one module, and ends.
pub fn show(path: &Path) -> ! {
    match show_module(path) {
        Ok(report) => {
            report.failures.iter().for_each(|failure| println!("{failure}"));
            println!("{report}");
            exit(i32::from(!report.failures.is_empty()));
        }
        Err(error) => {
            eprintln!("{error:#}");
            exit(2);
        }
    }
}

fn show_module(path: &Path) -> Result<Report> {
    let folder = tempfile::tempdir()?;
    let object = folder.path().join("it.o");
    let flags = command::flags();
    let wasm = wat::parse_bytes(&std::fs::read(path)?)?.into_owned();
    let mut command = command::wasm2native();
    command
        .args(["--target", target::triple().unwrap_or(PROCESSORS[0].target), "-c", "-o"])
        .arg(&object)
        .args(&flags)
        .arg("--")
        .arg(path);
    let outcome = process::run(&mut command, b"")?;
    ensure!(outcome.status == 0, "{}", outcome.stderr);
    verify(&std::fs::read(&object)?, &wasm, &flags, None)
}
