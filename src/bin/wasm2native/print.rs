//! `--print WHAT`: answers for build systems, on standard output.

use crate::Usage;
use crate::choices::PrintWhat;
use crate::flags::Compile;
use crate::words;
use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;
use wasm2native::driver::print::{self, ImportRow, Row};
use wasm2native::inspect::{self, Foreign};
use wasm2native::link;
use wasm2native::stdio;
use wasm2native::wasm::input::Input;

/// The C functions that a program calls, in the columns of a module's imports.
fn imports_of_program(program: &Path) -> Result<Vec<ImportRow>> {
    let none = || "-".to_owned();
    let row = |it: Foreign| ImportRow {
        module: it.module,
        name: it.name,
        kind: "function",
        ty: none(),
        symbol: it.symbol,
        declaration: none(),
        definer: none(),
    };
    Ok(inspect::read(program)?.foreign.into_iter().map(row).collect())
}

/// Lines with tabs between columns, or an array with an object for each line.
fn form(rows: &[impl Row], json: bool) -> Result<String> {
    match json {
        true => Ok(serde_json::to_string(rows)? + "\n"),
        false => Ok(rows.iter().map(|row| row.columns().join("\t") + "\n").collect()),
    }
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
            ([], [program]) => form(&imports_of_program(program)?, args.json)?,
            _ => form(&print::imports(&input()?, &options)?, args.json)?,
        },
        PrintWhat::Exports => form(&print::exports(&input()?, &options)?, args.json)?,
        PrintWhat::RuntimeSymbols => form(&print::runtime_symbols(&options)?, args.json)?,
        PrintWhat::LinkArgs => {
            let words = link::arguments_for_compiler(&options.link);
            let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
            match args.json {
                true => serde_json::to_string(&words)? + "\n",
                false => words.iter().map(|word| words::quote(word)).collect::<Vec<_>>().join(" ") + "\n",
            }
        }
    };
    stdio::print(text)?;
    Ok(ExitCode::SUCCESS)
}
