//! `cot build` and `cot check`: from a file to an output file.

use crate::describe::describe;
use crate::flags::{self, Emit, Source};
use crate::project::{self, Project};
use crate::style;
use anyhow::{Context, Result, anyhow, bail};
use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wasm2native::cot::check::{self, Build};
use wasm2native::cot::lower::Host;
use wasm2native::cot::{self, Compiled, Product, Stage};
use wasm2native::driver;
use wasm2native::options::{self, LinkOptions, OptLevel, Options, Output};
use wasm2native::output;
use wasm2native::progress::Silent;
use wasm2native::start;
use wasm2native::stdio::{self, NoReader};
use wasm2native::wasm::input::Input;
use wasmparser::{ExternalKind, Parser, Payload};

/// Where a program will run.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct BuildTarget {
    pub host: Host,
    /// As the user calls it.
    name: &'static str,
    os: &'static str,
    arch: &'static str,
    /// What native code is made for; none for this machine.
    triple: Option<&'static str>,
}

impl BuildTarget {
    /// # Errors
    /// A name that is none of section 25.
    pub fn parse(name: &str) -> Result<BuildTarget> {
        let native = |name, os, arch, triple| BuildTarget { host: Host::Native, name, os, arch, triple: Some(triple) };
        let module = |host, name, os| BuildTarget { host, name, os, arch: "wasm32", triple: None };
        let target = match name {
            "native" => {
                BuildTarget { host: Host::Native, name: "native", os: host_os(), arch: host_arch(), triple: None }
            }
            "wasm32" | "wasm" => module(Host::Bare, "wasm32", "freestanding"),
            "wasm32-wasi" | "wasi" => module(Host::Wasi, "wasm32-wasi", "wasi"),
            "amd64-linux" | "x86_64-linux" => native("amd64-linux", "linux", "amd64", "x86_64-unknown-linux-gnu"),
            "arm64-linux" => native("arm64-linux", "linux", "arm64", "aarch64-unknown-linux-gnu"),
            "arm64-macos" => native("arm64-macos", "macos", "arm64", "aarch64-apple-darwin"),
            "amd64-macos" => native("amd64-macos", "macos", "amd64", "x86_64-apple-darwin"),
            _ => bail!("unknown target `{name}`; there are {}", TARGETS.join(", ")),
        };
        let is_this_machine = target.os == host_os() && target.arch == host_arch();
        Ok(BuildTarget { triple: target.triple.filter(|_| !is_this_machine), ..target })
    }

    /// Whether this machine can run its programs.
    pub fn is_native_here(&self) -> bool {
        self.host == Host::Native && self.triple.is_none()
    }

    /// `amd64-linux`
    pub fn description(&self) -> String {
        format!("{}-{}", self.arch, self.os)
    }

    /// As the user calls it.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

/// Names of targets, without their aliases.
const TARGETS: [&str; 7] =
    ["native", "wasm32", "wasm32-wasi", "amd64-linux", "arm64-linux", "arm64-macos", "amd64-macos"];

fn host_os() -> &'static str {
    std::env::consts::OS
}

fn host_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// How a program is compiled, beside its file.
pub struct Mode {
    pub build: Build,
    pub release: bool,
    /// See [`cot::Options::debug`].
    pub debug: bool,
    pub filter: Option<String>,
    pub fail_fast: bool,
    /// See [`cot::Options::leaks`].
    pub leaks: bool,
    /// Of benches; 0 is for about a second.
    pub iterations: u64,
    /// See [`cot::Options::is_library`].
    pub is_library: bool,
}

impl Mode {
    pub fn program(release: bool) -> Mode {
        Mode {
            build: Build::Program,
            release,
            debug: false,
            filter: None,
            fail_fast: false,
            leaks: false,
            iterations: 0,
            is_library: false,
        }
    }
}

/// The frontend's work on a file.
///
/// # Errors
/// What is wrong with the program, or with the project's `cot.json`.
pub fn compile(file: &Path, target: BuildTarget, mode: Mode, stage: Stage) -> Result<Product> {
    start::begin(&file.display().to_string());
    let options = cot::Options {
        host: target.host,
        target_os: target.os.to_owned(),
        target_arch: target.arch.to_owned(),
        build: mode.build,
        release: mode.release,
        debug: mode.debug,
        filter: mode.filter,
        fail_fast: mode.fail_fast,
        leaks: mode.leaks,
        iterations: mode.iterations,
        is_library: mode.is_library,
        all_safe: Project::of(file)?.is_safe()?,
        standard_library: std::env::var_os("COT_STDLIB").filter(|it| !it.is_empty()).map(PathBuf::from),
        is_styled: style::is_styled(),
    };
    cot::compile(file, &options, stage)
}

