//! `wasm2native INPUT...`: builds each input, and goes on after one that fails.

use crate::Usage;
use crate::console::Console;
use crate::flags::Compile;
use crate::outputs::{self, STDIO};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::ExitCode;
use wasm2native::driver;
use wasm2native::options::{Emit, Options};
use wasm2native::wasm::input::Input;

pub fn run(args: &Compile, console: &Console) -> Result<ExitCode> {
    let outputs = outputs::plan(args)?;
    let options = args.options();
    driver::check_target(&options).map_err(|error| Usage(format!("{error:#}")))?;
    if args.emit() != Emit::Exe && !options.program_options.is_empty() {
        console.warning("--dir, --env and limits have no effect: only programs have powers");
    }
    if let Some(dir) = &args.out_dir {
        std::fs::create_dir_all(dir).with_context(|| format!("can't make the directory {}", dir.display()))?;
    }

    console.begin();
    let mut failed = Vec::new();
    for (input, output) in args.inputs.iter().zip(&outputs) {
        console.input(input);
        console.verbose(&format!("{} -> {}", input.display(), output.display()));
        if let Err(error) = build(input, &options, args.emit(), output, console) {
            if is_broken_pipe(&error) {
                // Who read standard output has seen enough: no reason for a message.
                return Ok(ExitCode::FAILURE);
            }
            console.error(&error);
            failed.push(input.display().to_string());
        }
    }
    console.end();

    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if args.inputs.len() > 1 {
        bail!("{} of {} inputs failed:\n  {}", failed.len(), args.inputs.len(), failed.join("\n  "));
    }
    Ok(ExitCode::FAILURE)
}

fn build(input: &Path, options: &Options, emit: Emit, output: &Path, console: &Console) -> Result<()> {
    let input = Input::read(input)?;
    let binary = matches!(emit, Emit::Obj | Emit::Exe);
    if output != Path::new(STDIO) || !binary {
        return driver::build(&input, options, emit, output, console);
    }
    // A program is linked in a file; only then it can go down a pipe.
    let dir = tempfile::tempdir().context("can't make a temporary directory")?;
    let file = dir.path().join("a.out");
    driver::build(&input, options, emit, &file, console)?;
    std::io::copy(&mut std::fs::File::open(&file)?, &mut std::io::stdout().lock())
        .context("can't write to standard output")?;
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    };
    error.chain().any(io)
}
