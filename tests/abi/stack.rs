//! The end of the stack: a clean trap, whoever needs more than there is.
//!
//! Wasm functions with frames of more than a page, of more than 64 KiB and of more than a megabyte
//! are entered with less room than they need, on the main thread and on a host's thread, whose
//! guard is one page; calls go from Wasm to C and back until the stack ends, in Wasm or in C. Where
//! translated code is on the stack, an overflow in C counts as that of the Wasm that called it: the
//! frames of either are what filled it. Where there is none, it is the host's own affair, and its
//! process dies as it would without us.

use crate::batch;
use anyhow::{Result, anyhow, bail, ensure};
use libtest_mimic::Trial;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use test_kit::folder::Folder;
use test_kit::process::{self, Outcome, describe};
use test_kit::tool;
use test_kit::trial::trial;

/// The trap's message, and its number in the interface of libraries (`wasi-shim/src/abi/`,
/// `Trap`).
const MESSAGE: &str = "call stack exhausted";
const NUMBER: i32 = 9;

/// Exports of the module with large frames, and what their frames have at least.
const FRAMES: [(&str, u64); 3] = [("page", 4 << 10), ("hundred", 64 << 10), ("megabyte", 1 << 20)];

/// Exports that call each other through C without end, and what is large in it.
const RECURSIONS: [&str; 3] = ["down", "large", "wide"];

type Check = Box<dyn FnOnce(&Program) -> Result<()> + Send>;

pub fn trials() -> Vec<Trial> {
    let folder = Arc::new(OnceLock::new());
    let mut trials = Vec::new();
    let mut add = |name: String, check: Check| {
        let folder: Arc<OnceLock<Result<Folder, String>>> = Arc::clone(&folder);
        trials.push(trial(format!("stack-{name}"), move || {
            let folder = folder.get_or_init(|| build().map_err(|error| format!("{error:#}")));
            check(&Program(folder.as_ref().map_err(|error| anyhow!(error.clone()))?))
        }));
    };
    for place in ["main", "thread"] {
        for (name, bytes) in FRAMES {
            add(format!("{place}-frame-{name}"), Box::new(move |program| frame(program, name, bytes, place)));
        }
        for name in RECURSIONS {
            add(format!("{place}-recursion-{name}"), Box::new(move |program| recursion(program, name, place)));
        }
        add(format!("{place}-only-c"), Box::new(move |program| only_c(program, place)));
    }
    trials
}

struct Program<'a>(&'a Folder);

fn build() -> Result<Folder> {
    let folder = Folder::with(&[("m.wat", &module()), ("stack.c", include_str!("stack.c"))]);
    batch::compile(folder.path("."), &["m.wat", "--emit", "staticlib=m.a"])?;
    // The compiler's own probes would hide what happens in C. With frame pointers in C the trap's
    // backtrace leads through it.
    let flags = [
        "-O1",
        "-fno-stack-clash-protection",
        "-fno-omit-frame-pointer",
        "-fno-optimize-sibling-calls",
        "-pthread",
        "-w",
    ];
    batch::run(tool::cc().args(flags).args(["stack.c", "m.a", "-o", "stack"]).current_dir(folder.path(".")))?;
    Ok(folder)
}

