//! A guest that does what the test says: one program with all of WASI's functions, driven over its
//! standard input.
//!
//! Goes in: records that put bytes into the guest's memory, call a function, or ask for bytes.
//! Comes out: error numbers and bytes. So every call is made by translated code in a sandbox of its
//! own, and the test can look at the host's files between two calls.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use test_kit::command;
use test_kit::process::{self, outcome};
use test_kit::trial::Skip;
use wasm2native::abi::wasi;

/// Bytes of the guest's memory.
pub const MEMORY: u32 = 4 << 16;
/// Below lies what the driver itself uses.
pub const FREE: u32 = 1024;

/// Where the driver puts a record's head and the arguments of a call.
const HEAD: u32 = 64;
const HEAD_SIZE: u32 = 16;
const MOST_ARGUMENTS: usize = 9;

/// Record kinds; the head is the kind and two numbers.
const LOAD: u32 = 0;
const CALL: u32 = 1;
const DUMP: u32 = 2;

const MODULE: &str = "wasi_snapshot_preview1";

/// The driver in text form. Nothing in it depends on what is tested: it reads a record, obeys, and
/// reads the next.
pub fn text() -> String {
    let mut imports = String::new();
    let mut arms = String::new();
    let mut blocks = String::new();
    for (index, wasi::WasiFunction { name, parameters, result, .. }) in wasi::FUNCTIONS.iter().enumerate() {
        let types: Vec<_> = parameters.chars().map(|letter| if letter == 'l' { "i64" } else { "i32" }).collect();
        let result_type = if result.is_empty() { "" } else { "(result i32)" };
        writeln!(imports, "(import {MODULE:?} {name:?} (func ${name} (param {}) {result_type}))", types.join(" "))
            .expect("a string takes everything");
        let arguments: Vec<_> = types
            .iter()
            .enumerate()
            .map(|(nth, ty)| format!("({ty}.load (i32.const {}))", HEAD + HEAD_SIZE + 8 * nth as u32))
            .collect();
        let call = format!("(call ${name} {})", arguments.join(" "));
        let call = if result.is_empty() { format!("{call} (unreachable)") } else { format!("(return {call})") };
        writeln!(arms, ") {call}").expect("a string takes everything");
        blocks.insert_str(0, &format!("(block $b{index} "));
    }
    let labels: Vec<_> = (0..wasi::FUNCTIONS.len()).map(|index| format!("$b{index}")).collect();
    format!(
        r#"(module
{imports}
  (memory (export "memory") 4 4)
  (func $dispatch (param $which i32) (result i32)
    {blocks} (br_table {labels} (local.get $which))
    {arms}
    (unreachable))
  ;; Reads or writes all of so many bytes; the end of the input ends the program.
  (func $read_all (param $at i32) (param $n i32)
    (loop $more
      (if (i32.eqz (local.get $n)) (then (return)))
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (local.get $n))
      (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $proc_exit (i32.const 90))))
      (if (i32.eqz (i32.load (i32.const 8))) (then (call $proc_exit (i32.const 0))))
      (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
      (local.set $n (i32.sub (local.get $n) (i32.load (i32.const 8))))
      (br $more)))
  (func $write_all (param $at i32) (param $n i32)
    (loop $more
      (if (i32.eqz (local.get $n)) (then (return)))
      (i32.store (i32.const 0) (local.get $at))
      (i32.store (i32.const 4) (local.get $n))
      (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $proc_exit (i32.const 91))))
      (local.set $at (i32.add (local.get $at) (i32.load (i32.const 8))))
      (local.set $n (i32.sub (local.get $n) (i32.load (i32.const 8))))
      (br $more)))
  (func (export "_start") (local $kind i32) (local $first i32) (local $second i32)
    (loop $next
      (call $read_all (i32.const {HEAD}) (i32.const {HEAD_SIZE}))
      (local.set $kind (i32.load (i32.const {HEAD})))
      (local.set $first (i32.load (i32.const {at_first})))
      (local.set $second (i32.load (i32.const {at_second})))
      (if (i32.eq (local.get $kind) (i32.const {LOAD}))
        (then (call $read_all (local.get $first) (local.get $second))))
      (if (i32.eq (local.get $kind) (i32.const {CALL}))
        (then
          (call $read_all (i32.const {at_arguments}) (i32.const {arguments}))
          (i32.store (i32.const 16) (call $dispatch (local.get $first)))
          (call $write_all (i32.const 16) (i32.const 4))))
      (if (i32.eq (local.get $kind) (i32.const {DUMP}))
        (then (call $write_all (local.get $first) (local.get $second))))
      (br $next))))"#,
        labels = labels.join(" "),
        at_first = HEAD + 4,
        at_second = HEAD + 8,
        at_arguments = HEAD + HEAD_SIZE,
        arguments = 8 * MOST_ARGUMENTS,
    )
}

