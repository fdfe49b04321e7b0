//! Standard output and standard error that can't be written. Output that does not arrive is never
//! success; a message that does not arrive changes nothing.

use crate::{ANSWER, INVALID};
use libtest_mimic::Trial;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use test_kit::folder::Folder;
use test_kit::process::{outcome, run_as_is};
use test_kit::trials;

pub fn trials() -> Vec<Trial> {
    trials!["streams":
        output_that_does_not_arrive_is_not_success,
        messages_that_do_not_arrive_change_nothing,
        a_program_gets_closed_streams_as_they_are,
    ]
}

const COT: &str = env!("CARGO_BIN_EXE_cot");
const WASM2NATIVE: &str = env!("CARGO_BIN_EXE_wasm2native");

/// Everything that prints, and does nothing else.
const PRINTING: [(&str, &[&str]); 29] = [
    (WASM2NATIVE, &["--help"]),
    (WASM2NATIVE, &["-h"]),
    (WASM2NATIVE, &["help"]),
    (WASM2NATIVE, &["run", "--help"]),
    (WASM2NATIVE, &["--version"]),
    (WASM2NATIVE, &["-V"]),
    (WASM2NATIVE, &["--target", "help"]),
    (WASM2NATIVE, &["--enable", "help"]),
    (WASM2NATIVE, &["run", "--enable", "help"]),
    (WASM2NATIVE, &["inspect", "program", "program"]),
    (WASM2NATIVE, &["--print", "imports", "a.wat"]),
    (WASM2NATIVE, &["--print", "imports", "program"]),
    (WASM2NATIVE, &["--print", "exports", "a.wat"]),
    (WASM2NATIVE, &["--print", "link-args", "a.wat"]),
    (WASM2NATIVE, &["--print", "runtime-symbols"]),
    (WASM2NATIVE, &["--emit", "wat", "a.wat"]),
    (WASM2NATIVE, &["--emit", "wat", "a.wat", "-o", "-", "--timings"]),
    (WASM2NATIVE, &["--emit", "clif", "a.wat", "b.wat", "-o", "-"]),
    (WASM2NATIVE, &["-q", "a.wat", "-o", "-"]),
    (WASM2NATIVE, &["-c", "a.wat", "-o", "/proc/self/fd/1"]),
    (COT, &["--help"]),
    (COT, &["help", "build"]),
    (COT, &["--version"]),
    (COT, &["version"]),
    (COT, &["info"]),
    (COT, &["task"]),
    (COT, &["fmt", "--check", "a.cot"]),
    (COT, &["fmt", "--stdout", "a.cot"]),
    (COT, &["build", "--emit", "ast", "a.cot"]),
];

fn folder() -> Folder {
    let folder = Folder::with(&[
        (
            "a.wat",
            r#"(module (import "env" "puts" (func (param i32) (result i32))) (func (export "main") (drop (call 0 (i32.const 0)))))"#,
        ),
        ("invalid.wat", INVALID),
        ("answer.wat", ANSWER),
        ("a.cot", "fn main() i64   { return 42 }\n"),
        ("lint.cot", "fn main() i64 { let unused = 1; return 0 }\n"),
        ("faulty.cot", "fn main() i64 { return missing }\n"),
        ("broken.cot", "fn main( {\n"),
        ("cot.json", "{ \"main\": \"a.cot\", \"tasks\": { \"say\": \"echo said\" } }"),
    ]);
    folder.device("full");
    folder.wasm2native(&["-q", "a.wat", "-o", "program"]).succeeds();
    folder
}

/// A command in the folder, with its streams as the shell's words say.
fn command(folder: &Folder, program: &str, args: &[&str], redirections: &str) -> Command {
    let script = format!("exec \"$0\" \"$@\" {redirections}");
    let mut command = Command::new("sh");
    command.args(["-c", &script, program]).args(args).current_dir(folder.path(".")).env_clear();
    command.stdin(Stdio::null()).env("WASM2NATIVE_CACHE", folder.path("cache")).env("PATH", "/usr/bin:/bin");
    command
}

/// A pipe that no one reads.
fn broken_pipe() -> OwnedFd {
    rustix::pipe::pipe().expect("pipes can be made").1
}

