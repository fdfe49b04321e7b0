//! Standard output and standard error, for everything that the two commands print.
//!
//! Rust's own macros and handles are not used. `println!` and `eprintln!` panic when they can't
//! write. The buffer of `io::stdout` is written at exit, where a failure goes unnoticed. Writing to
//! a closed descriptor succeeds. Here each call writes at once and returns the result.

use crate::guard::streams;
use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, FdFlags};
use std::fmt;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// The reader of standard output has closed its pipe. The commands end without a message, and with
/// status 1, because not everything was written.
#[derive(Debug)]
pub struct NoReader;

impl std::error::Error for NoReader {}

impl fmt::Display for NoReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output has no reader anymore")
    }
}

/// Writes to standard output.
///
/// # Errors
/// When not everything could be written; [`NoReader`] if no message should say so.
pub fn print(bytes: impl AsRef<[u8]>) -> Result<()> {
    match write_to(io::stdout(), bytes.as_ref()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(NoReader.into()),
        result => result.context("can't write to standard output"),
    }
}

/// Writes text to standard error, in one piece, so that messages of several processes do not mix
/// within a line. A message that can't be written is lost.
pub fn message(text: impl AsRef<[u8]>) {
    let _ = write_to(io::stderr(), text.as_ref());
}

/// Writes to a standard stream, if it was open when this process started: Rust puts `/dev/null` in
/// the place of a closed one.
///
/// # Errors
/// The system's.
pub fn write_to(stream: impl AsFd, bytes: &[u8]) -> io::Result<()> {
    let fd = stream.as_fd();
    match streams::was_closed(fd.as_raw_fd()) {
        true => Err(Errno::BADF.into()),
        false => write_all(fd, bytes),
    }
}

/// Closes these streams in programs that this process starts or becomes, so that they can detect it
/// as well.
pub fn keep_closed() {
    for stream in [io::stdin().as_fd(), io::stdout().as_fd(), io::stderr().as_fd()] {
        if streams::was_closed(stream.as_raw_fd()) {
            // It can't fail for an open descriptor.
            let _ = rustix::io::fcntl_setfd(stream, FdFlags::CLOEXEC);
        }
    }
}

/// Prints a message of clap: help and the version to standard output, errors to standard error.
///
/// # Errors
/// As [`print()`].
pub fn usage(error: &clap::Error) -> Result<()> {
    let text = error.render();
    let render = |has_color| if has_color { text.ansi().to_string() } else { text.to_string() };
    match error.use_stderr() {
        true => message(render(has_color(io::stderr()))),
        false => print(render(has_color(io::stdout())))?,
    }
    Ok(())
}

/// Whether a stream is a terminal whose user wants color.
pub fn has_color(stream: impl IsTerminal) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    stream.is_terminal() && !set("NO_COLOR") && !dumb
}

fn write_all(fd: BorrowedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n_written) => bytes = &bytes[n_written..],
            Err(Errno::INTR) => {}
            // Another process made the stream non-blocking, which affects all that share it.
            Err(Errno::AGAIN) => match poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
