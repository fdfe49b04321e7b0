//! The command line: what users type, what they read, and which files are there afterwards.
//!
//! Each test has a folder of its own, an environment without surprises and a cache inside the
//! folder.

mod build;
mod cache;
mod cot;
mod durable;
mod ends;
mod foreign;
mod grants;
mod inspect;
mod link;
mod link_errors;
mod memory;
mod print;
mod run;
mod script;
mod special;
mod streams;
mod usage;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder in which commands are run.
pub struct Place(tempfile::TempDir);

/// What a command did.
#[derive(Debug)]
pub struct Outcome {
    /// As a shell reports it: 128 and the signal's number for a process that a signal ended.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn empty() -> Place {
        Place(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    pub fn with(files: &[(&str, &str)]) -> Place {
        let place = Place::empty();
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("it is inside the folder")).expect("folders can be made");
        std::fs::write(path, text).expect("files can be written");
    }

    /// Names in the folder, or in one below it.
    pub fn list(&self, folder: &str) -> BTreeSet<String> {
        let entries = std::fs::read_dir(self.path(folder)).expect("the folder is there");
        entries.map(|entry| entry.expect("it can be listed").file_name().into_string().expect("UTF-8")).collect()
    }

    /// The command `wasm2native`, here.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wasm2native"));
        command.args(args).current_dir(self.0.path()).env_clear().stdin(Stdio::null());
        command.env("WASM2NATIVE_CACHE", self.path("cache")).env("PATH", "/usr/bin:/bin");
        command
    }

    pub fn wasm2native(&self, args: &[&str]) -> Outcome {
        outcome(&mut self.command(args))
    }

    /// Runs a program that was built here, in an empty environment.
    pub fn program(&self, name: &str, args: &[&str]) -> Outcome {
        outcome(Command::new(self.path(name)).args(args).current_dir(self.0.path()).env_clear())
    }
}

impl Place {
    /// Runs the system's C compiler here. Says whether there is one.
    pub fn compile(&self, args: &[&str]) -> bool {
        match Command::new("cc").args(args).current_dir(self.path(".")).env("LC_ALL", "C").output() {
            Ok(output) if output.status.success() => true,
            Ok(output) => panic!("cc {args:?}: {}", String::from_utf8_lossy(&output.stderr)),
            Err(_) => {
                eprintln!("left out: there is no C compiler");
                false
            }
        }
    }

    pub fn archive(&self, flags: &str, name: &str, member: &str) {
        assert_eq!(outcome(Command::new("ar").args([flags, name, member]).current_dir(self.path("."))).status, 0);
    }

    /// An object with the symbol `NAME_f`, without a C compiler.
    pub fn object(&self, name: &str) {
        self.write("object.wat", r#"(module (func (export "f") (param i32) (result i32) (local.get 0)))"#);
        self.wasm2native(&["-c", "object.wat", "--prefix", name, "-o", &format!("{name}.o")]).succeeds();
    }
}

impl Place {
    /// A device of the folder's own, as `/dev/null` or `/dev/full`. A link to the machine's has to
    /// do where the user can't make one, and so can't harm that either.
    pub fn device(&self, name: &str) {
        let (device, minor) = if name.contains("null") { ("/dev/null", "3") } else { ("/dev/full", "7") };
        let path = self.path(name);
        let made = Command::new("mknod").args(["-m", "666"]).arg(&path).args(["c", "1", minor]).output();
        let opens = || std::fs::OpenOptions::new().write(true).open(&path).is_ok();
        if made.is_ok_and(|out| out.status.success()) && opens() {
            return;
        }
        assert!(!rustix::process::getuid().is_root(), "root could harm {device}");
        let _ = std::fs::remove_file(&path);
        std::os::unix::fs::symlink(device, path).expect("links can be made");
    }
}

impl Outcome {
    #[track_caller]
    pub fn succeeds(self) -> Outcome {
        assert_eq!(self.status, 0, "{self:#?}");
        self
    }

    /// Ends with `status`, and says all of `texts` on standard error.
    #[track_caller]
    pub fn fails(self, status: i32, texts: &[&str]) -> Outcome {
        assert_eq!(self.status, status, "{self:#?}");
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is missing: {self:#?}");
        }
        self
    }
}

pub fn outcome(command: &mut Command) -> Outcome {
    outcome_with_input(command, "")
}

pub fn outcome_with_input(command: &mut Command, stdin: &str) -> Outcome {
    use std::os::unix::process::ExitStatusExt;
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    // Who does not read its input closes the pipe, which is no fault.
    let _ = child.stdin.take().expect("it is piped").write_all(stdin.as_bytes());
    let output = child.wait_with_output().expect("the command ends");
    Outcome {
        status: output.status.code().unwrap_or_else(|| 128 + output.status.signal().expect("it ended")),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Exits with 42.
pub const ANSWER: &str = r#"(module (func (export "main") (result i32) (i32.const 42)))"#;

/// Does not validate: a result is missing.
pub const INVALID: &str = r#"(module (func $half (export "main") (result i32)))"#;

/// `fib`, for `--invoke`.
pub const FIB: &str = r#"(module
  (func $fib (export "fib") (param i32) (result i32)
    (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
      (then (local.get 0))
      (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                     (call $fib (i32.sub (local.get 0) (i32.const 2))))))))"#;

/// Prints its arguments, each ended by a zero byte; their number is the exit status.
pub const ARGS: &str = r#"(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $sizes (i32.const 0) (i32.const 4)))
    (drop (call $get (i32.const 1024) (i32.const 4096)))
    (i32.store (i32.const 8) (i32.const 4096))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))
    (call $exit (i32.load (i32.const 0)))))"#;

/// Prints its environment, likewise.
pub fn env() -> String {
    ARGS.replace("args_", "environ_")
}

/// Prints the name of its first directory; the exit status is the error number, 8 if it has none.
pub const DIR: &str = r#"(module
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $error i32)
    (local.set $error (call $prestat (i32.const 3) (i32.const 0)))
    (if (local.get $error) (then (call $exit (local.get $error))))
    (drop (call $name (i32.const 3) (i32.const 1024) (i32.load (i32.const 4))))
    (i32.store (i32.const 8) (i32.const 1024))
    (i32.store (i32.const 12) (i32.load (i32.const 4)))
    (drop (call $write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 16)))))"#;
