//! Builds that end before they are done: by a signal, without space, or by a mistake of ours. At
//! the output's name is then what was there before, or all of the new file.

use crate::{mount, unmount};
use anyhow::Result;
use libtest_mimic::Trial;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use test_kit::folder::Folder;
use test_kit::process::{self, Outcome, outcome};
use test_kit::trials;
use wasm2native::progress::{self, Silent};
use wasm2native::start;

pub fn trials() -> Vec<Trial> {
    trials!["ends":
        a_signal_leaves_the_old_file_or_the_new_one,
        files_that_are_too_large_are_an_error,
        a_full_disk_is_an_error,
        child,
        a_panic_is_reported_as_our_mistake,
    ]
}

const COT: &str = env!("CARGO_BIN_EXE_cot");
const WASM2NATIVE: &str = env!("CARGO_BIN_EXE_wasm2native");

/// A module that takes a while, and whose forms all have more than a few blocks; and a program in
/// Cot.
fn folder() -> Folder {
    let mut module = "(module (func (export \"main\") (result i32) (i32.const 42))\n".to_owned();
    let mut program = "export fn main() i64 { return 42 }\n".to_owned();
    for number in 0..500 {
        let body = "(i64.mul (local.get 0) (i64.const 3)) (local.set 0)".repeat(8);
        writeln!(module, "(func (export \"f{number}\") (param i64) (result i64) {body} (local.get 0))")
            .expect("a string");
        writeln!(program, "export fn part{number}(x: i64) i64 {{ return x * 3 }}").expect("a string");
    }
    module.push(')');
    Folder::with(&[("big.wat", &module), ("big.cot", &program), ("tmp/keep", ""), ("out/keep", "")])
}

fn command(folder: &Folder, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder.path(".")).env_clear().env("TMPDIR", folder.path("tmp"));
    command.env("PATH", "/usr/bin:/bin");
    command
}

fn a_signal_leaves_the_old_file_or_the_new_one() {
    let folder = folder();
    let cases: [(&str, &[&str]); 2] =
        [(WASM2NATIVE, &["big.wat", "-o", "out/program"]), (COT, &["build", "big.cot", "-o", "out/program"])];
    for (program, args) in cases {
        let begin = Instant::now();
        outcome(&mut command(&folder, program, args)).succeeds();
        let took = begin.elapsed();
        let new = std::fs::read(folder.path("out/program")).expect("it was made");
        // With W2N_FULL, each 20 ms, and a little beyond the end.
        let n_moments = if test_kit::trial::is_full() {
            u32::try_from(took.as_millis() / 20).unwrap_or(u32::MAX).max(8) + 2
        } else {
            10
        };
        for moment in 0..n_moments {
            for (signal, has_old) in [("KILL", false), ("INT", true)] {
                match has_old {
                    true => folder.write("out/program", "old"),
                    false => std::fs::remove_file(folder.path("out/program")).unwrap_or_default(),
                }
                // Where the tests run in the background, signals may be ignored, which would be
                // passed on.
                let words = ["--default-signal=INT", program];
                let mut child = command(&folder, "env", &[&words, args].concat()).spawn().expect("it starts");
                // No two runs take the same time.
                let spread = Duration::from_micros(u64::from(std::process::id() % 97) * u64::from(moment));
                std::thread::sleep(took * moment / (n_moments - 2) + spread);
                let id = child.id().to_string();
                // It may be done already.
                outcome(Command::new("kill").args(["-s", signal, &id]));
                process::finish(&mut child).expect("it ends");
                match std::fs::read(folder.path("out/program")) {
                    Ok(found) => assert!(
                        found == new || has_old && found == b"old",
                        "{signal} at {moment}: {} bytes",
                        found.len()
                    ),
                    Err(_) => assert!(!has_old, "{signal} at {moment}: the old file is gone"),
                }
                let _ = std::fs::remove_file(folder.path("out/program"));
                assert_eq!(folder.list("out"), ["keep"].map(String::from).into(), "{signal} at {moment}");
                assert_eq!(folder.list("tmp"), ["keep"].map(String::from).into(), "{signal} at {moment}");
            }
        }
        outcome(&mut command(&folder, program, args)).succeeds();
    }
}

