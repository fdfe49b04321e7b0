//! Which files each input becomes, with all checks of them that are possible before the work.

use crate::Usage;
use crate::flags::{Cli, Compile};
use crate::forms::EmitItem;
use anyhow::{Context, Result, bail};
use clap::CommandFactory;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use wasm2native::driver::files;
use wasm2native::options::{Emit, Output};
use wasm2native::output::STDOUT;
use wasm2native::wasm::input;

/// The name that means standard input.
const STDIN: &str = "-";

/// The outputs of each input, in order.
pub fn plan(args: &Compile) -> Result<Vec<Vec<Output>>> {
    let forms = args.emit();
    check_forms(args, &forms)?;
    if args.out_dir.is_none() && args.inputs.len() > 1 {
        let first = args.inputs[0].display();
        let help = match args.inputs[0].to_str() {
            Some(name) if Cli::command().find_subcommand(name).is_some() => {
                format!("the command `{first}` must precede all flags: wasm2native {first} ...")
            }
            Some("compile" | "build") if !args.inputs[0].exists() => {
                format!("compiling needs no command: wasm2native {}", args.inputs[1].display())
            }
            _ => "--out-dir DIR builds one program per input".to_owned(),
        };
        bail!(Usage(format!("{} inputs, but one output\nhelp: {help}", args.inputs.len())));
    }
    let all: Vec<Vec<Output>> = args.inputs.iter().map(|input| outputs(args, &forms, input)).collect();
    let mut taken: HashMap<PathBuf, &Path> = HashMap::new();
    for (input, outputs) in args.inputs.iter().zip(&all) {
        let is_program = |output: &&Output| args.keep && output.emit == Emit::Exe;
        let name = if input == Path::new(STDIN) { input::STDIN.to_owned() } else { input.display().to_string() };
        let kept = outputs.iter().find(is_program).map(|output| files::kept_object(&output.file, &name));
        let kept = kept.map(|file| Output { emit: Emit::Obj, file });
        for output in outputs.iter().chain(&kept) {
            check(args, input, output)?;
            let file = output.file.display();
            match taken.insert(output.file.clone(), input) {
                Some(other) if other == input => bail!(Usage(format!("two outputs would both become {file}"))),
                Some(other) => {
                    bail!(Usage(format!("{} and {} would both become {file}", other.display(), input.display())))
                }
                None => {}
            }
        }
    }
    Ok(all)
}

/// Checks the list of forms, independent of the inputs.
fn check_forms(args: &Compile, forms: &[EmitItem]) -> Result<()> {
    for (index, form) in forms.iter().enumerate() {
        if forms[..index].iter().any(|other| other.emit == form.emit) {
            bail!(Usage(format!("--emit names `{}` twice", form.name())));
        }
        if form.file.is_some() && args.inputs.len() > 1 {
            bail!(Usage(format!("{} inputs, but --emit names one file for `{}`", args.inputs.len(), form.name())));
        }
    }
    if forms.len() > 1 && args.output.as_deref() == Some(Path::new(STDOUT)) {
        bail!(Usage(
            "several outputs can't all go to standard output\nhelp: name the files: --emit obj=FILE".to_owned()
        ));
    }
    Ok(())
}

fn outputs(args: &Compile, forms: &[EmitItem], input: &Path) -> Vec<Output> {
    let file = |form: &EmitItem| match (&form.file, &args.output, &args.out_dir) {
        (Some(file), ..) => file.clone(),
        (None, Some(output), _) if forms.len() == 1 => output.clone(),
        (None, Some(output), _) => with_ending(args, output, form.emit),
        (None, None, Some(dir)) => dir.join(file_name(args, input, form.emit)),
        (None, None, None) if is_for_people(form.emit) && forms.len() == 1 => STDOUT.into(),
        (None, None, None) => file_name(args, input, form.emit).into(),
    };
    forms.iter().map(|form| Output { emit: form.emit, file: file(form) }).collect()
}

/// Forms that are read rather than compiled: standard output is their place unless they have
/// another.
fn is_for_people(emit: Emit) -> bool {
    emit.is_text() && !matches!(emit, Emit::Asm | Emit::Header | Emit::Cxx | Emit::Rust)
}

/// The input's name with another extension, in the current directory, as clang and rustc do. For
/// standard input, the name is clang's default.
fn file_name(args: &Compile, input: &Path, emit: Emit) -> OsString {
    let mut name = match input.file_stem() {
        Some(stem) if input != Path::new(STDIN) => stem.to_owned(),
        _ => OsStr::new("a").to_owned(),
    };
    name.push(match ending(args, emit) {
        "" if input == Path::new(STDIN) => ".out",
        ending => ending,
    });
    name
}

/// For several outputs and `-o`, each output replaces the extension by its own, as rustc does.
fn with_ending(args: &Compile, output: &Path, emit: Emit) -> PathBuf {
    let ending = ending(args, emit);
    let is_known = |given: &OsStr| ENDINGS.iter().any(|known| known[1..] == *given);
    let stem = if output.extension().is_some_and(is_known) { output.with_extension("") } else { output.to_owned() };
    match ending.strip_prefix('.') {
        Some(extension) => stem.with_added_extension(extension),
        None => stem,
    }
}

/// Extensions that belong to a form.
const ENDINGS: [&str; 17] = [
    ".a", ".so", ".h", ".hpp", ".rs", ".wat", ".clif", ".ll", ".lst", ".s", ".o", ".exe", ".linkage", ".facts",
    ".layout", ".image", ".map",
];

fn ending(args: &Compile, emit: Emit) -> &'static str {
    let windows = args.target.as_ref().is_some_and(|target| target.contains("windows"));
    match emit {
        Emit::Wat => ".wat",
        Emit::Linkage => ".linkage",
        Emit::Facts => ".facts",
        Emit::Layout => ".layout",
        Emit::Image => ".image",
        Emit::LinkMap => ".map",
        Emit::Clif => ".clif",
        Emit::LlvmIr => ".ll",
        Emit::Listing => ".lst",
        Emit::Asm => ".s",
        Emit::Obj => ".o",
        Emit::Staticlib | Emit::Runtime => ".a",
        Emit::Sharedlib => ".so",
        Emit::Header => ".h",
        Emit::Cxx => ".hpp",
        Emit::Rust => ".rs",
        Emit::Exe if windows => ".exe",
        Emit::Exe => "",
    }
}

/// Whether a file may be written.
///
/// # Errors
/// When it is an input, a directory, or in a folder that does not exist.
pub fn check(args: &Compile, input: &Path, Output { emit, file: output }: &Output) -> Result<()> {
    let name = output.display();
    if output == Path::new(STDOUT) {
        if !emit.is_text() && std::io::stdout().is_terminal() {
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
    let inputs = args.linking.files.iter().map(PathBuf::as_path).chain([input]);
    let is_read = |input: &Path| input != Path::new(STDIN) && std::fs::metadata(input).is_ok_and(same);
    if existing.is_file() && inputs.into_iter().any(is_read) {
        bail!(Usage(format!("{name} is the input, and would be overwritten\nhelp: choose another name: -o FILE")));
    }
    Ok(())
}
