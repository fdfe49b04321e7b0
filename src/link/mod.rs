//! Objects → executable.
//!
//! Comes in: relocatable objects, one of which defines C's `main`, and what the user links with.
//! Goes out: the bytes of an executable. By default the linker is `libwild`, in process, with the
//! runtime and the C library that this program carries: a static position-independent executable
//! whose bytes depend on the inputs alone, not on the folder or the number of threads. Where the
//! user's inputs ask for it, a C compiler of the machine links instead ([`native`] decides,
//! `external` does it).
// Numbers that a module chooses are checked; see `tests/tidy`.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss
)]

mod archive;
pub mod check;
pub mod compiler;
mod conventions;
mod described;
mod external;
mod files;
pub mod library;
pub mod native;
pub mod payload;
pub mod runtime;
mod search;
pub mod suggest;
pub mod symbols;

use crate::options::LinkOptions;
use crate::report::Coded;
use crate::report::code::Code;
use crate::start;
use anyhow::{Result, anyhow, bail};
use libwild::{Args, Linker};
use native::{Kind, Native, Natives};
use runtime::{Runtime, Set};
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex};

pub struct LinkRequest<'a> {
    pub runtime: &'a Runtime,
    /// Taken whole, because they may be large.
    pub objects: Vec<Vec<u8>>,
    pub natives: Natives,
    /// The program calls C that it does not bring along.
    pub uses_c: bool,
    /// Leave out the symbol table.
    pub strip: bool,
    pub options: &'a LinkOptions,
}

/// What a C compiler must get besides an object or library: the user's files and flags, and the
/// system's libraries that the runtime needs.
pub fn arguments_for_compiler(options: &LinkOptions) -> Vec<OsString> {
    let files = options.files.iter().map(|file| compiler::file_argument(file));
    let folders = options.folders.iter().map(|folder| compiler::prefixed("-L", folder));
    let libraries = options.libraries.iter().map(|name| OsString::from(format!("-l{name}")));
    let flags = options.flags.iter().map(OsString::from);
    files.chain(folders).chain(libraries).chain(flags).chain(library::HOST_ARGUMENTS.map(OsString::from)).collect()
}

/// How it went.
pub struct Report {
    /// The linker's.
    pub warnings: Vec<String>,
    /// The command line that linked, or that would have been one.
    pub command: Vec<String>,
}

/// Links. Runs in rayon's current thread pool. The first value is the program.
///
/// # Errors
/// An undefined symbol, objects that don't fit each other, or a message of the linker.
pub fn link(request: LinkRequest) -> Result<(Vec<u8>, Report)> {
    conventions::check(&request.objects, &request.natives)?;
    match request.natives.compiler.clone() {
        Some(compiler) => external::link(&compiler, request),
        None => link_in_process(request),
    }
}

fn link_in_process(request: LinkRequest) -> Result<(Vec<u8>, Report)> {
    let LinkRequest { runtime, objects, natives, uses_c, strip, .. } = request;
    let set = if uses_c { Set::Complete } else { Set::Plain };
    let (first, last) = runtime.start_files(set);
    let mut names: Vec<String> = first.iter().map(|file| file.name.to_owned()).collect();
    let mut inputs = runtime.files(set)?;
    for (index, object) in objects.into_iter().enumerate() {
        let name = format!("<module {index}>");
        inputs.insert(name.clone().into(), object.into());
        names.push(name);
    }
    let run = if natives.files.is_empty() { run } else { run_with_natives };
    for (index, native) in natives.files.into_iter().enumerate() {
        names.push(add_native(&mut inputs, index, native));
    }
    names.extend(runtime.parts(set).iter().chain(last).map(|file| file.name.to_owned()));

    let (files, output) = files::Files::new(inputs);
    let command = arguments(runtime, &names, strip);
    let warnings = run(&command, files)?;
    let (undefined, warnings): (Vec<_>, Vec<_>) =
        warnings.into_iter().partition(|warning| warning.starts_with(UNDEFINED));
    if !undefined.is_empty() {
        let message = format!("symbols that nothing defines:\n  {}", list_undefined(&undefined));
        bail!(Coded::new(Code::UndefinedSymbol, message));
    }
    let program = std::mem::take(&mut *output.lock().expect("no thread panics while it holds the lock"));
    Ok((program, Report { warnings, command }))
}

