//! The command `wasm2native`: flags become `Options`, a call of the library, and an exit status.

mod build;
mod checks;
mod choices;
mod commands;
mod console;
mod dependencies;
mod flags;
mod forms;
mod inspect;
mod inspect_module;
mod linking;
mod outputs;
mod powers;
mod print;
mod run;
mod spellings;
mod words;

use anyhow::{Error, Result};
use clap::Parser;
use console::Console;
use flags::{Cli, Command, Messages};
use linking::Linking;
use std::fmt;
use std::process::ExitCode;
use wasm2native::driver;
use wasm2native::guard::memory;
use wasm2native::start;
use wasm2native::stdio::{self, NoReader};
use wasm2native::wasm::unsupported::{PROPOSALS, State};

/// Exit status for a wrong command line; clap uses the same.
const WRONG_USAGE: u8 = 2;

/// An error in the command line that clap does not detect.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::error::Error for Usage {}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[global_allocator]
static MEMORY: memory::Allocator = memory::Allocator;

fn main() -> ExitCode {
    start::run(command)
}

fn command() -> ExitCode {
    let args = match words::expand(std::env::args_os()) {
        Ok(args) => args,
        Err(error) => {
            Console::new(&Messages::default()).error(&error);
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let parsed = Cli::try_parse_from(args);
    let messages = parsed.as_ref().ok().and_then(Cli::messages);
    let console = Console::new(messages.unwrap_or(&Messages::default()));
    match parsed.map_or_else(usage, |cli| dispatch(cli, &console)) {
        Ok(status) => status,
        Err(error) => {
            console.end();
            if !error.is::<NoReader>() {
                console.error(&error);
            }
            match error.is::<Usage>() {
                true => ExitCode::from(WRONG_USAGE),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// Prints help and version; any other message of clap is an error.
fn usage(error: clap::Error) -> Result<ExitCode> {
    stdio::usage(&error)?;
    Ok(if error.use_stderr() { ExitCode::from(WRONG_USAGE) } else { ExitCode::SUCCESS })
}

fn dispatch(mut cli: Cli, console: &Console) -> Result<ExitCode> {
    cli.sort_inputs();
    if cli.lists_proposals() {
        stdio::print(proposals())?;
        return Ok(ExitCode::SUCCESS);
    }
    if cli.compile.licenses {
        stdio::print(licenses())?;
        return Ok(ExitCode::SUCCESS);
    }
    if cli.lists_targets() {
        stdio::print(driver::targets().map(|line| line + "\n").collect::<String>())?;
        return Ok(ExitCode::SUCCESS);
    }
    start::with_threads(cli.jobs(), || work(&cli, console))?
}

fn work(cli: &Cli, console: &Console) -> Result<ExitCode> {
    match &cli.command {
        None if let Some(code) = cli.compile.explain => {
            stdio::print(code.explanation())?;
            Ok(ExitCode::SUCCESS)
        }
        None if let Some(what) = cli.compile.print => print::run(&cli.compile, what),
        None if cli.compile.emits_runtime() => build::runtime(&cli.compile),
        None if cli.compile.inputs.is_empty() => Err(missing_input("INPUT", &cli.compile.linking)),
        Some(Command::Run(run)) if run.module_and_args.is_empty() => Err(missing_input("MODULE", &run.linking)),
        None => build::run(&cli.compile, console),
        Some(Command::Run(run)) => match run::run(run, console)? {},
        Some(Command::Inspect(inspect)) => inspect::run(inspect, console),
        Some(Command::Explore(explore)) => commands::explore(explore, console),
        Some(Command::Cache(cache)) => commands::cache(cache),
        Some(Command::Cmake(cmake)) => commands::cmake(cmake),
        Some(Command::Completions(completions)) => commands::completions(completions),
        Some(Command::Man(man)) => commands::man(man),
    }
}

fn missing_input(name: &str, linking: &Linking) -> Error {
    let given = match linking.files.first() {
        Some(file) => format!(": {} is not a module, but a file to link one with", file.display()),
        None => String::new(),
    };
    Usage(format!("the required argument <{name}> is missing{given}")).into()
}

/// The part of THIRD-PARTY.md that is about programs.
fn licenses() -> &'static str {
    let text = include_str!("../../../THIRD-PARTY.md");
    text.split_once("\n# The compiler\n").expect("it has a part about the compiler").0
}

/// All proposals, a line each, grouped by their state.
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
