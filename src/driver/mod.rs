//! From inputs to output files.
//!
//! [`pipeline`] has the stages; [`program`], `library` and `script` are the lists of those that
//! each kind of output goes through. The modules import only from those above them.

pub mod files;

mod threads;

mod plan;

mod functions;
mod hosts;

mod foreign;

mod sources;

mod outside;

pub mod pipeline;

mod program;

mod library;

mod commands;

mod script;

pub mod explore;

pub mod print;

use crate::codegen::Generator;
use crate::codegen::target::{self, TARGETS};
use crate::link::runtime::{self, Runtime};
use crate::listing::link_map;
use crate::options::{Emit, GeneratorName, Options, Output};
use crate::output::{self, Access, OutputFile};
use crate::progress::{Observer, stage};
use crate::report::Coded;
use crate::report::code::Code;
use crate::wasm::input::Input;
use anyhow::{Context, Result, bail};
use files::kept_object;
use pipeline::Session;
use std::path::Path;

/// Compiles `input` and writes `outputs`: each beside its place first, then renamed, so that no
/// half-written file is ever seen.
///
/// A program is a closed world and has a compilation of its own; all other outputs come from one.
///
/// # Errors
/// One message that begins with the input's name.
pub fn build(input: &Input, options: &Options, outputs: &[Output], observer: &dyn Observer) -> Result<()> {
    let generator = Generator::new(options)?;
    let runtime = runtime::of(generator.triple(), options.runtime.as_deref())?;
    outputs.iter().try_for_each(|output| check_emit(&generator, runtime.as_ref(), output.emit))?;
    let runtime = runtime.as_ref();
    let (programs, others): (Vec<_>, Vec<_>) = outputs.iter().partition(|output| output.emit.is_of_program());
    let with_text = |file: &Path| Options {
        debug_text: (options.debug && !output::is_stream(file)).then(|| file.to_owned()),
        ..options.clone()
    };
    if let Some(first) = others.first() {
        library::build(&Session::new(input, &with_text(&first.file), &generator, runtime, observer)?, &others)?;
    }
    for Output { file, emit } in programs {
        if *emit == Emit::LinkMap {
            write_link_map(input, options, (&generator, runtime), file, observer)?;
            continue;
        }
        let output_file = OutputFile::new(file, Access::Program).with_context(|| input.name.clone())?;
        let kept = options.keep.then(|| kept_object(file, &input.name));
        let options = with_text(file);
        let session = Session::new(input, &options, &generator, runtime, observer)?;
        let program = link_program(&session, kept.as_deref())?;
        stage(observer, "write", 0, || output_file.write(&program)).with_context(|| input.name.clone())?;
    }
    Ok(())
}

/// Names and addresses are those of the program with its symbols; `--strip` moves nothing.
fn write_link_map(
    input: &Input,
    options: &Options,
    (generator, runtime): (&Generator, Option<&Runtime>),
    file: &Path,
    observer: &dyn Observer,
) -> Result<()> {
    let options = Options { strip: false, keep: false, ..options.clone() };
    let program = link_program(&Session::new(input, &options, generator, runtime, observer)?, None)?;
    let write = || output::write(file, link_map::print(&program)?.as_bytes());
    stage(observer, "write", 0, write).with_context(|| input.name.clone())
}

/// The bytes of a program.
///
/// # Errors
/// As [`build`].
pub fn program(input: &Input, options: &Options, observer: &dyn Observer) -> Result<Vec<u8>> {
    let generator = Generator::new(options)?;
    let runtime = runtime::of(generator.triple(), options.runtime.as_deref())?;
    link_program(&Session::new(input, options, &generator, runtime.as_ref(), observer)?, None)
}

/// The bytes of a program. The object of its main module is written to `kept`.
fn link_program(session: &Session, kept: Option<&Path>) -> Result<Vec<u8>> {
    if session.options.interruptible {
        let name = &session.input.name;
        bail!("{name}: --interruptible is for libraries, which have a host; a program ends by --timeout or a signal");
    }
    match session.input.is_script() {
        true => script::program(session),
        false => program::program(session, kept),
    }
}

/// Whether there is such a target and processor.
///
/// # Errors
/// When there is not.
pub fn check_target(options: &Options) -> Result<()> {
    Generator::new(options).map(|_| ())
}

/// Whether `emit` is available for the target: only some targets have a runtime.
///
/// # Errors
/// When it can't: says what can.
fn check_emit(generator: &Generator, runtime: Option<&Runtime>, emit: Emit) -> Result<()> {
    let what = match emit {
        Emit::Exe | Emit::LinkMap => "program",
        Emit::Staticlib | Emit::Sharedlib => "library",
        Emit::LlvmIr if generator.name() != GeneratorName::Llvm => bail!("--emit llvm-ir needs --generator llvm"),
        _ => return Ok(()),
    };
    if runtime.is_none() {
        let triple = generator.triple();
        let message =
            format!("there is no runtime for {triple}, so no {what} can be made\n{}", runtime::advice(triple));
        bail!(Coded::new(Code::NoRuntime, message));
    }
    Ok(())
}

/// Writes the runtime for the target, as an archive.
///
/// # Errors
/// There is none, or it can't be written.
pub fn write_runtime(options: &Options, file: &Path) -> Result<()> {
    let triple = target::triple(options)?;
    let runtime = runtime::of(&triple, options.runtime.as_deref())?;
    let runtime = runtime.with_context(|| {
        Coded::new(Code::NoRuntime, format!("there is no runtime for {triple}\n{}", runtime::advice(&triple)))
    })?;
    output::write(file, &runtime.archive()?)
}

/// Whether programs can be made for a target, by its name, with what this program carries.
pub fn makes_programs(target: &str) -> bool {
    runtime::carried().any(|runtime| runtime.target.triple == target)
}

/// The lines of `--target help`: what there is, and what of it this program carries a runtime for.
pub fn targets() -> impl Iterator<Item = String> {
    TARGETS.iter().map(|(name, note)| {
        let has_programs = makes_programs(name);
        format!("{name:30} {note}{}", if has_programs { "; programs, too" } else { "" })
    })
}
