//! Runs programs to their end, or to a time limit.
//!
//! Programs that we make are started by [`program`]: before those of another processor stands
//! QEMU's emulator (`qemu-aarch64`), or what the environment variable
//! `W2N_EMULATOR` names.

use crate::target;
use anyhow::{Context, Result, bail};
use std::cell::Cell;
use std::ffi::{CStr, OsStr, OsString};
use std::fmt;
use std::io::{Read, Write};
use std::ops::Deref;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that a test starts needs more than some seconds, or minutes where an emulator maps large
/// reservations. What hangs must fail.
const LIMIT: Duration = Duration::from_secs(600);

/// The same where a test is to fail: what hangs is known to.
const SHORT_LIMIT: Duration = Duration::from_secs(30);

thread_local! {
    static TIME: Cell<Duration> = const { Cell::new(LIMIT) };
}

/// Runs a test that is to fail: what it starts gets little time.
pub fn with_little_time<T>(test: impl FnOnce() -> T) -> T {
    with_time(SHORT_LIMIT, test)
}

/// What this thread starts in `work` gets so much time.
pub fn with_time<T>(time: Duration, work: impl FnOnce() -> T) -> T {
    let before = TIME.replace(time);
    let result = work();
    TIME.set(before);
    result
}

/// The emulator's name and flags; empty where programs run by themselves.
static EMULATOR: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = std::env::var("W2N_EMULATOR").unwrap_or_else(|_| {
        let emulator = || format!("qemu-{}", target::processor());
        target::is_foreign().then(emulator).unwrap_or_default()
    });
    text.split_ascii_whitespace().map(str::to_owned).collect()
});

/// QEMU's flags for programs that are not static: where the libraries of their machine are, unless
/// the loader that they name is installed, whose libraries would mix with those. For others it
/// would change what absolute paths mean, `/` among them.
fn library_flags(path: &OsStr) -> Vec<String> {
    let loader = || interpreter(&std::fs::read(path).ok()?);
    match target::is_foreign() && std::env::var_os("W2N_EMULATOR").is_none() {
        true if loader().is_some_and(|loader| !loader.exists()) => {
            vec!["-L".to_owned(), format!("/usr/{}-linux-gnu", target::processor())]
        }
        _ => Vec::new(),
    }
}

/// The program that loads an ELF file of 64 bits, if it names one.
fn interpreter(file: &[u8]) -> Option<PathBuf> {
    const PT_INTERP: u32 = 3;
    let word = |bytes: &[u8], at: usize| Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let start = usize::try_from(word(file, 32)?).ok()?;
    let [size, number] = [54, 56].map(|at| Some(usize::from(u16::from_le_bytes(*file.get(at..)?.first_chunk()?))));
    let mut headers = file.get(start..)?.chunks(size.filter(|&size| size > 0)?).take(number?);
    let header =
        headers.find(|header| header.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)) == Some(PT_INTERP))?;
    let text = file.get(usize::try_from(word(header, 8)?).ok()?..)?;
    Some(OsStr::from_bytes(CStr::from_bytes_until_nul(text).ok()?.to_bytes()).into())
}

/// How a process ended, and what it wrote.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The exit status, or the negated number of the signal that ended the process.
    pub status: i32,
    pub stdout: Stream,
    pub stderr: Stream,
}

/// What a process wrote to a stream: bytes, and a text where they are not UTF-8 in all places.
#[derive(Clone, Default, PartialEq)]
pub struct Stream {
    bytes: Vec<u8>,
    text: String,
}

