//! Runs of all candidates for a program, by turns.

use crate::candidate::{CANDIDATES, is_simd};
use crate::statistics::median;
use anyhow::{Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use std::process::{Command, Stdio};

const COUNT: usize = CANDIDATES.len();

/// Commands and seconds stand in the order of the candidates.
pub struct Runs {
    pub name: String,
    commands: [Option<Command>; COUNT],
    seconds: [Vec<f64>; COUNT],
    /// What all have to print.
    expected: Option<String>,
}

impl Runs {
    pub fn new(name: String, commands: [Option<Command>; COUNT]) -> Runs {
        Runs { name, commands, seconds: [const { Vec::new() }; COUNT], expected: None }
    }

    pub fn is_simd(&self) -> bool {
        is_simd(&self.name)
    }

    /// Runs each once. One that fails, or prints something else than the first one of the first
    /// round, is dropped with its figures, and the answer says so.
    pub fn round(&mut self) -> Vec<String> {
        let mut failures = Vec::new();
        for (index, candidate) in CANDIDATES.iter().enumerate() {
            let Some(command) = &mut self.commands[index] else { continue };
            let complaint = match run(command) {
                Ok((seconds, said)) if *self.expected.get_or_insert_with(|| said.clone()) == said => {
                    self.seconds[index].push(seconds);
                    continue;
                }
                Ok((_, said)) => format!("it prints another result: {}", said.trim()),
                Err(error) => format!("{error:#}"),
            };
            failures.push(format!("{} by {}: {complaint}", self.name, candidate.title));
            self.commands[index] = None;
            self.seconds[index].clear();
        }
        failures
    }

    /// Seconds of the rounds; none where the candidate has no figures.
    pub fn seconds(&self, candidate: usize) -> &[f64] {
        &self.seconds[candidate]
    }

    pub fn median(&self, candidate: usize) -> Option<f64> {
        let seconds = self.seconds(candidate);
        (!seconds.is_empty()).then(|| median(seconds))
    }

    /// By the first candidate.
    pub fn ratio(&self, candidate: usize) -> Option<f64> {
        Some(self.median(candidate)? / self.median(0)?)
    }
}

/// CPU seconds of the process with all its threads, and what it prints.
fn run(command: &mut Command) -> Result<(f64, String)> {
    let before = cpu_seconds()?;
    let output = command.stdin(Stdio::null()).output()?;
    let seconds = cpu_seconds()? - before;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "it ended with {}: {}", output.status, said.trim());
    Ok((seconds, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Of all children so far that ended.
fn cpu_seconds() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6)
}