/// All that makes a file.
const WRITING: [(&str, &[&str]); 14] = [
    (WASM2NATIVE, &["big.wat", "-o", "out/x"]),
    (WASM2NATIVE, &["big.wat", "--keep", "-o", "out/x"]),
    (WASM2NATIVE, &["-c", "big.wat", "-o", "out/x"]),
    (WASM2NATIVE, &["-S", "big.wat", "-o", "out/x"]),
    (WASM2NATIVE, &["--emit", "clif", "big.wat", "-o", "out/x"]),
    (WASM2NATIVE, &["--emit", "wat", "big.wat", "-o", "out/x"]),
    (WASM2NATIVE, &["--emit", "header", "big.wat", "-o", "out/x"]),
    (WASM2NATIVE, &["--emit", "rust", "big.wat", "-o", "out/x"]),
    (WASM2NATIVE, &["--emit", "staticlib", "big.wat", "-o", "out/x"]),
    (WASM2NATIVE, &["--emit", "sharedlib", "big.wat", "-o", "out/x"]),
    (COT, &["big.cot", "-o", "out/x"]),
    (COT, &["big.cot", "-o", "out/x.so"]),
    (COT, &["big.cot", "--target=wasi", "-o", "out/x"]),
    (COT, &["build", "--emit", "ssa", "big.cot", "-o", "out/x"]),
];

/// What a failed build leaves: the object that `--keep` asks for, and nothing else.
fn left(folder: &Folder, args: &[&str]) -> BTreeSet<String> {
    let mut names = folder.list("out");
    if args.contains(&"--keep") {
        names.remove("x.o");
    }
    names
}

#[track_caller]
fn one_message_and_no_file(folder: &Folder, out: Outcome, text: &str) {
    let out = out.fails(1, &["error: ", "can't write out/x", text]);
    // `--keep` prints how the program was linked.
    let messages = out.stderr.lines().filter(|line| !line.starts_with("ld -m "));
    assert_eq!(messages.count(), 1, "{out:?}");
    assert_eq!(folder.list("tmp"), ["keep"].map(String::from).into());
}

fn files_that_are_too_large_are_an_error() {
    let folder = folder();
    for (program, args) in WRITING {
        let script = "ulimit -f 8 && exec \"$0\" \"$@\"";
        let mut command = command(&folder, "sh", &[&["-c", script, program], args].concat());
        one_message_and_no_file(&folder, outcome(&mut command), "File too large");
        assert_eq!(left(&folder, args), ["keep"].map(String::from).into(), "{args:?}");
        let _ = std::fs::remove_file(folder.path("out/x.o"));
    }
}

fn a_full_disk_is_an_error() -> Result<()> {
    let folder = folder();
    mount(&folder.path("out"), "size=16k")?;
    let outcomes = WRITING.map(|(program, args)| {
        let out = outcome(&mut command(&folder, program, args));
        let left = left(&folder, args);
        let _ = std::fs::remove_file(folder.path("out/x.o"));
        (out, left)
    });
    // Before anything can fail: a folder with a mount can't be removed.
    unmount(&folder.path("out"));
    for (out, left) in outcomes {
        one_message_and_no_file(&folder, out, "No space left");
        assert!(left.is_empty(), "{left:?}");
    }
    Ok(())
}

/// Set for [`child`].
const IS_CHILD: &str = "W2N_TEST_PANIC";

/// Does what both commands do, with a mistake in a thread of the work.
fn child() {
    let Ok(text) = std::env::var(IS_CHILD) else { return };
    let status = start::run(|| {
        start::begin("app.wasm");
        let work = || start::with_threads(Some(2), || rayon::join(|| (), || panic!("{text}")));
        let result = progress::stage(&Silent, "compile", 0, work);
        if result.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    });
    assert_eq!(format!("{status:?}"), format!("{:?}", ExitCode::from(101)));
}

fn a_panic_is_reported_as_our_mistake() {
    let run = |text: &str| {
        let mut command = Command::new(std::env::current_exe().expect("it runs"));
        outcome(command.args(["--exact", "ends/child"]).env(IS_CHILD, text).env_remove("RUST_BACKTRACE"))
    };
    let out = run("the sum is odd").succeeds();
    let lines: Vec<_> = out.stderr.lines().collect();
    let [error, help] = lines[..] else { panic!("{out:?}") };
    assert!(error.starts_with("error: app.wasm: this is a mistake in "), "{error}");
    assert!(error.contains(", in the stage `compile`: the sum is odd (tests/cli/ends.rs:"), "{error}");
    assert!(help.starts_with("help: please report it"), "{help}");
    // So it is when a thread finds no memory for what it needs.
    let out = run("failed to allocate an alternative stack: Out of memory").fails(1, &[]);
    assert_eq!(out.stderr, "error: app.wasm: out of memory\n");
}
