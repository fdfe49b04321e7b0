//! `cot build` and `cot check`: from a file to an output file.

use crate::flags::{self, Emit, Source};
use crate::project;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wasm2native::cot::check::Build;
use wasm2native::cot::lower::Host;
use wasm2native::cot::{self, Product, Stage};
use wasm2native::driver;
use wasm2native::options::{self, LinkOptions, Options, Output};
use wasm2native::output;
use wasm2native::progress::Silent;
use wasm2native::wasm::input::Input;

/// Where a program will run.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub host: Host,
    os: &'static str,
    arch: &'static str,
    /// What native code is made for; none for this machine.
    triple: Option<&'static str>,
}

impl Target {
    /// # Errors
    /// A name that is none of section 25.
    pub fn parse(name: &str) -> Result<Target> {
        let native = |os, arch, triple| Target { host: Host::Native, os, arch, triple: Some(triple) };
        let target = match name {
            "native" => Target { host: Host::Native, os: host_os(), arch: host_arch(), triple: None },
            "wasm32" | "wasm" => Target { host: Host::Bare, os: "freestanding", arch: "wasm32", triple: None },
            "wasm32-wasi" | "wasi" => Target { host: Host::Wasi, os: "wasi", arch: "wasm32", triple: None },
            "amd64-linux" | "x86_64-linux" => native("linux", "amd64", "x86_64-unknown-linux-gnu"),
            "arm64-linux" => native("linux", "arm64", "aarch64-unknown-linux-gnu"),
            "arm64-macos" => native("macos", "arm64", "aarch64-apple-darwin"),
            "amd64-macos" => native("macos", "amd64", "x86_64-apple-darwin"),
            _ => bail!(
                "unknown target `{name}`; there are native, wasm32, wasm32-wasi, amd64-linux, arm64-linux, arm64-macos, amd64-macos"
            ),
        };
        let is_this_machine = target.os == host_os() && target.arch == host_arch();
        Ok(Target { triple: target.triple.filter(|_| !is_this_machine), ..target })
    }

    /// Whether this machine can run its programs.
    pub fn is_native_here(&self) -> bool {
        self.host == Host::Native && self.triple.is_none()
    }
}

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
    pub filter: Option<String>,
    pub fail_fast: bool,
}

impl Mode {
    pub fn program(release: bool) -> Mode {
        Mode { build: Build::Program, release, filter: None, fail_fast: false }
    }
}

/// The frontend's work on a file.
///
/// # Errors
/// What is wrong with the program, or with the project's `cot.json`.
pub fn compile(file: &Path, target: Target, mode: Mode, stage: Stage) -> Result<Product> {
    let options = cot::Options {
        host: target.host,
        target_os: target.os.to_owned(),
        target_arch: target.arch.to_owned(),
        build: mode.build,
        release: mode.release,
        filter: mode.filter,
        fail_fast: mode.fail_fast,
        all_safe: project::is_safe(file)?,
        standard_library: std::env::var_os("COT_STDLIB").filter(|it| !it.is_empty()).map(PathBuf::from),
        is_styled: std::io::stderr().is_terminal(),
    };
    cot::compile(file, &options, stage)
}

pub fn build(args: &flags::Build) -> Result<ExitCode> {
    let target = Target::parse(&args.source.target)?;
    let file = project::main_file(args.source.file.as_deref())?;
    let stage = match args.emit {
        Some(Emit::Tokens) => Stage::Tokens,
        Some(Emit::Ast) => Stage::Ast,
        Some(Emit::Ir) => Stage::Ir,
        Some(Emit::Ssa) => Stage::Ssa,
        Some(Emit::Wat | Emit::Wasm) | None => Stage::Wasm,
    };
    let wasm = match compile(&file, target, Mode::program(args.release), stage)? {
        Product::Text(text) => return print(text.as_bytes(), args.output.as_deref()),
        Product::Wasm(wasm) => wasm,
        Product::NoTests => unreachable!("tests are built by `cot test` only"),
    };
    match args.emit {
        Some(Emit::Wat) => return print(wasmprinter::print_bytes(&wasm)?.as_bytes(), args.output.as_deref()),
        Some(Emit::Wasm) => return print(&wasm, args.output.as_deref()),
        _ => {}
    }
    let is_native = target.host == Host::Native;
    let output = match &args.output {
        Some(output) => output.clone(),
        None => default_output(&file, is_native)?,
    };
    if is_native {
        translate(&file, wasm, target, &output)?;
    } else {
        output::write(&output, &wasm)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub fn check(args: &flags::Check) -> Result<ExitCode> {
    let target = Target::parse(&args.source.target)?;
    let file = project::main_file(args.source.file.as_deref())?;
    eprintln!("Check {}", file.display());
    let mode = Mode { build: Build::Check, ..Mode::program(false) };
    compile(&file, target, mode, Stage::Check)?;
    Ok(ExitCode::SUCCESS)
}

/// To a file, or to standard output.
fn print(bytes: &[u8], output: Option<&Path>) -> Result<ExitCode> {
    match output.filter(|path| *path != Path::new("-")) {
        Some(path) => output::write(path, bytes)?,
        None => match std::io::stdout().write_all(bytes) {
            // Who read it has seen enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            result => result.context("can't write to standard output")?,
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn default_output(file: &Path, is_native: bool) -> Result<PathBuf> {
    let stem = file.file_stem().with_context(|| format!("{} is no file", file.display()))?;
    let folder = Path::new("cot-out");
    std::fs::create_dir_all(folder).context("can't make the folder cot-out")?;
    let path = folder.join(stem);
    Ok(if is_native {
        path
    } else {
        let mut name = path.into_os_string();
        name.push(".wasm");
        name.into()
    })
}

/// From a module to an executable or object.
pub fn translate(file: &Path, wasm: Vec<u8>, target: Target, output: &Path) -> Result<()> {
    let emit = match output.extension().and_then(OsStr::to_str) {
        Some("o") => options::Emit::Obj,
        Some("a") => options::Emit::Staticlib,
        Some("so") => options::Emit::Sharedlib,
        _ => options::Emit::Exe,
    };
    if emit == options::Emit::Exe && !exports_main(&wasm) {
        bail!(
            "{} has no function 'main', so there is nothing to run; with `-o NAME.o`, `.a` or `.so` its exported functions make a library",
            file.display()
        );
    }
    // A native program may do what any other may, and steers nobody by an environment variable.
    let powers = ["--dir", ".", "--dir", "/", "--inherit-env"].map(str::to_owned).to_vec();
    let options = Options {
        target: target.triple.map(str::to_owned),
        program_options: powers,
        fixed_powers: true,
        fatal_errors: true,
        own_names: true,
        link: LinkOptions { libraries: project::libraries(file)?, ..LinkOptions::default() },
        ..Options::default()
    };
    let input = Input { name: file.display().to_string(), bytes: wasm };
    let outputs = [Output { emit, file: output.to_owned() }];
    driver::build(&input, &options, &outputs, &Silent)
}

fn exports_main(wasm: &[u8]) -> bool {
    let sections = wasmparser::Parser::new(0).parse_all(wasm);
    let exports = sections.filter_map(|section| match section {
        Ok(wasmparser::Payload::ExportSection(exports)) => Some(exports),
        _ => None,
    });
    exports.flatten().any(|export| export.is_ok_and(|export| export.name == "main"))
}

/// Sources and where they are for.
pub fn source(source: &Source) -> Result<(PathBuf, Target)> {
    Ok((project::main_file(source.file.as_deref())?, Target::parse(&source.target)?))
}