/// A program that is compiled once and used by many tests.
pub struct Built {
    _folder: tempfile::TempDir,
    pub path: PathBuf,
}

/// Compiles a module with the command; `flags` as on its command line.
pub fn build(name: &str, text: impl AsRef<[u8]>, flags: &[&str]) -> Built {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let input = folder.path().join(name);
    std::fs::write(&input, text).expect("files can be written");
    let path = folder.path().join("app");
    let mut command = command::for_programs();
    outcome(command.arg(&input).args(flags).arg("-o").arg(&path)).succeeds();
    Built { _folder: folder, path }
}

/// The driver's program.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<Built> = OnceLock::new();
    &PROGRAM.get_or_init(|| build("driver.wat", text(), &[])).path
}

/// What the kernel's `openat2` does, by which paths are followed; where it fails, the program goes
/// step by step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Openat2 {
    /// What this machine has.
    Native,
    /// Fails with ENOSYS, as before Linux 5.6.
    Missing,
    /// Fails with EPERM, as some containers have it.
    Forbidden,
}

impl Openat2 {
    pub const ALL: [Openat2; 3] = [Openat2::Native, Openat2::Missing, Openat2::Forbidden];

    /// The end of a test's name.
    pub fn suffix(self) -> &'static str {
        match self {
            Openat2::Native => "",
            Openat2::Missing => "/openat2-missing",
            Openat2::Forbidden => "/openat2-forbidden",
        }
    }

    /// The command of `without_openat2.c` with its error, or nothing. Whoever can link Rust has a C
    /// compiler.
    fn launcher(self) -> Vec<OsString> {
        static COMMAND: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
        let error = match self {
            Openat2::Native => return Vec::new(),
            Openat2::Missing => Errno::NOSYS,
            Openat2::Forbidden => Errno::PERM,
        };
        let (_, path) = COMMAND.get_or_init(|| {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let path = folder.path().join("without_openat2");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wasi/without_openat2.c");
            outcome(Command::new("cc").arg(source).arg("-o").arg(&path)).succeeds();
            (folder, path)
        });
        vec![path.into(), error.raw_os_error().to_string().into()]
    }

    /// The command that runs a program of ours.
    pub fn program(self, path: &Path) -> Command {
        let words = [self.launcher(), process::program_words(path)].concat();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    }
}

/// A running driver.
pub struct Guest {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Errno(u32),
    /// The program ended; its exit status (negated signal) and what it said.
    Ended(i32, String),
}

impl Answer {
    #[track_caller]
    pub fn errno(self) -> u32 {
        match self {
            Answer::Errno(errno) => errno,
            Answer::Ended(..) => panic!("the guest ended: {self:?}"),
        }
    }
}

/// No call of a test takes long; a hang must fail.
const LIMIT: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

impl Guest {
    /// Starts the driver with what `options` grant.
    pub fn start(options: &str) -> Guest {
        Guest::start_with(options, &|_| {})
    }

    pub fn start_with(options: &str, prepare: &dyn Fn(&mut Command)) -> Guest {
        Guest::start_on(Openat2::Native, options, prepare)
    }

    pub fn start_on(openat2: Openat2, options: &str, prepare: &dyn Fn(&mut Command)) -> Guest {
        Guest::spawn(openat2.program(program()), options, prepare)
    }

    /// Starts a shell that makes mounts, which no other process sees, and becomes the driver.
    ///
    /// # Errors
    /// Why the system does not let us.
    pub fn start_in_namespace(openat2: Openat2, script: &str, folder: &Path, options: &str) -> Result<Guest, Skip> {
        let shell = |script: &str| {
            let mut command = Command::new("unshare");
            if !rustix::process::geteuid().is_root() {
                command.arg("--map-root-user");
            }
            command.args(["--mount", "--propagation", "private", "sh", "-ec", script, "sh"]).current_dir(folder);
            command
        };
        if !process::run(&mut shell(script), b"").is_ok_and(|outcome| outcome.status == 0) {
            return Err(Skip::Reason("mounts in a namespace are not permitted here".to_owned()));
        }
        let mut command = shell(&format!("{script}\nexec \"$@\""));
        command.args(openat2.launcher()).args(process::program_words(program()));
        let path = std::env::var_os("PATH").unwrap_or_default();
        Ok(Guest::spawn(command, options, &|command| {
            command.env("PATH", &path);
        }))
    }

