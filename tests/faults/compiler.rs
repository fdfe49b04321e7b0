//! The commands with system calls that fail: they succeed all the same, or end with a message and
//! status 1; at the output's name is then what was there before, and nothing else is left.

use crate::inject::{self, Fault};
use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::{Outcome, outcome};
use test_kit::trial::trial;

/// A build, or a run, and how often it is tried: each so many-th fault, without `W2N_FULL=1`.
struct Case {
    name: &'static str,
    program: &'static str,
    args: &'static [&'static str],
    makes: Makes,
    every: usize,
}

#[derive(Copy, Clone)]
enum Makes {
    /// A program that greets.
    Program,
    /// A file that begins so.
    File(&'static [u8]),
    /// No file: a greeting.
    Greeting,
}

const WASM2NATIVE: &str = env!("CARGO_BIN_EXE_wasm2native");
const COT: &str = env!("CARGO_BIN_EXE_cot");

const CASES: [Case; 8] = [
    Case {
        name: "program",
        program: WASM2NATIVE,
        args: &["a.wat", "-o", "out/app", "-j1"],
        makes: Makes::Program,
        every: 2,
    },
    Case {
        name: "object",
        program: WASM2NATIVE,
        args: &["-c", "a.wat", "-o", "out/app", "-j2"],
        makes: Makes::File(b"\x7fELF"),
        every: 8,
    },
    Case {
        name: "library",
        program: WASM2NATIVE,
        args: &["l.wat", "--emit", "staticlib=out/app", "-j1"],
        makes: Makes::File(b"!<arch>\n"),
        every: 8,
    },
    Case {
        name: "embedded",
        program: WASM2NATIVE,
        args: &["a.wat", "--embed", "tree::/data", "-o", "out/app", "-j1"],
        makes: Makes::Program,
        every: 8,
    },
    Case {
        name: "cached",
        program: WASM2NATIVE,
        args: &["a.wat", "--cache", "functions", "-o", "out/app", "-j1"],
        makes: Makes::Program,
        // It reads itself, by 64 KiB.
        every: 97,
    },
    Case { name: "run", program: WASM2NATIVE, args: &["run", "a.wat"], makes: Makes::Greeting, every: 6 },
    Case { name: "cot", program: COT, args: &["build", "a.cot", "-o", "out/app"], makes: Makes::Program, every: 40 },
    Case { name: "check", program: COT, args: &["check", "a.cot"], makes: Makes::File(b"old"), every: 20 },
];

/// With which Rust's library ends its preparation of the first thread. What fails before that is
/// not ours: glibc and the library end the process in their own ways.
const START: (&str, usize) = ("sigaltstack", 2);

const HELLO: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1) (data (i32.const 16) "hello\n")
  (func (export "_start")
    (i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 6))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))"#;

const LIBRARY: &str = r#"(module (func (export "f") (param i32) (result i32) (local.get 0)))"#;

pub fn trials() -> Vec<Trial> {
    CASES.into_iter().map(|case| trial(format!("compiler/{}", case.name), move || check(&case))).collect()
}

fn folder() -> Folder {
    let cot = "fn main() i64 {\n    println(\"hello\")\n    return 0\n}\n";
    Folder::with(&[("a.wat", HELLO), ("l.wat", LIBRARY), ("a.cot", cot), ("tree/one", "1"), ("tree/two", "2")])
}

fn check(case: &Case) -> Result<()> {
    inject::require()?;
    let every = if test_kit::trial::is_full() { 1 } else { case.every };
    let args: Vec<String> = case.args.iter().map(|arg| (*arg).to_owned()).collect();
    let words = inject::words(Path::new(case.program), &args);
    let first = folder();
    let calls = inject::calls(&words, Some(START), |command| prepare(&first, command))?;
    let mut wrong = String::new();
    let mut n_faults = 0;
    for (index, fault) in inject::faults(&calls).into_iter().enumerate().skip(1).step_by(every) {
        // glibc aborts where it can't give back a thread's stack.
        if fault.call == "munmap" {
            continue;
        }
        n_faults += 1;
        if let Err(error) = check_fault(case, &words, &fault, index % 2 == 0) {
            writeln!(wrong, "{fault}: {error:#}")?;
        }
    }
    ensure!(wrong.is_empty(), "{wrong}");
    ensure!(n_faults > 0, "nothing was tried");
    println!("{}: {n_faults} faults", case.name);
    Ok(())
}

fn prepare(folder: &Folder, command: &mut Command) {
    std::fs::create_dir_all(folder.path("tmp")).expect("folders can be made");
    std::fs::create_dir_all(folder.path("out")).expect("folders can be made");
    command.current_dir(folder.path(".")).env("PATH", "/usr/bin:/bin").env("TMPDIR", folder.path("tmp"));
    command.env("WASM2NATIVE_CACHE", folder.path("cache"));
}

/// `has_old`: a file has the output's name already.
fn check_fault(case: &Case, words: &[OsString], fault: &Fault, has_old: bool) -> Result<()> {
    let folder = folder();
    if has_old || matches!(case.makes, Makes::File(b"old")) {
        folder.write("out/app", "old");
    }
    let ended = inject::run(words, fault, |command| prepare(&folder, command))?;
    let left: BTreeSet<String> = folder.list("tmp");
    // What can't be removed stays.
    ensure!(left.is_empty() || fault.call.starts_with("unlink"), "{left:?} are left in TMPDIR: {ended:?}");
    let made = folder.list("out");
    ensure!(made.iter().all(|name| name == "app"), "{made:?} are left: {ended:?}");
    let found = std::fs::read(folder.path("out/app")).ok();
    match ended.status {
        0 => succeeded(case, &folder, found.as_deref(), fault, &ended),
        // A cache that can't be used is as a wrong flag.
        1 | 2 if ended.status == 1 || ended.stderr.contains("--cache") => {
            ensure!(!ended.stderr.contains("mistake in wasm2native"), "{ended:?}");
            // A message that can't be written is lost.
            ensure!(!ended.stderr.trim().is_empty() || fault.call.starts_with("write"), "no message: {ended:?}");
            let is_old = found.as_deref() == Some(b"old");
            ensure!(is_old || found.is_none(), "something else has the output's name: {ended:?}");
            Ok(())
        }
        // Rust's library asserts that a directory can be closed.
        101 if fault.call == "close" && ended.stderr.contains("closedir") => Ok(()),
        _ => anyhow::bail!("{ended:?}"),
    }
}

fn succeeded(case: &Case, folder: &Folder, found: Option<&[u8]>, fault: &Fault, ended: &Outcome) -> Result<()> {
    match case.makes {
        Makes::Program => {
            let said = outcome(&mut Command::new(folder.path("out/app")));
            ensure!(said.status == 0 && said.stdout == "hello\n", "the program: {said:?}; {ended:?}");
        }
        Makes::File(start) => ensure!(found.is_some_and(|it| it.starts_with(start)), "{ended:?}"),
        // The program itself is told that it can't write, and does not mind.
        Makes::Greeting => ensure!(ended.stdout == "hello\n" || fault.call.starts_with("write"), "{ended:?}"),
    }
    Ok(())
}
