//! `wasm2native run`: builds into the cache and becomes the program.

use crate::Usage;
use crate::console::Console;
use crate::flags::Run;
use crate::words;
use anyhow::{Error, Result};
use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use wasm2native::abi::program::OPTIONS_VARIABLE;
use wasm2native::cache::{Cache, Origin};
use wasm2native::options::{Cpu, Options};
use wasm2native::wasm::input::Input;

/// Returns only if the program can't be built or started.
pub fn run(args: &Run, console: &Console) -> Result<Infallible> {
    let [module, program_args @ ..] = &args.module_and_args[..] else { unreachable!("clap requires MODULE") };
    let module = Path::new(module);
    args.powers.check()?;
    if args.target.is_some() {
        let here = "`wasm2native run` runs programs on this machine";
        return Err(Usage(format!("{here}; `wasm2native --target TRIPLE` builds one for another")).into());
    }
    console.begin();
    console.input(module);
    let input = Input::read(module)?;
    let timeout = args.powers.timeout.is_some();
    let mut options = Options { link: args.linking.options(), timeout, ..args.code.options() };
    if args.code.cpu.is_none() {
        // The program runs on this machine, so it may use all features of the processor.
        options.cpu = Cpu::Native;
    }
    let program = Cache::open().program(&input, &options, console)?;
    console.end();
    let path = program.path();
    match &program.origin {
        Origin::Found => console.verbose(&format!("from the cache: {}", program.describe())),
        Origin::Built => console.verbose(&format!("built into the cache: {}", program.describe())),
        Origin::Temporary(reason) => console.verbose(&format!("built without cache: {reason}")),
    }

    let mut command = Command::new(&path);
    command.args(program_args).arg0(match &args.argv0 {
        Some(name) => name,
        // As in wasmtime: a sandboxed program need not know the path.
        None => module.file_name().unwrap_or(OsStr::new("wasm")),
    });
    if let Some(options) = program_options(args) {
        command.env(OPTIONS_VARIABLE, options);
    }
    let error = command.exec();
    let help = match error.kind() {
        ErrorKind::PermissionDenied => "\nhelp: set WASM2NATIVE_CACHE to a folder where programs may be executed",
        _ => "",
    };
    Err(Error::new(error).context(format!("can't run {}{help}", program.describe())))
}

/// Powers change no code, so they need no compilation: the program reads them when it starts, after
/// those in its environment.
fn program_options(args: &Run) -> Option<OsString> {
    let words = [args.powers.options(), args.powers.embedded_in_place()].concat();
    let words: Vec<String> = words.iter().map(|word| words::quote(word)).collect();
    if words.is_empty() {
        return None;
    }
    let mut options = std::env::var_os(OPTIONS_VARIABLE).unwrap_or_default();
    if !options.is_empty() {
        options.push(" ");
    }
    options.push(words.join(" "));
    Some(options)
}
