//! The command line of `wasm2native`: flags to `Options`, a library call, an exit status. Nothing is compiled here.

mod build;
mod console;
mod flags;
mod inspect;
mod outputs;
mod powers;
mod run;
mod words;

use anyhow::{Context, Result};
use clap::Parser;
use console::Console;
use flags::{Cli, Command};
use std::fmt;
use std::process::ExitCode;

/// Exit status for a command line that makes no sense, as clap has it.
const WRONG_USAGE: u8 = 2;

/// What is wrong with the command line, beyond what clap sees.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::error::Error for Usage {}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn main() -> ExitCode {
    let args = match words::expand(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let cli = Cli::parse_from(args);
    let console = Console::new(cli.messages());
    match dispatch(&cli, &console) {
        Ok(status) => status,
        Err(error) => {
            console.end();
            console.error(&error);
            match error.is::<Usage>() {
                true => ExitCode::from(WRONG_USAGE),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// As many threads as asked for, within what makes sense: far more of them than processors only get in each other's way.
fn n_threads(jobs: Option<usize>) -> usize {
    const PER_PROCESSOR: usize = 8;
    let n_processors = std::thread::available_parallelism().map_or(1, usize::from);
    let variable = || std::env::var("RAYON_NUM_THREADS").ok()?.parse().ok();
    jobs.or_else(variable).unwrap_or(n_processors).clamp(1, n_processors * PER_PROCESSOR)
}

fn dispatch(cli: &Cli, console: &Console) -> Result<ExitCode> {
    rayon::ThreadPoolBuilder::new().num_threads(n_threads(cli.jobs())).build_global().context("can't start threads")?;
    match &cli.command {
        None => build::run(&cli.compile, console),
        Some(Command::Run(run)) => match run::run(run, console)? {},
        Some(Command::Inspect(inspect)) => inspect::run(inspect, console),
    }
}
