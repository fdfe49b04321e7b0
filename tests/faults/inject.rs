//! System calls that fail once, by strace's injection: it lets one call of a thread return an error
//! without being made.

use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::Command;
use test_kit::process::{self, Outcome};
use test_kit::tool;
use test_kit::trial::Skip;

/// A call that fails.
#[derive(Clone, Debug)]
pub struct Fault {
    pub call: String,
    pub error: &'static str,
    /// Which of the calls of this name that a thread makes: from 1.
    pub number: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of `{}` number {}", self.error, self.call, self.number)
    }
}

/// What calls fail with, in their manual pages. The others can't fail for what is asked of them, or
/// end the process. (glibc's own allocator, where `brk` fails for the first time, is none of ours.)
const ERRORS: &[(&str, &[&str])] = &[
    ("accept4", &["EMFILE"]),
    ("arch_prctl", &["EINVAL"]),
    ("clock_gettime", &["EINVAL"]),
    ("clock_nanosleep", &["EINTR"]),
    ("clone", &["EAGAIN"]),
    ("clone3", &["EAGAIN", "ENOSYS"]),
    ("close", &["EIO"]),
    ("copy_file_range", &["EXDEV"]),
    ("dup", &["EMFILE"]),
    ("fallocate", &["ENOSPC"]),
    ("fchmod", &["EPERM"]),
    ("fcntl", &["EINVAL"]),
    ("fdatasync", &["EIO"]),
    ("flock", &["EIO"]),
    ("fstat", &["EIO"]),
    ("fsync", &["EIO"]),
    ("ftruncate", &["ENOSPC"]),
    ("getdents64", &["EIO"]),
    ("getrandom", &["ENOSYS", "EINTR"]),
    ("ioctl", &["ENOTTY"]),
    ("linkat", &["EPERM", "ENOSPC"]),
    ("lseek", &["EINVAL"]),
    ("madvise", &["EINVAL"]),
    ("memfd_create", &["ENOSYS", "EMFILE"]),
    ("mkdir", &["EACCES"]),
    ("mkdirat", &["ENOSPC"]),
    ("mmap", &["ENOMEM"]),
    ("mprotect", &["ENOMEM"]),
    ("mremap", &["ENOMEM", "EINVAL"]),
    ("munmap", &["ENOMEM"]),
    ("newfstatat", &["EIO"]),
    ("openat", &["EMFILE", "EACCES"]),
    ("openat2", &["ENOSYS", "EMFILE", "EAGAIN"]),
    ("poll", &["EINTR"]),
    ("ppoll", &["EINTR", "ENOMEM"]),
    ("prctl", &["EINVAL"]),
    ("pread64", &["EIO"]),
    ("preadv", &["EIO"]),
    ("prlimit64", &["EPERM"]),
    ("pwrite64", &["ENOSPC"]),
    ("pwritev", &["ENOSPC"]),
    ("read", &["EIO", "EINTR"]),
    ("readlink", &["ENOENT"]),
    ("readlinkat", &["EIO"]),
    ("readv", &["EIO", "EINTR"]),
    ("rename", &["ENOSPC"]),
    ("renameat", &["ENOSPC"]),
    ("renameat2", &["ENOSYS", "EIO"]),
    ("rt_sigaction", &["EINVAL"]),
    ("rt_sigprocmask", &["EINVAL"]),
    ("sched_getaffinity", &["EPERM"]),
    ("sched_yield", &["EINVAL"]),
    ("set_tid_address", &["EINVAL"]),
    ("sigaltstack", &["ENOMEM"]),
    ("socket", &["EMFILE"]),
    ("statx", &["ENOSYS", "EIO"]),
    ("symlinkat", &["ENOSPC"]),
    ("unlink", &["EPERM"]),
    ("unlinkat", &["EPERM"]),
    ("utimensat", &["EPERM"]),
    ("write", &["ENOSPC", "EINTR"]),
    ("writev", &["ENOSPC", "EINTR", "EAGAIN"]),
];

/// Requires that calls can be made to fail here.
///
/// # Errors
/// [`Skip`].
pub fn require() -> Result<()> {
    tool::require_command("strace")?;
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "/bin/true"]);
    if process::is_emulated() || process::run(&mut command, b"")?.status != 0 {
        bail!(Skip::Reason("processes can't be traced here".to_owned()));
    }
    Ok(())
}

/// The command that runs `words` under strace with `flags`.
fn traced(flags: &[&str], words: &[OsString]) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(flags).args(words).env_clear();
    command
}

/// How often a thread at most makes each call. `start`: after so many calls of this name the
/// program's own code begins, if others come before: a loader's.
///
/// # Errors
/// When the command can't be run.
pub fn calls(
    words: &[OsString],
    start: Option<(&str, usize)>,
    prepare: impl Fn(&mut Command),
) -> Result<BTreeMap<String, std::ops::Range<usize>>> {
    let log = tempfile::NamedTempFile::new()?;
    let mut command = traced(&["-o", &log.path().to_string_lossy()], words);
    prepare(&mut command);
    process::run(&mut command, b"")?;
    let text = String::from_utf8_lossy(&std::fs::read(log.path())?).into_owned();
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut calls: BTreeMap<String, std::ops::Range<usize>> = BTreeMap::new();
    let mut has_begun = start.is_none();
    for line in text.lines() {
        // `1234  close(3) = 0`; lines of signals and resumed calls have other forms.
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Some((name, _)) = rest.trim_start().split_once('(') else { continue };
        if !name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_') {
            continue;
        }
        let number = seen.entry((thread, name)).or_default();
        *number += 1;
        let range = calls.entry(name.to_owned()).or_insert(1..1);
        range.end = range.end.max(*number + 1);
        if !has_begun {
            range.start = range.end;
        }
        has_begun |= start == Some((name, *number));
    }
    Ok(calls)
}

/// Everything that can fail, once.
pub fn faults(calls: &BTreeMap<String, std::ops::Range<usize>>) -> Vec<Fault> {
    let errors = |call: &str| ERRORS.iter().find(|(known, _)| *known == call).map_or(&[][..], |(_, errors)| errors);
    let mut faults = Vec::new();
    for (call, numbers) in calls {
        for number in numbers.clone() {
            faults.extend(errors(call).iter().map(|error| Fault { call: call.clone(), error, number }));
        }
    }
    faults
}

/// Runs `words`, and lets a call fail.
///
/// # Errors
/// When the command can't be run, or does not end.
pub fn run(words: &[OsString], fault: &Fault, prepare: impl Fn(&mut Command)) -> Result<Outcome> {
    let inject = format!("inject={}:error={}:when={}", fault.call, fault.error, fault.number);
    let mut command = traced(&["-o", "/dev/null", "-e", &inject], words);
    prepare(&mut command);
    process::run(&mut command, b"")
}

/// The words that start a program.
pub fn words(program: &Path, args: &[String]) -> Vec<OsString> {
    [program.into()].into_iter().chain(args.iter().map(OsString::from)).collect()
}
