//! The command line of `wasm2native`: flags to `Options`, a library call, an exit status. Nothing is compiled here.

mod build;
mod console;
mod flags;
mod inspect;
mod linking;
mod outputs;
mod powers;
mod print;
mod run;
mod words;

use anyhow::{Context, Error, Result};
use clap::Parser;
use console::Console;
use flags::{Cli, Command};
use linking::Linking;
use std::fmt;
use std::process::ExitCode;
use wasm2native::codegen::cranelift::target::TARGETS;
use wasm2native::wasm::unsupported::{PROPOSALS, State};

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
    let mut cli = Cli::parse_from(args);
    cli.sort_inputs();
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
    if cli.lists_proposals() {
        print!("{}", proposals());
        return Ok(ExitCode::SUCCESS);
    }
    if cli.lists_targets() {
        TARGETS.iter().for_each(|(name, note)| println!("{name:30} {note}"));
        return Ok(ExitCode::SUCCESS);
    }
    match &cli.command {
        None if let Some(what) = cli.compile.print => print::run(&cli.compile, what),
        None if cli.compile.inputs.is_empty() => Err(missing_input("INPUT", &cli.compile.linking)),
        Some(Command::Run(run)) if run.module_and_args.is_empty() => Err(missing_input("MODULE", &run.linking)),
        None => build::run(&cli.compile, console),
        Some(Command::Run(run)) => match run::run(run, console)? {},
        Some(Command::Inspect(inspect)) => inspect::run(inspect, console),
    }
}

fn missing_input(name: &str, linking: &Linking) -> Error {
    let given = match linking.files.first() {
        Some(file) => format!(": {} is no module, but something to link one with", file.display()),
        None => String::new(),
    };
    Usage(format!("the required argument <{name}> is missing{given}")).into()
}

/// All proposals, a line each, by what can be had of them.
fn proposals() -> String {
    let mut text = String::new();
    for (state, heading) in [
        (State::Standard, "Standard, always on:"),
        (State::Experimental, "Experimental, on with --enable NAME:"),
        (State::Missing, "Not supported:"),
    ] {
        text.push_str(heading);
        text.push('\n');
        for proposal in PROPOSALS.iter().filter(|proposal| proposal.state == state) {
            text.push_str(&format!("  {:26} {}\n", proposal.name, proposal.title));
        }
    }
    text
}
