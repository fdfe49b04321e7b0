//! Systems that forbid or lack system calls, and processes with no descriptors left: programs start
//! and work there all the same. `openat2` has tests of its own, in every group that follows paths.

use crate::driver::{Built, FREE, Guest, build, program};
use crate::numbers::rights::{READ, WRITE};
use libtest_mimic::Trial;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use test_kit::process::{self, Outcome, outcome};
use test_kit::trial::trial;

pub fn trials() -> Vec<Trial> {
    let mut trials = vec![trial("machines/no-descriptors", no_descriptors), trial("machines/limits", limits)];
    for (name, errno) in [("missing", "38"), ("forbidden", "1")] {
        for (what, calls) in CALLS {
            trials.push(trial(format!("machines/stack/{what}-{name}"), move || stack(errno, calls)));
            trials.push(trial(format!("machines/files/{what}-{name}"), move || files(errno, calls)));
        }
    }
    trials
}

/// What is refused; ENOSYS is what an old kernel answers, EPERM what filters do.
const CALLS: [(&str, &[&str]); 4] = [
    ("prlimit64", &["prlimit64"]),
    ("limits", &["prlimit64", "getrlimit", "setrlimit"]),
    ("openat2", &["openat2"]),
    ("linux-5", &["new"]),
];

/// The command that runs others on such a system.
fn refuse(errno: &str, calls: &[&str]) -> Command {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PROGRAM.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("refuse");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasi/refuse.c");
        outcome(Command::new("cc").arg(source).arg("-o").arg(&path)).succeeds();
        (folder, path)
    });
    let mut command = Command::new(path);
    command.arg(errno).args(calls).arg("--");
    command
}

fn on(mut command: Command, program: &Path) -> Outcome {
    outcome(command.args(process::program_words(program)).env_clear())
}

/// Calls itself without an end where it gets an argument, else exits with 7.
fn recursion(flags: &[&str]) -> Built {
    let text = r#"(module
      (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (func $deep (param i32) (result i32) (i32.add (call $deep (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
      (func (export "_start")
        (drop (call $sizes (i32.const 0) (i32.const 4)))
        (if (i32.eq (i32.load (i32.const 0)) (i32.const 1)) (then (call $exit (i32.const 7))))
        (drop (call $deep (i32.const 0)))))"#;
    build("recursion.wat", text, flags)
}

/// A program starts, and the end of its stack is a trap.
fn stack(errno: &str, calls: &[&str]) {
    let built = recursion(&[]);
    assert_eq!(on(refuse(errno, calls), &built.path).status, 7);
    let mut command = refuse(errno, calls);
    command.args(process::program_words(&built.path)).arg("deep").env_clear();
    outcome(&mut command).fails(134, &["call stack exhausted"]);
    // The same where the system's limit is another.
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -s unlimited 2>/dev/null; exec \"$@\"", "sh"]);
    let refused = refuse(errno, calls);
    shell.arg(refused.get_program()).args(refused.get_args());
    assert_eq!(on(shell, &built.path).status, 7);
}

/// A size that the user asked for and the system forbids is an error.
fn limits() {
    let built = recursion(&["--max-stack", "1M"]);
    let refused = refuse("1", &["prlimit64", "setrlimit"]);
    on(refused, &built.path).fails(1, &["cannot set the stack size to 1048576 bytes"]);
    assert_eq!(on(refuse("1", &["prlimit64"]), &built.path).status, 7);
}

/// A file is made, written, found in a list and removed.
fn files(errno: &str, calls: &[&str]) {
    const RESULT: u64 = FREE as u64;
    const PATH: u64 = RESULT + 64;
    const PIECE: u64 = RESULT + 128;
    const BUFFER: u64 = RESULT + 1024;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let mut command = refuse(errno, calls);
    command.args(process::program_words(program()));
    let mut guest = Guest::spawn(command, "--dir .::/", &|command| {
        command.current_dir(folder.path());
    });
    guest.load(PATH as u32, b"file");
    guest.load(PIECE as u32, &[PATH as u32, 4].map(u32::to_le_bytes).concat());
    assert_eq!(guest.call("path_open", &[3, 0, PATH, 4, 1, READ | WRITE, 0, 0, RESULT]).errno(), 0);
    let file = guest.dump_u32(RESULT as u32).into();
    assert_eq!(guest.call("fd_write", &[file, PIECE, 1, RESULT]).errno(), 0);
    assert_eq!(guest.call("fd_filestat_get", &[file, BUFFER]).errno(), 0);
    assert_eq!(guest.call("path_filestat_get", &[3, 1, PATH, 4, BUFFER]).errno(), 0);
    assert_eq!(guest.call("fd_close", &[file]).errno(), 0);
    assert_eq!(std::fs::read(folder.path().join("file")).expect("it was made"), b"file");
    assert_eq!(guest.call("fd_readdir", &[3, BUFFER, 1024, 0, RESULT]).errno(), 0);
    assert_eq!(guest.dump_u32(RESULT as u32), 3 * 24 + 1 + 2 + 4);
    assert_eq!(guest.call("random_get", &[BUFFER, 16]).errno(), 0);
    assert_eq!(guest.call("path_unlink_file", &[3, PATH, 4]).errno(), 0);
}

/// With `ulimit -n 0` nothing can be opened; what is there from the start works, and so does what
/// the program carries.
fn no_descriptors() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("file"), "embedded").expect("files can be written");
    let tree = format!("{}::/data", folder.path().display());
    let text = r#"(module
      (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_readdir" (func $list (param i32 i32 i32 i64 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (memory (export "memory") 1)
      (data (i32.const 32) "hi\0a")
      (func (export "_start")
        (i32.store (i32.const 8) (i32.const 32))
        (i32.store (i32.const 12) (i32.const 3))
        (if (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)) (then (call $exit (i32.const 1))))
        (if (call $prestat (i32.const 3) (i32.const 64)) (then (call $exit (i32.const 2))))
        (if (call $list (i32.const 3) (i32.const 1024) (i32.const 1024) (i64.const 0) (i32.const 64))
          (then (call $exit (i32.const 3))))
        (call $exit (i32.load (i32.const 64)))))"#;
    let built = build("none.wat", text, &["--embed", &tree]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 0; exec \"$@\"", "sh"]);
    let out = on(shell, &built.path);
    assert_eq!((out.status, &*out.stdout), (3 * 24 + 1 + 2 + 4, "hi\n"), "{out:?}");
}
