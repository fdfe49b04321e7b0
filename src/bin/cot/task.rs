//! `cot task` and `cot info`: what the project here says of itself.

use crate::build::Target;
use crate::flags;
use crate::project::Project;
use anyhow::{Context, Result, bail};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};
use wasm2native::cot::library;

pub fn task(args: &flags::Task) -> Result<ExitCode> {
    let tasks = Project::here()?.tasks()?;
    let Some(name) = &args.name else {
        tasks.iter().for_each(|(name, command)| println!("{name}: {command}"));
        return Ok(ExitCode::SUCCESS);
    };
    let Some((_, command)) = tasks.iter().find(|(known, _)| known == name) else {
        let known: Vec<_> = tasks.iter().map(|(name, _)| name.as_str()).collect();
        bail!("cot.json has no task `{name}`; there are: {}", known.join(", "));
    };
    let status = Command::new("sh").args(["-c", command]).status().context("can't run a shell")?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(ExitCode::from(code as u8))
}

pub fn info() -> Result<ExitCode> {
    println!("cot {}", env!("CARGO_PKG_VERSION"));
    println!("native target: {}", Target::parse("native")?.description());
    let modules = library::MODULES.iter().map(|(name, _)| *name).filter(|name| *name != "prelude");
    match std::env::var("COT_STDLIB").ok().filter(|folder| !folder.is_empty()) {
        Some(folder) => println!("standard library: {folder}"),
        None => println!("standard library: built in ({})", modules.collect::<Vec<_>>().join(" ")),
    }
    if let Ok(project) = Project::here() {
        println!("project: {}", project.title());
    }
    Ok(ExitCode::SUCCESS)
}
