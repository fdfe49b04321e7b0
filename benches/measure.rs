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
/// When one fails, or when they don't print the same.
pub fn alternate(ours: &mut Command, theirs: &mut Command, runs: usize) -> Result<Paired> {
    let mut paired = Paired::default();
    let (_, our_output) = time(ours)?;
    let (_, their_output) = time(theirs)?;
    if our_output != their_output {
        bail!(
            "the outputs differ: {:.200} and {:.200}",
            String::from_utf8_lossy(&our_output),
            String::from_utf8_lossy(&their_output)
        );
    }
    for _ in 0..runs {
        paired.ours.push(time(ours)?.0);
        paired.theirs.push(time(theirs)?.0);
    }
    Ok(paired)
}

/// Seconds, and standard output.
pub fn time(command: &mut Command) -> Result<(f64, Vec<u8>)> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let seconds = start.elapsed().as_secs_f64();
    if !output.status.success() {
        bail!(
            "{} ended with {}: {}",
            command.get_program().display(),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok((seconds, output.stdout))
}

pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}