fn output_that_does_not_arrive_is_not_success() {
    let folder = folder();
    for (program, args) in PRINTING {
        let args: Vec<&str> = args.iter().copied().filter(|it| *it != "b.wat").collect();
        let open = outcome(&mut command(&folder, program, &args, ""));
        assert!(!open.stdout.is_empty() && !open.stderr.contains("error"), "{args:?}: {open:?}");
        let plain = open.stderr.lines().count();
        for (redirection, text) in [(">full", "No space left on device"), (">&-", "Bad file descriptor")] {
            let out = outcome(&mut command(&folder, program, &args, redirection));
            let message = format!("can't write to standard output: {text} (os error ");
            assert!(out.status == 1 && out.stderr.contains(&message), "{args:?} {redirection}: {out:?}");
            assert!(out.stderr.lines().count() <= plain + 1, "{args:?} {redirection}: {out:?}");
        }
        let mut command = command(&folder, program, &args, "");
        let out = run_as_is(command.stdout(broken_pipe()).stderr(Stdio::piped()));
        let stderr = out.stderr;
        assert_eq!(out.status, 1, "{args:?}: {stderr}");
        assert!(stderr.lines().all(|line| line.ends_with("compile") || line.contains(" ms  ")), "{args:?}: {stderr}");
    }
    assert!(!folder.list(".").contains("a") && !folder.list(".").contains("-"));
}

fn messages_that_do_not_arrive_change_nothing() {
    let cases: [(&str, &[&str], i32); 20] = [
        (WASM2NATIVE, &["invalid.wat"], 1),
        (WASM2NATIVE, &["invalid.wat", "answer.wat", "--out-dir", "out"], 1),
        (WASM2NATIVE, &["run", "invalid.wat"], 1),
        (WASM2NATIVE, &["run", "-v", "answer.wat"], 42),
        (WASM2NATIVE, &["--no-such-flag"], 2),
        (WASM2NATIVE, &["@missing"], 2),
        (WASM2NATIVE, &["inspect", "faulty.cot"], 1),
        (WASM2NATIVE, &["-v", "--timings", "--keep", "answer.wat"], 0),
        (WASM2NATIVE, &["a.wat"], 0),
        (COT, &["faulty.cot"], 1),
        (COT, &["check", "faulty.cot"], 1),
        (COT, &["check", "a.cot"], 0),
        (COT, &["lint", "lint.cot"], 1),
        (COT, &["fmt", "--check", "broken.cot"], 1),
        (COT, &["test", "-v", "a.cot"], 0),
        (COT, &["bench", "a.cot"], 0),
        (COT, &["task", "missing"], 1),
        (COT, &["init", "project"], 0),
        (COT, &["--no-such-flag"], 2),
        (COT, &[], 2),
    ];
    let folder = folder();
    for (program, args, status) in cases {
        for redirection in ["2>&-", "2>full", "2>&- >&-"] {
            if args[..].first() == Some(&"init") {
                let _ = std::fs::remove_dir_all(folder.path("project"));
            }
            let out = outcome(&mut command(&folder, program, args, redirection));
            assert_eq!(out.status, status, "{args:?} {redirection}: {out:?}");
        }
        if args.first() != Some(&"init") {
            let mut command = command(&folder, program, args, "");
            let out = run_as_is(command.stdout(Stdio::piped()).stderr(broken_pipe()));
            assert_eq!(out.status, status, "{args:?}");
        }
    }
}

/// A program that `run` starts has the streams that its user gave: closed ones as well.
fn a_program_gets_closed_streams_as_they_are() {
    let folder = Folder::with(&[
        (
            "write.wat",
            r#"(module (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
                 (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                 (memory (export "memory") 1) (data (i32.const 0) "\08\00\00\00\03\00\00\00hi\0a")
                 (func (export "_start")
                   (call $exit (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 100)))))"#,
        ),
        ("write.cot", "fn main() i64 {\n    println(\"hi\")\n    return 0\n}\n"),
        ("cot.json", "{ \"tasks\": { \"say\": \"echo said\" } }"),
    ]);
    const BADF: i32 = 8;
    assert_eq!(outcome(&mut command(&folder, WASM2NATIVE, &["run", "write.wat"], "")).status, 0);
    assert_eq!(outcome(&mut command(&folder, WASM2NATIVE, &["run", "write.wat"], ">&-")).status, BADF);
    assert_eq!(outcome(&mut command(&folder, COT, &["run", "write.cot"], "")).status, 0);
    assert_ne!(outcome(&mut command(&folder, COT, &["task", "say"], ">&-")).status, 0);
}
