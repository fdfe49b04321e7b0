//! The command line of `cot`: words to options, library calls, an exit status. Section 25 of the
//! language reference.

mod build;
mod describe;
mod doc;
mod flags;
mod init;
mod lsp;
mod project;
mod run;
mod style;
mod task;
mod tools;
mod watch;

use anyhow::Result;
use clap::{CommandFactory, Parser};
use flags::{Cli, Command};
use std::process::ExitCode;
use wasm2native::guard::memory;
use wasm2native::manual;
use wasm2native::start;
use wasm2native::stdio::{self, NoReader};

#[global_allocator]
static MEMORY: memory::Allocator = memory::Allocator;

fn main() -> ExitCode {
    start::run(command)
}

fn command() -> ExitCode {
    match Cli::try_parse_from(flags::expand(std::env::args_os())).map_or_else(usage, dispatch) {
        Ok(status) => status,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

/// Status of a command line that can't be understood.
const USAGE: u8 = 2;

/// Help and version are printed; all else that clap says is an error.
fn usage(error: clap::Error) -> Result<ExitCode> {
    stdio::usage(&error)?;
    Ok(if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS })
}

fn dispatch(cli: Cli) -> Result<ExitCode> {
    start::with_threads(None, || work(&cli))?
}

fn work(cli: &Cli) -> Result<ExitCode> {
    style::choose(cli.color);
    match &cli.command {
        Command::Build(args) if args.repeat.watch => watch::watch(&args.source, || build::build(args).map(|_| None)),
        Command::Build(args) => build::build(args),
        Command::Run(args) if args.repeat.watch => watch::watch(&args.source, || run::start(args).map(Some)),
        Command::Run(args) => run::run(args),
        Command::Test(args) if args.repeat.watch => watch::watch(&args.source, || run::start_tests(args)),
        Command::Test(args) => run::test(args),
        Command::Check(args) if args.repeat.watch => watch::watch(&args.source, || build::check(args).map(|_| None)),
        Command::Check(args) => build::check(args),
        Command::Fmt(args) => tools::fmt(args),
        Command::Lint(args) => tools::lint(args),
        Command::Bench(args) => run::bench(args),
        Command::Doc(args) => doc::doc(args),
        Command::Init(args) => init::init(args),
        Command::Lsp(_) => lsp::lsp(),
        Command::Task(args) => task::task(args),
        Command::Completions(args) => {
            manual::print_completions(Cli::command(), args.shell)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Man(args) => {
            manual::write_pages(Cli::command(), args.out_dir.as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Info => task::info(),
        Command::Version => {
            stdio::print(concat!("cot ", env!("CARGO_PKG_VERSION"), "\n"))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// What is wrong with a program comes as it is to be shown; other errors get a word before them.
pub fn report(error: &anyhow::Error) {
    if error.is::<NoReader>() {
        return;
    }
    stdio::message(match error.downcast_ref::<wasm2native::cot::Faults>() {
        Some(faults) => format!("{}\n", faults.0.trim_end()),
        None => format!("error: {error:#}\n"),
    });
}
