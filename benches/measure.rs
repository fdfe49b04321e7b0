//! Times two commands by turns.

use anyhow::{Result, bail};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Seconds of each run.
#[derive(Default)]
pub struct Paired {
    pub ours: Vec<f64>,
    pub theirs: Vec<f64>,
}

/// Runs both `runs` times, one after the other, after one run of each that does not count.
///
/// # Errors
/// When one can't be started, or when they don't end and print alike.
pub fn alternate(ours: &mut Command, theirs: &mut Command, runs: usize) -> Result<Paired> {
    let mut paired = Paired::default();
    let (_, our_end) = time(ours)?;
    let (_, their_end) = time(theirs)?;
    if our_end != their_end {
        bail!("they end differently: ours with {our_end}, wasmtime with {their_end}");
    }
    for _ in 0..runs {
        paired.ours.push(time(ours)?.0);
        paired.theirs.push(time(theirs)?.0);
    }
    Ok(paired)
}

/// Seconds, and what could be seen of the end: status and standard output. Solvers answer with
/// statuses other than 0.
pub fn time(command: &mut Command) -> Result<(f64, String)> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let seconds = start.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stdout);
    let Some(status) = output.status.code().filter(|&status| status != 134) else {
        bail!(
            "{} ended with {}: {}",
            command.get_program().display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    };
    Ok((seconds, format!("status {status} and {said:.300}")))
}
