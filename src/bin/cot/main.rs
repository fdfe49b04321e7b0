//! The command line of `cot`: words to options, library calls, an exit status. Section 25 of the language reference.

mod build;
mod flags;
mod init;
mod project;
mod run;
mod task;
mod tools;

use anyhow::Result;
use clap::Parser;
use flags::{Cli, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(flags::expand(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; all else has status 1, not clap's 2.
            let is_error = error.use_stderr();
            drop(error.print());
            return if is_error { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    match dispatch(&cli) {
        Ok(status) => status,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode> {
    match &cli.command {
        Command::Build(args) => build::build(args),
        Command::Run(args) => run::run(args),
        Command::Test(args) => run::test(args),
        Command::Check(args) => build::check(args),
        Command::Fmt(args) => tools::fmt(args),
        Command::Lint(args) => tools::lint(args),
        Command::Bench(args) => run::bench(args),
        Command::Init(args) => init::init(args),
        Command::Task(args) => task::task(args),
        Command::Info => task::info(),
        Command::Version => {
            println!("cot {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What is wrong with a program comes as it is to be shown; other errors get a word before them.
pub fn report(error: &anyhow::Error) {
    match error.downcast_ref::<wasm2native::cot::Faults>() {
        Some(faults) => eprintln!("{}", faults.0.trim_end()),
        None => eprintln!("error: {error:#}"),
    }
}