/// The name under which the linker finds a file of the user. It stands in messages, and must be
/// none that a flag has.
fn add_native(inputs: &mut files::Inputs, index: usize, native: Native) -> String {
    let is_taken = |name: &str| inputs.contains_key(Path::new(name)) || name.starts_with(['-', '@']);
    let mut name = native.name;
    if is_taken(&name) {
        name = format!("./{index}/{name}");
    }
    let folder = Path::new(&name).parent().unwrap_or(Path::new(""));
    for (member, bytes) in native.members {
        inputs.insert(folder.join(member), bytes.into());
    }
    debug_assert!(matches!(native.kind, Kind::Object | Kind::Archive), "others are linked by a compiler");
    inputs.insert(name.clone().into(), native.bytes.into());
    name
}

/// Undefined symbols are collected as warnings, so that all are reported. The output stays in
/// memory, and its name means nothing.
const FLAGS: &str = "-static -pie --no-dynamic-linker -z noexecstack -z relro -z now \
    -z pack-relative-relocs --gc-sections --eh-frame-hdr --build-id=none --no-identity-comment --warn-unresolved-symbols -o program";

/// The beginning of a linker's command line.
fn command(runtime: &Runtime, flags: &str) -> Vec<String> {
    let words = ["ld", "-m", runtime.machine().emulation].into_iter().chain(flags.split_whitespace());
    words.map(str::to_owned).collect()
}

/// The command line that an `ld` would get.
fn arguments(runtime: &Runtime, inputs: &[String], strip: bool) -> Vec<String> {
    let mut arguments = command(runtime, FLAGS);
    arguments.extend(strip.then(|| "--strip-all".to_owned()));
    arguments.extend_from_slice(inputs);
    arguments
}

/// Runs the linker; returns its warnings.
fn run(arguments: &[String], files: files::Files) -> Result<Vec<String>> {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let mut args = Args::new(|| arguments.iter()).map_err(linker_error)?;
    let sink = Arc::clone(&warnings);
    args.on_warning(Box::new(move |warning| {
        sink.lock().expect("no thread panics while it holds the lock").push(warning.warning().to_owned());
    }));
    args.parse(|| arguments.iter()).map_err(linker_error)?;
    let linker = Linker::with_file_system(files);
    linker.run(&args).map_err(linker_error)?;
    Ok(std::mem::take(&mut warnings.lock().expect("no thread panics while it holds the lock")))
}

/// As [`run`], with files of the user: the linker trusts what it reads, and panics where that is
/// damaged.
fn run_with_natives(arguments: &[String], files: files::Files) -> Result<Vec<String>> {
    start::catch(|| run(arguments, files)).unwrap_or_else(|panic| {
        bail!("the linker failed: {panic}\nhelp: one of the objects that the program is linked with may be damaged")
    })
}

/// How the linker's message about symbols that two objects define begins.
const TWICE: &str = "Duplicate symbols detected: ";

fn linker_error(error: libwild::error::Error) -> anyhow::Error {
    let text = error.to_string();
    match text.strip_prefix(TWICE) {
        // Those of the user's objects were found before: here is the C library against them.
        Some(list) => anyhow!(
            "symbols that are defined twice:\n  {}\nhelp: of a static C library, functions that stand together can only be replaced \
             together; --linker cc links the shared one",
            list.lines().collect::<Vec<_>>().join("\n  ")
        ),
        None => anyhow!("the linker failed: {text}"),
    }
}

/// How the linker's warnings about undefined symbols begin.
const UNDEFINED: &str = "Undefined symbol ";

/// Each name once.
fn list_undefined(warnings: &[String]) -> String {
    let mut names: Vec<_> = warnings
        .iter()
        .map(|warning| &warning[UNDEFINED.len()..])
        .map(|rest| rest.split_once(',').map_or(rest, |(name, _)| name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join("\n  ")
}
