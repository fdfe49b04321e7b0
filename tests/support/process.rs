//! Runs a program to its end, or to a time limit.

use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No fixture needs more than a second; a hang shall fail, not block.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Exit status, or the negated number of the signal that killed it.
    pub status: i32,
}

/// Runs `command` with `stdin`, collecting its output.
///
/// # Errors
/// When it can't be started or takes longer than [`LIMIT`]; then it has been killed.
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

fn run_with(command: &mut Command, stdin: Option<&[u8]>) -> Result<Outcome> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("can't start {program}"))?;
    let mut input = child.stdin.take().expect("piped");
    let mut stdout = child.stdout.take().expect("piped");
    let mut stderr = child.stderr.take().expect("piped");
    thread::scope(|scope| {
        let _open = match stdin {
            Some(stdin) => {
                // A program that does not read its input is no error.
                scope.spawn(move || input.write_all(stdin));
                None
            }
            None => Some(input),
        };
        let stdout = scope.spawn(move || read_all(&mut stdout));
        let stderr = scope.spawn(move || read_all(&mut stderr));
        let deadline = Instant::now() + LIMIT;
        let mut pause = Duration::from_micros(200);
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                child.kill()?;
                child.wait()?;
                bail!("{program} still ran after {} seconds and was killed", LIMIT.as_secs());
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        let stdout = stdout.join().expect("reading does not panic")?;
        let stderr = stderr.join().expect("reading does not panic")?;
        Ok(Outcome { stdout, stderr, status: status_number(status) })
    })
}

fn read_all(from: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub fn status_number(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| -status.signal().expect("ended by a status or by a signal"))
}

pub fn describe(status: i32) -> String {
    if status < 0 { format!("killed by signal {}", -status) } else { format!("exit status {status}") }
}
