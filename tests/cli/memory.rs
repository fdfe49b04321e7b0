//! A compiler without enough memory: status 1 and one message that names the input, or a program
//! that works. Nothing else stays.

use anyhow::Result;
use libtest_mimic::Trial;
use std::fmt::Write;
use std::process::Command;
use test_kit::folder::Folder;
use test_kit::process::{Outcome, outcome};
use test_kit::tool;
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["memory":
        a_program_or_one_message,
        by_a_c_compiler_too,
        cot_likewise,
        one_thread_is_enough,
    ]
}

const COT: &str = env!("CARGO_BIN_EXE_cot");
const WASM2NATIVE: &str = env!("CARGO_BIN_EXE_wasm2native");

/// A module with enough functions to take some memory, and its twin in Cot. Both end with 42.
fn folder() -> Folder {
    let mut module = "(module\n".to_owned();
    let mut program = String::new();
    for number in 0..400 {
        let body = "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const 3)) (i32.const 7)))".repeat(40);
        let previous = number - 1;
        let call = if number > 0 { format!("(drop (call $f{previous} (local.get 0)))") } else { String::new() };
        writeln!(module, "(func $f{number} (param i32) (result i32) {body} {call} (local.get 0))").expect("a string");
        writeln!(program, "fn part{number}(x: i64) i64 {{ {} return x }}", "if (x > 7) { return x * 3 } ".repeat(10))
            .expect("a string");
    }
    let calls: String = (0..400).map(|number| format!("(drop (call $f{number} (i32.const 1)))")).collect();
    writeln!(module, "(func (export \"main\") (result i32) {calls} (i32.const 42)))").expect("a string");
    let calls: String = (0..400).map(|number| format!("sum = sum + part{number}(1)\n")).collect();
    writeln!(program, "fn main() i64 {{ var sum = 0\n{calls}if (sum == 0) {{ return 1 }}\nreturn 42 }}")
        .expect("a string");
    Folder::with(&[("big.wat", &module), ("big.cot", &program), ("tmp/keep", ""), ("out/keep", "")])
}

/// Runs a command with `kib` KiB of address space.
fn limited(folder: &Folder, kib: u64, program: &str, args: &[&str]) -> Outcome {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -v $1 && shift && exec \"$@\"", "sh", &kib.to_string(), program]).args(args);
    command.current_dir(folder.path(".")).env_clear().env("TMPDIR", folder.path("tmp"));
    command.env("PATH", "/usr/bin:/bin").env("WASM2NATIVE_CACHE", folder.path("cache"));
    outcome(&mut command)
}

/// The least number of KiB with which something works, nearly.
fn least(low: u64, mut works: impl FnMut(u64) -> bool) -> u64 {
    let mut low = low;
    let mut high = low * 2;
    while !works(high) {
        (low, high) = (high, high * 2);
    }
    while high - low > high / 25 {
        let middle = (low + high) / 2;
        if works(middle) { high = middle } else { low = middle }
    }
    high
}

/// Ten sizes: seven from where the command itself starts to where the build works, and three above
/// it. The last is half as much again as what was once enough: threads reserve address space as
/// they come, so that builds differ.
fn check(folder: &Folder, program: &str, input: &str, args: &[&str]) {
    let starts = least(4096, |kib| limited(folder, kib, program, &["--version"]).status == 0);
    // How much threads reserve before they are done differs most on a busy machine.
    let search = |_| {
        least(starts, |kib| {
            let works = limited(folder, kib, program, args).status == 0;
            let _ = std::fs::remove_file(folder.path("out/program"));
            works
        })
    };
    let enough = (0..3).map(search).min().expect("three searches");
    let mut failures = 0;
    for step in 0..10 {
        let kib = match step {
            0..7 => starts + (enough - starts) * step / 7,
            _ => enough + enough / 2 * (step - 6) / 3,
        };
        let out = limited(folder, kib, program, args);
        let mut left = folder.list("out");
        if out.status == 0 {
            assert!(out.stderr.is_empty(), "{kib} KiB: {out:?}");
            assert_eq!(folder.program("out/program", &[]).status, 42, "{kib} KiB");
            std::fs::remove_file(folder.path("out/program")).expect("it was made");
            left.remove("program");
        } else {
            failures += 1;
            let out = out.fails(1, &["error: ", input]);
            assert_eq!(out.stderr.lines().count(), 1, "{kib} KiB: {out:?}");
        }
        assert_eq!(left, ["keep"].map(String::from).into(), "{kib} KiB");
        assert_eq!(folder.list("tmp"), ["keep"].map(String::from).into(), "{kib} KiB");
    }
    assert!((4..10).contains(&failures), "{failures} of 10 failed between {starts} and {enough} KiB");
}

fn a_program_or_one_message() {
    check(&folder(), WASM2NATIVE, "big.wat", &["big.wat", "-o", "out/program"]);
}

fn by_a_c_compiler_too() -> Result<()> {
    let folder = folder();
    tool::require("cc")?;
    let args = ["-q", "--linker", "cc", "big.wat", "-o", "out/program"];
    let out = limited(&folder, 1 << 22, WASM2NATIVE, &args);
    assert_eq!(out.status, 0, "{out:?}");
    std::fs::remove_file(folder.path("out/program")).expect("it was made");
    Ok(())
}

fn cot_likewise() {
    check(&folder(), COT, "big.cot", &["build", "big.cot", "-o", "out/program"]);
}

fn one_thread_is_enough() {
    let folder = folder();
    // Room for the stacks of two threads, but not for those that are asked for.
    let out = limited(&folder, 1 << 19, WASM2NATIVE, &["-j", "16", "big.wat", "-o", "out/program"]);
    assert!(out.status == 0 || out.stderr.contains("big.wat"), "{out:?}");
}
