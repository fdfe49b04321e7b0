//! Finds a C compiler for `wasm32-wasi` and compiles fixtures with it. What was compiled once is
//! kept below `target/`.

use crate::command;
use crate::fixture::Fixture;
use crate::process;
use crate::trial::Skip;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What to install where none is found.
const HINT: &str = "no C compiler for wasm32-wasi: `pip install ziglang`, \
                        or `apt-get install clang-19 lld-19 wasi-libc libclang-rt-19-dev-wasm32`";

/// A compiler by its command; for C++ another one.
#[derive(Debug)]
struct Compiler {
    c: Vec<&'static str>,
    cxx: Option<Vec<&'static str>>,
}

/// Requires a compiler for this fixture, if it is in C or C++.
///
/// # Errors
/// [`Skip`], which says what to install.
pub fn require_for(fixture: &Fixture) -> Result<(), Skip> {
    let is_enough = |it: &Compiler| !fixture.is_cxx() || it.cxx.is_some();
    if fixture.is_c() && !compiler().is_some_and(is_enough) {
        return Err(Skip::Tool(HINT.to_owned()));
    }
    Ok(())
}

/// Requires a compiler for C.
///
/// # Errors
/// [`Skip`], which says what to install.
pub fn require() -> Result<(), Skip> {
    compiler().map(|_| ()).ok_or_else(|| Skip::Tool(HINT.to_owned()))
}

fn compiler() -> Option<&'static Compiler> {
    static FOUND: OnceLock<Option<Compiler>> = OnceLock::new();
    FOUND.get_or_init(find).as_ref()
}

fn find() -> Option<Compiler> {
    const TARGET: &str = "--target=wasm32-wasi";
    if let Some(zig) = find_zig() {
        let with = |language| [zig, &[language, TARGET]].concat();
        return Some(Compiler { c: with("cc"), cxx: Some(with("c++")) });
    }
    let has_library = Path::new("/usr/lib/wasm32-wasi/libc.a").exists();
    for clang in ["clang-19", "clang"] {
        if has_library && answers(&[clang, "--version"]) {
            return Some(Compiler { c: vec![clang, TARGET], cxx: None });
        }
    }
    None
}

/// The command `zig`, which has the C library's headers and symbols of many targets.
///
/// # Errors
/// [`Skip`], which says what to install.
pub fn zig() -> Result<&'static [&'static str], Skip> {
    find_zig().ok_or_else(|| Skip::Tool("there is no `zig` on this machine: `pip install ziglang`".to_owned()))
}

fn find_zig() -> Option<&'static [&'static str]> {
    const COMMANDS: [&[&str]; 3] = [&["zig"], &["python3", "-m", "ziglang"], &["python", "-m", "ziglang"]];
    COMMANDS.into_iter().find(|zig| answers(&[*zig, &["version"]].concat()))
}

fn answers(command: &[&str]) -> bool {
    process::run(Command::new(command[0]).args(&command[1..]), b"").is_ok_and(|outcome| outcome.status == 0)
}

/// The fixture's module.
///
/// # Errors
/// When there is no compiler, or it does not accept the program.
pub fn compile(fixture: &Fixture) -> Result<Vec<u8>> {
    let cxx = fixture.is_cxx();
    let compiler = compiler().context(HINT)?;
    let command = if cxx { compiler.cxx.as_ref().context(HINT)? } else { &compiler.c };
    let mut flags = vec!["-O2".to_owned(), "-s".to_owned()];
    flags.extend(fixture.setup.cc.iter().cloned());
    if cxx && !flags.iter().any(|flag| flag == "-fwasm-exceptions") {
        flags.push("-fno-exceptions".to_owned());
    }
    let key = blake3::hash(format!("{command:?} {flags:?}\n{}", fixture.source).as_bytes());
    let folder = command::scratch().join("c");
    std::fs::create_dir_all(&folder)?;
    let kept = folder.join(format!("{}.wasm", key.to_hex()));
    if !kept.exists() {
        build(fixture, command, &flags, &kept)?;
    }
    Ok(std::fs::read(kept)?)
}

/// A module from several files of C. It is compiled each time.
///
/// # Errors
/// When there is no compiler, or it does not accept them.
pub fn compile_files(files: &[PathBuf], flags: &[String]) -> Result<Vec<u8>> {
    let compiler = compiler().context(HINT)?;
    let scratch = tempfile::tempdir()?;
    let product = scratch.path().join("out.wasm");
    let mut command = Command::new(compiler.c[0]);
    command.args(&compiler.c[1..]).args(["-O2", "-s"]).args(flags).args(files).arg("-o").arg(&product);
    let outcome = process::run(&mut command, b"")?;
    if outcome.status != 0 {
        bail!("the C compiler refused them:\n{}", outcome.stderr);
    }
    Ok(std::fs::read(product)?)
}

fn build(fixture: &Fixture, command: &[&str], flags: &[String], kept: &PathBuf) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let source = scratch.path().join(fixture.file_name());
    let product = scratch.path().join("out.wasm");
    std::fs::write(&source, &fixture.source)?;
    let mut compiler = Command::new(command[0]);
    compiler.args(&command[1..]).args(flags).arg(&source).arg("-o").arg(&product);
    let outcome = process::run(&mut compiler, b"")?;
    if outcome.status != 0 {
        bail!("the C compiler refused it:\n{}", outcome.stderr);
    }
    // Two tests may compile the same: the last rename wins, and both are right.
    let unique = kept.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::copy(&product, &unique)?;
    std::fs::rename(&unique, kept)?;
    Ok(())
}
