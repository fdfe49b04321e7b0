//! `wasm2native INPUT...`: builds each input, and goes on after one that fails.

use crate::Usage;
use crate::console::Console;
use crate::flags::{Compile, EmitItem};
use crate::outputs::{self, STDIO};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::ExitCode;
use wasm2native::driver;
use wasm2native::options::{Emit, LinkOptions, Options, Output};
use wasm2native::scratch::Scratch;
use wasm2native::wasm::input::Input;

pub fn run(args: &Compile, console: &Console) -> Result<ExitCode> {
    let outputs = outputs::plan(args)?;
    args.powers.check()?;
    let options = args.options();
    driver::check_target(&options).map_err(|error| Usage(format!("{error:#}")))?;
    let makes_program = args.emit().iter().any(|form| form.emit == Emit::Exe);
    let makes_code = |form: &EmitItem| !form.emit.is_text();
    if !args.emit().iter().any(makes_code) && !options.program_options.is_empty() {
        console.warning("--dir, --env and limits have no effect: only programs and libraries have powers");
    }
    if let Some(file) = args.linking.files.first().filter(|_| !makes_program) {
        let what = "objects and libraries are linked into programs only";
        return Err(Usage(format!("{}: {what}\nhelp: link it with the result", file.display())).into());
    }
    let symbols_only = LinkOptions { import_symbols: options.link.import_symbols.clone(), ..LinkOptions::default() };
    if !makes_program && options.link != symbols_only {
        console.warning(
            "-l, -L, -Wl, --linker, --allow-import and --allow-undefined have no effect: only programs are linked",
        );
    }
    if let Some(dir) = &args.out_dir {
        std::fs::create_dir_all(dir).with_context(|| format!("can't make the directory {}", dir.display()))?;
    }

    console.begin();
    let mut failed = Vec::new();
    for (input, outputs) in args.inputs.iter().zip(&outputs) {
        console.input(input);
        for output in outputs {
            console.verbose(&format!("{} -> {}", input.display(), output.file.display()));
        }
        if let Err(error) = build(input, &options, outputs, console) {
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

fn build(input: &Path, options: &Options, outputs: &[Output], console: &Console) -> Result<()> {
    let input = Input::read(input)?;
    // A program is linked in a file; only then it can go down a pipe.
    let is_piped = |output: &&Output| output.file == Path::new(STDIO) && !output.emit.is_text();
    let Some(piped) = outputs.iter().find(is_piped) else { return driver::build(&input, options, outputs, console) };
    let dir = Scratch::new()?;
    let file = dir.path().join("a.out");
    let redirect = |output: &Output| match output.emit == piped.emit {
        true => Output { emit: output.emit, file: file.clone() },
        false => output.clone(),
    };
    let outputs: Vec<Output> = outputs.iter().map(redirect).collect();
    driver::build(&input, options, &outputs, console)?;
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