pub fn build(args: &flags::Build) -> Result<ExitCode> {
    let target = BuildTarget::parse(&args.source.target)?;
    let file = project::main_file(args.source.file.as_deref())?;
    let stage = match args.emit {
        Some(Emit::Tokens) => Stage::Tokens,
        Some(Emit::Ast) => Stage::Ast,
        Some(Emit::Ir) => Stage::Ir,
        Some(Emit::Ssa) => Stage::Ssa,
        Some(Emit::Wat | Emit::Wasm) | None => Stage::Wasm,
    };
    let is_library = args.output.as_deref().is_some_and(|output| emit_of(output) != options::Emit::Exe);
    let mode = Mode { debug: args.debug, is_library, ..Mode::program(args.release) };
    let compiled = match compile(&file, target, mode, stage)? {
        Product::Text(text) => return print(text.as_bytes(), args.output.as_deref()),
        Product::Wasm(compiled) => compiled,
        Product::NoTests => unreachable!("tests and benches have commands of their own"),
    };
    let wasm = || match args.debug {
        true => describe(&compiled).map(Cow::Owned),
        false => Ok(Cow::Borrowed(&compiled.wasm[..])),
    };
    match args.emit {
        Some(Emit::Wat) => return print(wasmprinter::print_bytes(wasm()?)?.as_bytes(), args.output.as_deref()),
        Some(Emit::Wasm) => return print(&wasm()?, args.output.as_deref()),
        _ => {}
    }
    if args.output.is_none() && target.host == Host::Native && is_library_of(&compiled.wasm)? {
        let mode = Mode { debug: args.debug, is_library: true, ..Mode::program(args.release) };
        let Product::Wasm(compiled) = compile(&file, target, mode, Stage::Wasm)? else {
            unreachable!("a library is built to the end")
        };
        return in_output_folder(|| build_library(&file, &compiled, target, args.debug));
    }
    let output = args.output.clone().map_or_else(|| default_output(&file, target), Ok)?;
    refuse_input(&file, &output)?;
    let write = || match target.host {
        Host::Native => translate(&file, &compiled, target, &output, args.debug),
        Host::Wasi | Host::Bare => wasm().and_then(|wasm| output::write(&output, &wasm)),
    };
    if args.output.is_some() { write().map(|()| ExitCode::SUCCESS) } else { in_output_folder(write) }
}

/// Makes the folder of outputs for what goes into it.
fn in_output_folder(write: impl FnOnce() -> Result<()>) -> Result<ExitCode> {
    let made = std::fs::create_dir(OUTPUT_FOLDER).is_ok();
    let written = write();
    if made && written.is_err() {
        // It stays if somebody else uses it.
        let _ = std::fs::remove_dir(OUTPUT_FOLDER);
    }
    written.map(|()| ExitCode::SUCCESS)
}

/// Whether a module has nothing to run, but exports functions for others.
fn is_library_of(wasm: &[u8]) -> Result<bool> {
    let names = exported_functions(wasm)?;
    Ok(!names.iter().any(|name| name == "_start") && names.iter().any(|name| name != "_initialize"))
}

/// A static library of the exported functions, and its header for C.
fn build_library(file: &Path, compiled: &Compiled, target: BuildTarget, debug: bool) -> Result<()> {
    let stem = default_output(file, target)?;
    let outputs = [
        Output { emit: options::Emit::Staticlib, file: stem.with_extension("a") },
        Output { emit: options::Emit::Header, file: stem.with_extension("h") },
    ];
    translate_all(file, compiled, target, &outputs, debug)
}

pub fn check(args: &flags::Check) -> Result<ExitCode> {
    let target = BuildTarget::parse(&args.source.target)?;
    let file = project::main_file(args.source.file.as_deref())?;
    stdio::message(format!("Check {}\n", file.display()));
    check_for(&file, target)?;
    Ok(ExitCode::SUCCESS)
}

/// Checks a file for this machine.
pub fn check_file(file: &Path) -> Result<()> {
    check_for(file, BuildTarget::parse("native")?)
}

fn check_for(file: &Path, target: BuildTarget) -> Result<()> {
    let mode = Mode { build: Build::Check, ..Mode::program(false) };
    compile(file, target, mode, Stage::Check).map(drop)
}

