//! Which file each input becomes, and everything that is wrong with that before any work is done.

use crate::Usage;
use crate::flags::Compile;
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use wasm2native::options::Emit;

/// Standard input or standard output.
pub const STDIO: &str = "-";

/// The output of each input, in order.
pub fn plan(args: &Compile) -> Result<Vec<PathBuf>> {
    if args.out_dir.is_none() && args.inputs.len() > 1 {
        let first = args.inputs[0].display();
        let help = match args.inputs[0].to_str() {
            Some("run" | "inspect") => {
                format!("the command `{first}` stands before all flags: wasm2native {first} ...")
            }
            Some("compile" | "build") if !args.inputs[0].exists() => {
                format!("compiling needs no command: wasm2native {}", args.inputs[1].display())
            }
            _ => "--out-dir DIR builds one program per input".to_owned(),
        };
        bail!(Usage(format!("{} inputs, but one output\nhelp: {help}", args.inputs.len())));
    }
    let outputs: Vec<PathBuf> = args.inputs.iter().map(|input| output(args, input)).collect();
    let mut taken: HashMap<&Path, &Path> = HashMap::new();
    for (input, output) in args.inputs.iter().zip(&outputs) {
        check(args, input, output)?;
        if let Some(other) = taken.insert(output, input) {
            let (input, other, output) = (input.display(), other.display(), output.display());
            bail!(Usage(format!("{other} and {input} would both become {output}")));
        }
    }
    Ok(outputs)
}

fn output(args: &Compile, input: &Path) -> PathBuf {
    if let Some(output) = &args.output {
        return output.clone();
    }
    let emit = args.emit();
    match &args.out_dir {
        Some(dir) => dir.join(file_name(args, input)),
        None if matches!(emit, Emit::Wat | Emit::Clif) => STDIO.into(),
        None => file_name(args, input).into(),
    }
}

/// As clang and rustc do it: the input's name with another ending, in the current directory. What comes from standard input
/// has clang's name for a program without one.
fn file_name(args: &Compile, input: &Path) -> OsString {
    let windows = args.target.as_ref().is_some_and(|target| target.contains("windows"));
    let ending = match args.emit() {
        Emit::Wat => ".wat",
        Emit::Clif => ".clif",
        Emit::Asm => ".s",
        Emit::Obj => ".o",
        Emit::Exe if windows => ".exe",
        Emit::Exe if input == Path::new(STDIO) => ".out",
        Emit::Exe => "",
    };
    let mut name = match input.file_stem() {
        Some(stem) if input != Path::new(STDIO) => stem.to_owned(),
        _ => OsStr::new("a").to_owned(),
    };
    name.push(ending);
    name
}

fn check(args: &Compile, input: &Path, output: &Path) -> Result<()> {
    let name = output.display();
    if output == Path::new(STDIO) {
        let binary = matches!(args.emit(), Emit::Obj | Emit::Exe);
        if binary && std::io::stdout().is_terminal() {
            bail!(Usage(
                "standard output is a terminal, and the result is binary\nhelp: name a file: -o FILE".to_owned()
            ));
        }
        return Ok(());
    }
    if let Some(folder) = output.parent().filter(|folder| args.out_dir.is_none() && !folder.as_os_str().is_empty()) {
        std::fs::metadata(folder).with_context(|| format!("can't write {name}: {}", folder.display()))?;
    }
    let Ok(existing) = std::fs::metadata(output) else { return Ok(()) };
    if existing.is_dir() {
        bail!(Usage(format!("{name} is a directory\nhelp: choose another name: -o FILE")));
    }
    let same = |input: std::fs::Metadata| (input.dev(), input.ino()) == (existing.dev(), existing.ino());
    if existing.is_file() && input != Path::new(STDIO) && std::fs::metadata(input).is_ok_and(same) {
        bail!(Usage(format!("{name} is the input, and would be overwritten\nhelp: choose another name: -o FILE")));
    }
    Ok(())
}
