//! Programs whose system calls fail: they end by a status of their own, or with a message of the
//! runtime, and never by a signal.
//!
//! A program is told of the error, so what it prints may differ.

use crate::inject;
use anyhow::{Result, bail, ensure};
use libtest_mimic::Trial;
use std::fmt::Write;
use std::process::Command;
use test_kit::fixture::{self, Fixture};
use test_kit::trial::{Skip, trial};
use test_kit::{product, toolchain};

/// Programs that wait for a thread that could not be started.
const WAITING: [&str; 4] = ["thread/exit", "thread/instance", "thread/stack", "thread/trap"];

/// Programs that make many kinds of calls. With `W2N_FULL=1`, all fixtures are run.
const USUAL: [&str; 16] = [
    "gc/hash-map",
    "mem/grow",
    "mem/two-memories",
    "mem64/grow",
    "table/grow",
    "thread/sum",
    "trap/unreachable",
    "trap/stack-recursion",
    "wasi/clock",
    "wasi/fd-readdir",
    "wasi/file-read",
    "wasi/file-write",
    "wasi/path-operations",
    "wasi/poll-clock",
    "wasi/poll-stdin",
    "wasi/random",
];

pub fn trials() -> Vec<Trial> {
    let paths = fixture::all().expect("the fixtures can be listed");
    let fixtures = paths.into_iter().map(|path| (fixture::name_of(&path), path));
    let chosen = fixtures.filter(|(name, _)| test_kit::trial::is_full() || USUAL.contains(&name.as_str()));
    let runs = chosen.filter_map(|(name, path)| Some((name, Fixture::read(&path).ok()?)));
    // With C, the start is that of its library and of the loader.
    let runs = runs.filter(|(name, _)| !WAITING.contains(&name.as_str()) && !name.starts_with("foreign/"));
    let runs = runs.filter(|(_, it)| it.setup.emit.is_none() && it.expected("error").is_none());
    runs.map(|(name, fixture)| trial(format!("programs/{name}"), move || check(&fixture))).collect()
}

fn check(fixture: &Fixture) -> Result<()> {
    inject::require()?;
    toolchain::require_for(fixture)?;
    let build = product::build(fixture, &product::input(fixture)?)?;
    ensure!(build.outcome.status == 0, "{:#?}", build.outcome);
    let mut wrong = String::new();
    let mut n_faults = 0;
    for run in &fixture.runs {
        if run.exit < 0 {
            bail!(Skip::Reason("it ends by a signal anyway".to_owned()));
        }
        let words = inject::words(&build.output, &run.args);
        let folder = tempfile::tempdir()?;
        let prepare = |command: &mut Command| {
            // What a run leaves behind is not there for the next.
            let _ = std::fs::remove_dir_all(folder.path());
            let _ = std::fs::create_dir(folder.path());
            product::populate(folder.path(), fixture).expect("files can be written");
            command.current_dir(folder.path()).envs(run.env.iter().cloned());
            if let Some(options) = &run.options {
                command.env("WASM2NATIVE_OPTIONS", options);
            }
        };
        for fault in inject::faults(&inject::calls(&words, None, prepare)?) {
            n_faults += 1;
            let outcome = inject::run(&words, &fault, prepare)?;
            let has_panicked = outcome.status == 101 || outcome.stderr.contains("panicked");
            if outcome.status < 0 || has_panicked {
                writeln!(wrong, "{fault}: {outcome:?}")?;
            }
        }
    }
    ensure!(wrong.is_empty(), "{wrong}");
    println!("{}: {n_faults} faults", fixture.name);
    Ok(())
}