/// How programs for this machine are checked, with their tests and benches.
pub fn check_options() -> check::CheckOptions {
    check::CheckOptions { target_os: host_os().to_owned(), target_arch: host_arch().to_owned(), build: Build::Check }
}

/// To a file, or to standard output.
fn print(bytes: &[u8], output: Option<&Path>) -> Result<ExitCode> {
    output::write(output.unwrap_or(Path::new(output::STDOUT)), bytes)?;
    Ok(ExitCode::SUCCESS)
}

/// Where outputs go that are not named.
const OUTPUT_FOLDER: &str = "cot-out";

fn default_output(file: &Path, target: BuildTarget) -> Result<PathBuf> {
    let mut name = file.file_stem().with_context(|| format!("{} is not a file", file.display()))?.to_owned();
    if target.host != Host::Native {
        name.push(".wasm");
    }
    Ok(Path::new(OUTPUT_FOLDER).join(name))
}

/// The output must not take the place of the source.
fn refuse_input(file: &Path, output: &Path) -> Result<()> {
    let is_input = file.canonicalize().is_ok_and(|it| output.canonicalize().is_ok_and(|other| it == other));
    if is_input {
        bail!("the output {} would replace the program's source", output.display());
    }
    Ok(())
}

/// What a native output is, by its name.
fn emit_of(output: &Path) -> options::Emit {
    match output.extension().and_then(OsStr::to_str) {
        Some("o") => options::Emit::Obj,
        Some("a") => options::Emit::Staticlib,
        Some("so") => options::Emit::Sharedlib,
        _ => options::Emit::Exe,
    }
}

/// From a module to an executable or object; with `debug`, debuggers see all of it.
pub fn translate(file: &Path, compiled: &Compiled, target: BuildTarget, output: &Path, debug: bool) -> Result<()> {
    let outputs = [Output { emit: emit_of(output), file: output.to_owned() }];
    translate_all(file, compiled, target, &outputs, debug)
}

fn translate_all(file: &Path, compiled: &Compiled, target: BuildTarget, outputs: &[Output], debug: bool) -> Result<()> {
    let is_program = outputs.iter().any(|output| output.emit == options::Emit::Exe);
    if is_program && target.triple.is_some_and(|triple| !driver::makes_programs(triple)) {
        bail!(
            "there is no runtime for {}, so no program can be made for it here; with -o NAME.o it is an object for a linker there",
            target.name()
        );
    }
    if is_program && !exported_functions(&compiled.wasm)?.iter().any(|name| name == "_start") {
        bail!(
            "{} has no function 'main', so there is nothing to run; with -o NAME.o, .a or .so its exported functions make a library",
            file.display()
        );
    }
    // A native program may do what any other may, and no environment variable steers it.
    let powers = ["--dir", ".", "--dir", "/", "--inherit-env"].map(str::to_owned).to_vec();
    let project = Project::of(file)?;
    let link = LinkOptions {
        files: project.c_sources()?,
        source_flags: project.c_flags()?,
        libraries: project.libraries()?,
        ..LinkOptions::default()
    };
    let options = Options {
        target: target.triple.map(str::to_owned),
        program_options: powers,
        fixed_powers: true,
        fatal_errors: true,
        debug,
        // A program tells where it failed, always.
        lines: true,
        opt_level: if debug { OptLevel::None } else { OptLevel::default() },
        link,
        own_names: true,
        ..Options::default()
    };
    let input = Input { name: file.display().to_string(), bytes: describe(compiled)? };
    driver::build(&input, &options, outputs, &Silent).map_err(with_own_advice)
}

/// Names of the functions that a module exports.
fn exported_functions(wasm: &[u8]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ExportSection(exports) = payload? {
            let functions = exports.into_iter().flatten().filter(|export| export.kind == ExternalKind::Func);
            names.extend(functions.map(|export| export.name.to_owned()));
        }
    }
    Ok(names)
}

/// Advice in messages of the translator is about the flags of its own command.
fn with_own_advice(error: anyhow::Error) -> anyhow::Error {
    if error.is::<NoReader>() {
        return error;
    }
    let text = format!("{error:#}");
    let (advice, said): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("help: "));
    let said = said.join("\n");
    match advice.is_empty() {
        true => anyhow!(said),
        false => anyhow!(
            "{said}\nhelp: C functions come from the C library, and from \"libs\" and \"c_sources\" of cot.json"
        ),
    }
}

/// Sources and where they are for.
pub fn source(source: &Source) -> Result<(PathBuf, BuildTarget)> {
    Ok((project::main_file(source.file.as_deref())?, BuildTarget::parse(&source.target)?))
}
