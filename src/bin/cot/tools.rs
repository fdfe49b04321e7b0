//! `cot fmt` and `cot lint`: what is done with sources beside compiling them.

use crate::build;
use crate::flags;
use crate::project::{self, Project};
use crate::style;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use wasm2native::cot::diagnostic;
use wasm2native::cot::format::{self, Formatted};
use wasm2native::cot::source::Sources;
use wasm2native::cot::{Faults, lint, parse, with_large_stack};
use wasm2native::output;
use wasm2native::start;
use wasm2native::stdio;

/// Formats a file, or all of a folder. What is faulty is reported and left alone; the others are
/// formatted nevertheless.
pub fn fmt(args: &flags::Fmt) -> Result<ExitCode> {
    let files = match args.path.is_dir() {
        true => sources(&args.path)?,
        false => vec![args.path.clone()],
    };
    let mut status = ExitCode::SUCCESS;
    for file in files {
        match format_file(&file) {
            Err(error) => {
                crate::report(&error);
                status = ExitCode::FAILURE;
            }
            Ok((_, text)) if args.stdout => stdio::print(text)?,
            Ok((before, text)) if before == text => {}
            Ok(_) if args.check => {
                stdio::print(format!("{}\n", file.display()))?;
                status = ExitCode::FAILURE;
            }
            Ok((_, text)) => output::write(&file, &text)?,
        }
    }
    Ok(status)
}

/// A file's text and what becomes of it.
fn format_file(file: &Path) -> Result<(Vec<u8>, Vec<u8>)> {
    start::begin(&file.display().to_string());
    let before = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    if before.len() > Sources::MAX_BYTES {
        bail!("{} is too long", file.display());
    }
    let all_safe = Project::of(file)?.is_safe()?;
    let mut sources = Sources::default();
    let id = sources.add(file.display().to_string(), Some(file.to_owned()), before.clone());
    match with_large_stack(|| format::format(id, sources.get(id), all_safe)) {
        Formatted::Text(text) => Ok((before, text)),
        Formatted::Faulty(faults) => {
            let is_styled = style::is_styled();
            Err(Faults(diagnostic::render(&sources, &faults, is_styled)).into())
        }
        Formatted::Changed(_) => bail!("{}: the result would mean something else, so nothing was done", file.display()),
    }
}

/// All `.cot` files below a folder, in order; hidden folders and outputs are left out.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("can't list {}", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !path.is_symlink() && !name.starts_with('.') && name != "cot-out" {
            files.extend(sources(&path)?);
        } else if path.is_file() && name.ends_with(".cot") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Warns about a file. It is checked first: of a faulty program warnings are of no use.
pub fn lint(args: &flags::Lint) -> Result<ExitCode> {
    let file = project::main_file(args.file.as_deref())?;
    build::check_file(&file)?;
    let is_styled = style::is_styled();
    let bytes = std::fs::read(&file).with_context(|| format!("can't read {}", file.display()))?;
    let all_safe = Project::of(&file)?.is_safe()?;
    let mut sources = Sources::default();
    let id = sources.add(file.display().to_string(), Some(file.clone()), bytes);
    let warnings = with_large_stack(|| {
        let (tree, _) = parse::parse_in(id, sources.get(id), all_safe);
        lint::lint(&tree, sources.get(id))
    });
    warnings.iter().for_each(|it| stdio::message(diagnostic::render_one(&sources, it, is_styled)));
    Ok(if warnings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
