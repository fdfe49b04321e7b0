//! `cot task` and `cot info`: what the project here says of itself.

use crate::build::BuildTarget;
use crate::flags;
use crate::project::Project;
use anyhow::{Context, Result, bail};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode};
use wasm2native::cot::library;
use wasm2native::stdio;

pub fn task(args: &flags::Task) -> Result<ExitCode> {
    let tasks = Project::here()?.tasks()?;
    let Some(name) = &args.name else {
        stdio::print(tasks.iter().map(|(name, command)| format!("{name}: {command}\n")).collect::<String>())?;
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
    let modules = library::MODULES.iter().map(|(name, _)| *name).filter(|name| *name != "prelude");
    let library = match std::env::var("COT_STDLIB").ok().filter(|folder| !folder.is_empty()) {
        Some(folder) => folder,
        None => format!("built in ({})", modules.collect::<Vec<_>>().join(" ")),
    };
    let mut lines = vec![
        format!("cot {}", env!("CARGO_PKG_VERSION")),
        format!("native target: {}", BuildTarget::parse("native")?.description()),
        format!("standard library: {library}"),
    ];
    if let Ok(project) = Project::here() {
        lines.push(format!("project: {}", project.title()));
    }
    stdio::print(lines.join("\n") + "\n")?;
    Ok(ExitCode::SUCCESS)
}
