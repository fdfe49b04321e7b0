//! The WebAssembly group's tests of preview 1 and of threads, where `WASI_TESTSUITE` names a
//! checkout of `WebAssembly/wasi-testsuite`, branch `prod/testsuite-base`. Nothing of it is part of
//! this project.

use crate::driver::{Openat2, build};
use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use test_kit::process;
use test_kit::trial::{Skip, trial};

const VARIABLE: &str = "WASI_TESTSUITE";

/// Tests of preview 1 that there are. A part of them would pass as well.
const LEAST: usize = 72;

/// Folders with tests below the checkout; those of threads have moved over time.
const FOLDERS: [&str; 6] = [
    "tests/assemblyscript/testsuite/wasm32-wasip1",
    "tests/c/testsuite/wasm32-wasip1",
    "tests/rust/testsuite/wasm32-wasip1",
    "tests/assemblyscript/testsuite",
    "tests/c/testsuite",
    "tests/proposals/wasi-threads",
];

pub fn trials() -> Vec<Trial> {
    let Some(checkout) = std::env::var_os(VARIABLE) else {
        let skip = Skip::Reason(format!("{VARIABLE} names no checkout of WebAssembly/wasi-testsuite"));
        return vec![trial("official", || Err(skip.into()))];
    };
    let modules: Vec<_> = FOLDERS.iter().flat_map(|folder| modules(&Path::new(&checkout).join(folder))).collect();
    let (n_modules, checkout) = (modules.len(), checkout.display().to_string());
    let complete = trial("official", move || {
        ensure!(n_modules >= LEAST, "{VARIABLE}: there are {n_modules} tests in {checkout}, not {LEAST} and more");
        Ok(())
    });
    let trials = modules.into_iter().map(|path| {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        trial(format!("official/{name}"), move || check(&path))
    });
    trials.chain([complete]).collect()
}

fn modules(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.expect("it can be listed").path());
    let mut modules: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
    modules.sort();
    modules
}

/// What a test asks for; see `doc/specification.md` of the suite.
#[derive(Default)]
struct Expectation {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    root: Option<String>,
    exit_code: i32,
    stdout: Option<String>,
}

fn check(module: &Path) -> Result<()> {
    let expected = read_expectation(&module.with_extension("json"))?;
    let program = build("test.wasm", std::fs::read(module)?, &[]);
    for openat2 in Openat2::ALL {
        run(module, &expected, openat2.program(&program.path)).with_context(|| format!("openat2: {openat2:?}"))?;
    }
    Ok(())
}

/// Runs the test with a fresh copy of its folder.
fn run(module: &Path, expected: &Expectation, mut command: Command) -> Result<()> {
    let mut options: Vec<_> = expected.env.iter().map(|(name, value)| format!("--env '{name}={value}'")).collect();
    let fresh = tempfile::tempdir()?;
    if let Some(root) = &expected.root {
        copy(&module.with_file_name(root), &fresh.path().join("root"))?;
        options.push(format!("--dir {}/root::/", fresh.path().display()));
    }
    command.args(&expected.args).env_clear().env("WASM2NATIVE_OPTIONS", options.join(" "));
    // Some of the tests of threads wait in a read for the end of the program.
    let outcome = process::run_without_input(&mut command)?;
    let said = &outcome.stderr;
    ensure!(outcome.status == expected.exit_code, "{}:\n{said}", process::describe(outcome.status));
    if let Some(stdout) = &expected.stdout {
        ensure!(outcome.stdout == *stdout, "it wrote {:?}", outcome.stdout);
    }
    Ok(())
}

fn read_expectation(path: &Path) -> Result<Expectation> {
    let mut expectation = Expectation::default();
    if !path.exists() {
        return Ok(expectation);
    }
    let text = std::fs::read_to_string(path)?;
    let value: serde_json::Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let string = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    for (name, value) in value.as_object().context("not an object")? {
        match &name[..] {
            "args" => expectation.args = value.as_array().into_iter().flatten().filter_map(string).collect(),
            "env" => {
                let pairs = value.as_object().into_iter().flatten();
                expectation.env = pairs.filter_map(|(name, value)| Some((name.clone(), string(value)?))).collect();
            }
            "root" => expectation.root = string(value),
            "exit_code" => expectation.exit_code = value.as_i64().context("not a number")? as i32,
            "stdout" => expectation.stdout = string(value),
            _ => {}
        }
    }
    Ok(expectation)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let kind = std::fs::symlink_metadata(from).with_context(|| from.display().to_string())?.file_type();
    if kind.is_symlink() {
        std::os::unix::fs::symlink(std::fs::read_link(from)?, to)?;
    } else if kind.is_dir() {
        std::fs::create_dir(to)?;
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else {
        std::fs::copy(from, to)?;
    }
    Ok(())
}
