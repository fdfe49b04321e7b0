//! The compiler that turns LLVM's text form into objects: found on the machine, run as a process.

use crate::options::OptLevel;
use crate::scratch::Scratch;
use anyhow::{Context, Result, bail};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The newest version whose name is looked for.
const NEWEST: u32 = 40;

/// A compiler that was found.
#[derive(Clone, Debug)]
pub struct Clang {
    /// The program and its first arguments: `clang-19`, or `zig cc`.
    command: Vec<PathBuf>,
    /// As it says it: `Debian clang version 19.1.7`.
    pub version: String,
}

impl Clang {
    /// The compiler that the user names, else the first of `clang`, `clang-N` from the highest N,
    /// and `zig cc` that is as new as the oldest that will do.
    ///
    /// # Errors
    /// When there is none, or it is too old.
    pub fn find(named: Option<&Path>, oldest: u32) -> Result<Clang> {
        if let Some(path) = named {
            let is_zig = path.file_stem().is_some_and(|name| name == "zig");
            let words = if is_zig { vec![path.to_owned(), "cc".into()] } else { vec![path.to_owned()] };
            return match Clang::ask(words) {
                Some((clang, major)) if major >= oldest => Ok(clang),
                Some((clang, _)) => {
                    bail!("--clang names {}, and --generator llvm needs version {oldest} or newer", clang.version)
                }
                None => bail!("--clang names `{}`, which is not a clang that runs", path.display()),
            };
        }
        let numbered = (oldest..=NEWEST).rev().map(|number| vec![format!("clang-{number}").into()]);
        let names = std::iter::once(vec!["clang".into()]).chain(numbered).chain([vec!["zig".into(), "cc".into()]]);
        let mut old = None;
        for words in names {
            match Clang::ask(words) {
                Some((clang, major)) if major >= oldest => return Ok(clang),
                Some((clang, _)) => old = old.or(Some(clang.version)),
                None => {}
            }
        }
        let found = old.map_or("there is none".to_owned(), |version| format!("there is only {version}"));
        bail!(
            "--generator llvm needs clang {oldest} or newer on PATH, and {found}\n\
             help: install one, as by `apt install clang-19` or `pip install ziglang`, and name it by --clang PATH \
             if it is not on PATH; --generator cranelift needs none"
        );
    }

    /// The compiler and the major number of its version. Nothing if there is no such program.
    fn ask(words: Vec<PathBuf>) -> Option<(Clang, u32)> {
        let output = start(&words).arg("--version").stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text.lines().next()?.to_owned();
        let number = version.split_once("version ")?.1;
        let major = number.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()?;
        Some((Clang { command: words, version }, major))
    }

    /// The features of the processor that code may use which is compiled with `flags`, by LLVM's
    /// names.
    ///
    /// # Errors
    /// When the compiler fails, or does not list them.
    pub fn features(&self, flags: &[String]) -> Result<Vec<String>> {
        let folder = Scratch::new()?;
        let [source, output] = ["features.c", "features.ll"].map(|name| folder.path().join(name));
        std::fs::write(&source, "void f(void) {}\n").context("a source for clang")?;
        let mut command = start(&self.command);
        command.args(["-S", "-emit-llvm", "-Wno-unused-command-line-argument"]).args(flags);
        command.arg(&source).arg("-o").arg(&output).stdin(Stdio::null());
        let result = command.output().with_context(|| format!("can't run {}", self.version))?;
        if !result.status.success() {
            bail!("{} failed: {}", self.version, String::from_utf8_lossy(&result.stderr).trim());
        }
        let text = std::fs::read_to_string(&output).context("the output of clang")?;
        let list = text.split_once("\"target-features\"=\"").and_then(|(_, rest)| rest.split_once('"'));
        let (list, _) = list.with_context(|| format!("{} lists no features of the processor", self.version))?;
        Ok(list.split(',').filter_map(|name| name.strip_prefix('+')).map(str::to_owned).collect())
    }

    /// The object of a unit. `flags` choose the target and processor.
    ///
    /// # Errors
    /// When the compiler fails: with what it printed.
    pub fn compile(&self, text: &str, level: OptLevel, flags: &[String]) -> Result<Vec<u8>> {
        let folder = Scratch::new()?;
        let output = folder.path().join("unit.o");
        let level = match level {
            OptLevel::None => "-O0",
            OptLevel::Speed => "-O3",
            OptLevel::Size => "-Os",
        };
        let mut command = start(&self.command);
        command.args(["-x", "ir", "-", "-c", level, "-fPIC", "-ffunction-sections", "-fdata-sections"]);
        // The first instructions of a function set up its frame, so that the runtime can walk out.
        command.args([
            "-mllvm",
            "-enable-shrink-wrap=false",
            "-Wno-override-module",
            "-Wno-unused-command-line-argument",
        ]);
        command.args(flags).arg("-o").arg(&output);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("can't run {}", self.version))?;
        let mut input = child.stdin.take().expect("it is a pipe");
        // A compiler that ends early says why.
        let written = input.write_all(text.as_bytes());
        drop(input);
        let result = child.wait_with_output().with_context(|| format!("waiting for {}", self.version))?;
        if !result.status.success() {
            bail!("{} failed: {}", self.version, String::from_utf8_lossy(&result.stderr).trim());
        }
        written.context("can't hand the code over to clang")?;
        std::fs::read(&output).context("the object of clang")
    }
}

fn start(words: &[PathBuf]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}
