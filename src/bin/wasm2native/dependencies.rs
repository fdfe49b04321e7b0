//! `--depfile` (`-MD`, `-MF FILE`): a rule that says what a build system has to watch.

use crate::Usage;
use crate::flags::Compile;
use crate::outputs;
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use wasm2native::depfile;
use wasm2native::driver::files;
use wasm2native::options::{Emit, Origin, Output};
use wasm2native::output;
use wasm2native::wasm::input::STDIN;

/// The file for the rule of one input, if there is to be one.
///
/// # Errors
/// When the rule would replace an output, or several inputs share its file.
pub fn file(args: &Compile, input: &Path, outputs: &[Output]) -> Result<Option<PathBuf>> {
    let file = match &args.depfile_name {
        Some(_) if args.inputs.len() > 1 => {
            let help = "help: without -MF, each input has its own, beside its output";
            bail!(Usage(format!("{} inputs, but -MF names one file\n{help}", args.inputs.len())));
        }
        Some(file) => file.clone(),
        None if args.depfile => beside(input, outputs),
        None => return Ok(None),
    };
    match outputs.iter().find(|output| output.file == file) {
        Some(_) => bail!(Usage(format!("{} would be both the result and the rule about it", file.display()))),
        None => {
            outputs::check(args, input, &Output { emit: Emit::Header, file: file.clone() })?;
            Ok(Some(file))
        }
    }
}

/// As C compilers choose it: the output's name with another extension.
fn beside(input: &Path, outputs: &[Output]) -> PathBuf {
    match outputs.iter().find(|output| !output::is_stream(&output.file)) {
        Some(output) => output.file.with_extension("d"),
        None => files::default_file(&input.display().to_string(), "d"),
    }
}

/// Writes the rule: all `outputs` depend on `read` and on what the flags name.
///
/// # Errors
/// When it can't be written.
pub fn write(args: &Compile, file: &Path, outputs: &[Output], mut read: BTreeSet<PathBuf>) -> Result<()> {
    read.extend(args.code.import_files.iter().filter_map(|source| match &source.origin {
        Origin::File(name) => Some(PathBuf::from(name)),
        _ => None,
    }));
    read.extend(args.code.profile_use.iter().map(|profile| PathBuf::from(&profile.file)));
    read.extend(args.runtime.clone());
    let targets = outputs.iter().map(|output| output.file.as_path()).filter(|file| !output::is_stream(file));
    let is_file = |file: &&Path| *file != Path::new(STDIN) && *file != Path::new("-");
    output::write(file, &depfile::write(targets, read.iter().map(PathBuf::as_path).filter(is_file))?)
}
