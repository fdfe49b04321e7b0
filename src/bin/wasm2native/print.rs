//! `--print WHAT`: answers for build systems, on standard output.

use crate::Usage;
use crate::flags::{Compile, PrintWhat};
use crate::words;
use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;
use wasm2native::driver::print;
use wasm2native::inspect::{self, Foreign};
use wasm2native::link;
use wasm2native::stdio;
use wasm2native::wasm::input::Input;

/// The C functions that a program calls, in the columns of a module's imports.
fn imports_of_program(program: &Path) -> Result<String> {
    let line = |it: &Foreign| {
        let [module, name] = [&it.module, &it.name].map(|text| text.escape_debug().to_string());
        format!("{module}\t{name}\tfunction\t-\t{}\t-\t-\n", it.symbol)
    };
    Ok(inspect::read(program)?.foreign.iter().map(line).collect())
}

pub fn run(args: &Compile, what: PrintWhat) -> Result<ExitCode> {
    let options = args.options();
    let input = || -> Result<Input> {
        match &args.inputs[..] {
            [one] => Input::read(one),
            [] => Err(Usage("--print imports and --print exports need a module".to_owned()).into()),
            [_, more, ..] => Err(Usage(format!("--print takes one module; {} is another", more.display())).into()),
        }
    };
    let text = match what {
        PrintWhat::Imports => match (&args.inputs[..], &args.linking.files[..]) {
            ([], [program]) => imports_of_program(program)?,
            _ => print::imports(&input()?, &options)?,
        },
        PrintWhat::Exports => print::exports(&input()?, &options)?,
        PrintWhat::RuntimeSymbols => print::runtime_symbols(&options)?,
        PrintWhat::LinkArgs => {
            let words = link::arguments_for_compiler(&options.link);
            let words: Vec<_> = words.iter().map(|word| words::quote(&word.to_string_lossy())).collect();
            words.join(" ") + "\n"
        }
    };
    stdio::print(text)?;
    Ok(ExitCode::SUCCESS)
}