    /// Starts a command that becomes the driver.
    pub fn spawn(mut command: Command, options: &str, prepare: &dyn Fn(&mut Command)) -> Guest {
        command.env_clear().env("WASM2NATIVE_OPTIONS", options);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        prepare(&mut command);
        let mut child = process::spawn(&mut command).expect("the driver starts");
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Guest { child, input, output }
    }

    /// The system's number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Most memory that the process has had at once, in bytes.
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("the guest runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the system tells");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// Puts bytes into the guest's memory.
    pub fn load(&mut self, address: u32, bytes: &[u8]) {
        self.send(&record(LOAD, address, bytes.len() as u32, bytes));
    }

    /// Calls a function; missing arguments are zero.
    pub fn call(&mut self, name: &str, arguments: &[u64]) -> Answer {
        self.send(&call_record(name, arguments));
        let mut answer = [0; 4];
        if self.receive(&mut answer) { Answer::Errno(u32::from_le_bytes(answer)) } else { self.ended() }
    }

    /// Bytes of the guest's memory.
    pub fn dump(&mut self, address: u32, length: u32) -> Vec<u8> {
        self.send(&record(DUMP, address, length, b""));
        let mut bytes = vec![0; length as usize];
        assert!(self.receive(&mut bytes), "the guest ended: {:?}", self.ended());
        bytes
    }

    /// A call and a dump in one, so that there is more to read while the call is made. Error number
    /// and bytes.
    pub fn call_and_dump(&mut self, name: &str, arguments: &[u64], address: u32, length: u32) -> (u32, Vec<u8>) {
        let mut records = Vec::new();
        records.extend(call_record(name, arguments));
        records.extend(record(DUMP, address, length, b""));
        self.input.write_all(&records).expect("the guest runs");
        let mut errno = [0; 4];
        let mut bytes = vec![0; length as usize];
        assert!(self.receive(&mut errno) && self.receive(&mut bytes), "the guest ended: {:?}", self.ended());
        (u32::from_le_bytes(errno), bytes)
    }

    pub fn dump_u32(&mut self, address: u32) -> u32 {
        u32::from_le_bytes(self.dump(address, 4).try_into().expect("four bytes"))
    }

    /// Lets the driver come to its end; its exit status and what it said.
    pub fn end(mut self) -> Answer {
        drop(self.input);
        finish(&mut self.child)
    }

    fn ended(&mut self) -> Answer {
        finish(&mut self.child)
    }

    fn send(&mut self, records: &[u8]) {
        // A guest that has ended does not read; its answer tells.
        let _ = self.input.write_all(records);
    }

    /// Whether that many bytes came.
    fn receive(&mut self, bytes: &mut [u8]) -> bool {
        let mut done = 0;
        while done < bytes.len() {
            let mut list = [PollFd::new(&self.output, PollFlags::IN)];
            if poll(&mut list, Some(&LIMIT)).expect("pipes can be polled") == 0 {
                self.child.kill().expect("it is ours");
                panic!("the guest did not answer for {} seconds and was killed", LIMIT.tv_sec);
            }
            match self.output.read(&mut bytes[done..]).expect("pipes can be read") {
                0 => return false,
                n => done += n,
            }
        }
        true
    }
}

fn record(kind: u32, first: u32, second: u32, bytes: &[u8]) -> Vec<u8> {
    let head = [kind, first, second, 0].into_iter().flat_map(u32::to_le_bytes);
    head.chain(bytes.iter().copied()).collect()
}

fn call_record(name: &str, arguments: &[u64]) -> Vec<u8> {
    let index = wasi::FUNCTIONS.iter().position(|it| it.name == name).expect("a function of WASI");
    let argument = |nth: usize| arguments.get(nth).copied().unwrap_or(0);
    let bytes: Vec<u8> = (0..MOST_ARGUMENTS).flat_map(|nth| argument(nth).to_le_bytes()).collect();
    record(CALL, index as u32, 0, &bytes)
}

fn finish(child: &mut Child) -> Answer {
    // The test may have given it another standard error: then nothing of it comes here.
    let outcome = process::finish(child).expect("it ends");
    Answer::Ended(outcome.status, outcome.stderr.to_string())
}