impl Stream {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Vec<u8>> for Stream {
    fn from(bytes: Vec<u8>) -> Stream {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Stream { bytes, text }
    }
}

impl Deref for Stream {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl PartialEq<str> for Stream {
    fn eq(&self, other: &str) -> bool {
        self.bytes == other.as_bytes()
    }
}

impl PartialEq<&str> for Stream {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl PartialEq<String> for Stream {
    fn eq(&self, other: &String) -> bool {
        *self == **other
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl Outcome {
    #[track_caller]
    pub fn succeeds(self) -> Outcome {
        assert_eq!(self.status, 0, "{self:#?}");
        self
    }

    /// Succeeds and says nothing.
    #[track_caller]
    pub fn succeeds_silently(self) {
        assert!(self.status == 0 && self.stdout.is_empty() && self.stderr.is_empty(), "{self:#?}");
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

    /// Succeeds without a word on standard error, and prints `text`.
    #[track_caller]
    pub fn prints(&self, text: &str) {
        assert!(self.status == 0 && self.stderr.is_empty(), "{self:#?}");
        assert_eq!(self.stdout, text);
    }
}

/// Whether an emulator runs the programs that we make.
pub fn is_emulated() -> bool {
    !EMULATOR.is_empty()
}

/// The command that runs a program of ours.
pub fn program(path: impl AsRef<OsStr>) -> Command {
    program_called(None, path)
}

/// As [`program`], with `argv[0]`.
pub fn program_as(name: &str, path: impl AsRef<OsStr>) -> Command {
    program_called(Some(name), path)
}

/// As [`program`], with flags for the emulator.
///
/// # Panics
/// When there is none.
pub fn program_with_flags(flags: &[&OsStr], path: impl AsRef<OsStr>) -> Command {
    let [emulator, usual @ ..] = &EMULATOR[..] else { panic!("programs run by themselves") };
    let mut command = Command::new(emulator);
    command.args(usual).args(library_flags(path.as_ref())).args(flags).arg(path);
    command
}

fn program_called(name: Option<&str>, path: impl AsRef<OsStr>) -> Command {
    use std::os::unix::process::CommandExt;
    let [emulator, flags @ ..] = &EMULATOR[..] else {
        let mut command = Command::new(path);
        name.map(|name| command.arg0(name));
        return command;
    };
    let mut command = Command::new(emulator);
    // The flag of QEMU's user mode.
    command
        .args(flags)
        .args(library_flags(path.as_ref()))
        .args(name.map(|name| ["-0", name]).into_iter().flatten())
        .arg(path);
    command
}

/// The words with which a shell or another command starts a program of ours.
pub fn program_words(path: impl AsRef<OsStr>) -> Vec<OsString> {
    let command = program(path);
    [command.get_program()].into_iter().chain(command.get_args()).map(OsStr::to_owned).collect()
}

/// Runs `command` with `stdin`, collecting its output.
///
/// # Errors
/// When it can't be started or takes longer than `LIMIT`, or the time of [`with_time`]; then it has
/// been killed.
pub fn run(command: &mut Command, stdin: &[u8]) -> Result<Outcome> {
    run_with(command, Some(stdin))
}

/// As [`run`], with an input that never comes and never ends.
///
/// # Errors
/// As [`run`].
pub fn run_without_input(command: &mut Command) -> Result<Outcome> {
    run_with(command, None)
}

/// As [`run`], without input.
///
/// # Panics
/// When it can't be started or takes too long.
#[track_caller]
pub fn outcome(command: &mut Command) -> Outcome {
    outcome_with_input(command, "")
}

/// As [`outcome`], with input.
///
/// # Panics
/// When it can't be started or takes too long.
#[track_caller]
pub fn outcome_with_input(command: &mut Command, stdin: &str) -> Outcome {
    run(command, stdin.as_bytes()).unwrap_or_else(|error| panic!("{error:#}"))
}

fn run_with(command: &mut Command, stdin: Option<&[u8]>) -> Result<Outcome> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command)?;
    let mut input = child.stdin.take().expect("it is piped");
    thread::scope(|scope| {
        let _open = match stdin {
            Some(stdin) => {
                // A program that does not read its input is not an error.
                scope.spawn(move || input.write_all(stdin));
                None
            }
            None => Some(input),
        };
        finish(&mut child).with_context(|| command.get_program().to_string_lossy().into_owned())
    })
}

/// Runs a command with the streams that it names; the outcome has what came by pipes.
///
/// # Panics
/// When it can't be started or takes too long.
#[track_caller]
pub fn run_as_is(command: &mut Command) -> Outcome {
    spawn(command).and_then(|mut child| finish(&mut child)).unwrap_or_else(|error| panic!("{command:?}: {error:#}"))
}

/// Starts a process whose streams are as `command` says.
///
/// # Errors
/// When it can't be started.
pub fn spawn(command: &mut Command) -> Result<Child> {
    command.spawn().with_context(|| format!("can't start {}", command.get_program().display()))
}

/// Closes the input of a process and waits for its end; its outcome has what came by its pipes.
///
/// # Errors
/// When it takes longer than `LIMIT`; then it has been killed.
pub fn finish(child: &mut Child) -> Result<Outcome> {
    drop(child.stdin.take());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let stdout = scope.spawn(move || read_all(stdout));
        let stderr = scope.spawn(move || read_all(stderr));
        let limit = TIME.get();
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_micros(200);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("it still ran after {} seconds and was killed", limit.as_secs());
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        let stdout = stdout.join().expect("reading does not panic")?.into();
        let stderr = stderr.join().expect("reading does not panic")?.into();
        Ok(Outcome { status: status_number(status), stdout, stderr })
    })
}

fn read_all(from: Option<impl Read>) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        from.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn status_number(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().expect("ended by a status or by a signal"))
}

pub fn describe(status: i32) -> String {
    if status < 0 { format!("killed by signal {}", -status) } else { format!("exit status {status}") }
}
