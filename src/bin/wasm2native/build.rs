//! `wasm2native INPUT...`: builds each input, and continues after one that fails.

use crate::Usage;
use crate::console::Console;
use crate::dependencies;
use crate::flags::Compile;
use crate::forms::EmitItem;
use crate::outputs;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::ExitCode;
use wasm2native::driver;
use wasm2native::options::{Emit, LinkOptions, Options, Output};
use wasm2native::progress::Observer;
use wasm2native::stdio::NoReader;
use wasm2native::wasm::input::Input;

pub fn run(args: &Compile, console: &Console) -> Result<ExitCode> {
    let outputs = outputs::plan(args)?;
    args.powers.check()?;
    let options = args.options();
    driver::check_target(&options).map_err(|error| Usage(format!("{error:#}")))?;
    let makes_program = args.emit().iter().any(|form| form.emit.is_of_program());
    if args.code.checks.trace && !makes_program {
        return Err(
            Usage("--trace is for programs\nhelp: build one, or use `wasm2native run --trace`".to_owned()).into()
        );
    }
    if args.powers.timeout.is_some() && !makes_program {
        return Err(Usage(
            "--timeout is for programs\nhelp: --interruptible lets a library's host end a call".to_owned(),
        )
        .into());
    }
    let makes_code = |form: &EmitItem| form.emit.is_of_program() || !form.emit.is_text();
    if !args.emit().iter().any(makes_code) && !options.program_options.is_empty() {
        console.warning("--dir, --env and limits have no effect: only programs and libraries have powers");
    }
    let links = makes_program || args.emit().iter().any(|form| form.emit == Emit::Sharedlib);
    if let Some(file) = args.linking.files.first().filter(|_| !links) {
        let what = "objects and libraries are linked into programs and shared libraries only";
        return Err(Usage(format!("{}: {what}\nhelp: link it with the result", file.display())).into());
    }
    let symbols_only = LinkOptions { import_symbols: options.link.import_symbols.clone(), ..LinkOptions::default() };
    if !links && options.link != symbols_only {
        console.warning(
            "-l, -L, -I, -D, -Wl, --linker, --allow-import, --allow-undefined and --no-shim have no effect: only programs and shared \
             libraries are linked",
        );
    }
    let rules = args.inputs.iter().zip(&outputs).map(|(input, outputs)| dependencies::file(args, input, outputs));
    let rules = rules.collect::<Result<Vec<_>>>()?;
    if let Some(dir) = &args.out_dir {
        std::fs::create_dir_all(dir).with_context(|| format!("can't create the directory {}", dir.display()))?;
    }

    console.begin();
    let mut failed = Vec::new();
    for ((input, outputs), rule) in args.inputs.iter().zip(&outputs).zip(&rules) {
        console.input(input);
        for output in outputs {
            console.verbose(&format!("{} -> {}", input.display(), output.file.display()));
        }
        let write_rule = || match rule {
            Some(rule) => dependencies::write(args, rule, outputs, console.take_files()),
            None => Ok(()),
        };
        if let Err(error) = build(input, &options, outputs, console).and_then(|()| write_rule()) {
            if error.is::<NoReader>() {
                return Err(error);
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

/// `--emit runtime`
pub fn runtime(args: &Compile) -> Result<ExitCode> {
    let [form] = &args.emit[..] else {
        return Err(Usage("--emit runtime makes nothing else beside it".to_owned()).into());
    };
    if let Some(input) = args.inputs.iter().chain(&args.linking.files).next() {
        return Err(Usage(format!(
            "{}: the runtime is the same for all modules: --emit runtime takes none",
            input.display()
        ))
        .into());
    }
    let Some(file) = form.file.as_ref().or(args.output.as_ref()) else {
        return Err(Usage("name a file for the runtime: --emit runtime=FILE".to_owned()).into());
    };
    driver::write_runtime(&args.options(), file)?;
    Ok(ExitCode::SUCCESS)
}

fn build(input: &Path, options: &Options, outputs: &[Output], console: &Console) -> Result<()> {
    console.reads(input);
    driver::build(&Input::read(input)?, options, outputs, console)
}