/// The frames of `page` and `hundred` hold vectors that are needed after a call, that of `megabyte`
/// the results of many calls.
fn module() -> String {
    let live = |name: &str, n: usize| {
        let make = "(global.set $v (i64x2.add (global.get $v) (v128.const i64x2 3 5))) (global.get $v)\n".repeat(n);
        let use_them = "(v128.xor)\n".repeat(n - 1);
        format!("(func $frame_{name} (export \"{name}\") {make} (call $leaf) {use_them} (global.set $v))\n")
    };
    let step = |name: &str, import: &str, before: &str, after: &str| {
        format!(
            "(func $frame_{name} (export \"{name}\") (param i32) (result i32) {before} (call ${import} (local.get 0)) {after})\n"
        )
    };
    let results = " v128".repeat(1000);
    let drop = "drop ".repeat(1000);
    let mut text = format!(
        "(module (type $many (func (result{results})))\n(import \"env\" \"many\" (func $many (type $many)))\n\
         (import \"env\" \"leaf\" (func $leaf))\n"
    );
    for import in ["back", "back_large", "back_wide"] {
        writeln!(text, "(import \"env\" \"{import}\" (func ${import} (param i32) (result i32)))")
            .expect("a string takes everything");
    }
    text += "(global $v (mut v128) (v128.const i64x2 1 2))\n";
    text += &live("page", 300);
    text += &live("hundred", 4500);
    text += &format!("(func $frame_megabyte (export \"megabyte\") {})\n", format!("(call $many) {drop}\n").repeat(66));
    text += &step("down", "back", "", "(i32.add (i32.const 1))");
    text += &step("down_large", "back_large", "", "(i32.add (i32.const 1))");
    let many = "(global.set $v (i64x2.add (global.get $v) (v128.const i64x2 3 5))) (global.get $v)\n".repeat(300);
    let xor = format!("(local.set 0) {} (global.set $v) (local.get 0)", "(v128.xor)\n".repeat(299));
    text + &step("down_wide", "back_wide", &many, &xor) + ")\n"
}

impl Program<'_> {
    /// `task` is `trap` or `attempt`.
    fn run(&self, what: &str, place: &str, room: u64, task: &str) -> Result<Outcome> {
        let mut command = process::program(self.0.path("stack"));
        process::run(command.args([what, place, &room.to_string(), task]), b"")
    }
}

/// Ends with the trap, in the function `innermost` or in C that it has called.
fn traps(outcome: &Outcome, innermost: &str) -> Result<()> {
    let stderr = &outcome.stderr;
    let first = stderr.lines().next().unwrap_or_default();
    let frame = stderr.lines().nth(2).unwrap_or_default();
    let is_right = outcome.status == 134 && first == format!("wasm trap: {MESSAGE}") && frame.ends_with(innermost);
    ensure!(is_right, "{}, and it said:\n{stderr}", describe(outcome.status));
    Ok(())
}

/// Ten attempts all end with the trap, and nothing is written beyond the stack's end.
fn attempts_end(outcome: &Outcome) -> Result<()> {
    let stdout = &outcome.stdout;
    let expected = format!("trap {NUMBER}\n").repeat(10);
    ensure!(outcome.status == 0 && *stdout == expected, "{}, and it said:\n{stdout}", describe(outcome.status));
    Ok(())
}

fn frame(program: &Program, name: &str, bytes: u64, place: &str) -> Result<()> {
    // Enough room: it returns, and says how large the frame is.
    let outcome = program.run(name, place, 2 * bytes + (128 << 10), "trap")?;
    let stdout = &outcome.stdout;
    let size = stdout.lines().find_map(|line| line.strip_prefix("frame ")?.parse::<u64>().ok());
    let Some(size) = size.filter(|_| outcome.status == 0 && stdout.ends_with("returned\n")) else {
        bail!("{}, and it said:\n{stdout}", describe(outcome.status));
    };
    ensure!(size > bytes && size < 2 * bytes, "the frame has {size} bytes, so this tries nothing");
    for room in [1024, size / 2, size - 1024] {
        traps(&program.run(name, place, room, "trap")?, &format!("frame_{name}"))?;
        attempts_end(&program.run(name, place, room, "attempt")?)?;
    }
    Ok(())
}

fn recursion(program: &Program, name: &str, place: &str) -> Result<()> {
    let function = if name == "down" { "frame_down".to_owned() } else { format!("frame_down_{name}") };
    traps(&program.run(name, place, 0, "trap")?, &function)?;
    attempts_end(&program.run(name, place, 0, "attempt")?)
}

/// The host's own overflow kills it with the system's signal.
fn only_c(program: &Program, place: &str) -> Result<()> {
    const SIGSEGV: i32 = 11;
    for task in ["trap", "attempt"] {
        let outcome = program.run("c", place, 0, task)?;
        let stderr = &outcome.stderr;
        ensure!(outcome.status == -SIGSEGV && stderr.is_empty(), "{task}: {}: {stderr}", describe(outcome.status));
    }
    Ok(())
}
