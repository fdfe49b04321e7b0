//! The same module, arguments, environment and files under wasmtime and under our executable: the
//! same output, exit status, kind of trap, and files left behind.
//!
//! Inputs: all fixtures that run, and random modules (`W2N_SEEDS=500` or `W2N_SEEDS=1000..2000` for
//! more of them than usual). A fixture that can't be compared says why in its directive
//! `differential`.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use test_kit::directive::{Run, Setup};
use test_kit::fixture::{self, Fixture};
use test_kit::process::{Outcome, describe};
use test_kit::reference::{self, Request};
use test_kit::target::{self, CPU};
use test_kit::trial::{Skip, trial};
use test_kit::{command, product, smith, text, toolchain, trap};

fn main() {
    let paths = fixture::all().expect("the fixtures can be listed");
    let fixtures = paths.into_iter().filter_map(|path| {
        let name = fixture::name_of(&path);
        let fixture = Fixture::read(&path).ok()?;
        let runs = fixture.setup.emit.is_none() && fixture.expected("error").is_none();
        runs.then(|| trial(name, move || check_fixture(&fixture)))
    });
    let random = seeds().map(|seed| trial(format!("smith-{seed:05}"), move || check_random(seed)));
    test_kit::trial::run(fixtures.chain(random));
}

fn seeds() -> Range<u64> {
    const USUAL: u64 = 100;
    let Ok(text) = std::env::var("W2N_SEEDS") else { return 0..USUAL };
    let number = |text: &str| text.parse().expect("W2N_SEEDS is a number or a range of them");
    match text.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => 0..number(&text),
    }
}

fn check_fixture(fixture: &Fixture) -> Result<()> {
    if let Some(reason) = &fixture.setup.differential {
        bail!(Skip::Reason(reason.clone()));
    }
    toolchain::require_for(fixture)?;
    let input = product::input(fixture)?;
    compare(fixture, &input)
}

fn check_random(seed: u64) -> Result<()> {
    const FLAGS: [&[&str]; 5] = [&[], &["-O0"], &[], &["-Os"], &["--cpu", CPU]];
    let random = smith::module(seed)?;
    let flags = ["--invoke", smith::CHECK].into_iter().chain(target::with_cpu(FLAGS[seed as usize % FLAGS.len()]));
    let masks = (0..random.n_functions).map(|number| 1u64 << number).chain([u64::MAX]);
    let run = |mask: u64| Run { args_text: mask.to_string(), args: vec![mask.to_string()], ..Run::default() };
    let fixture = Fixture {
        path: PathBuf::from("smith.wat"),
        name: format!("smith-{seed}"),
        setup: Setup {
            build: flags.map(str::to_owned).collect(),
            input: Some("smith.wasm".to_owned()),
            ..Setup::default()
        },
        runs: masks.map(run).collect(),
        source: String::new(),
        expected: Vec::new(),
    };
    let result = compare(&fixture, &random.wasm);
    if result.is_ok() {
        return result;
    }
    let kept = command::scratch().join(format!("smith-{seed}.wasm"));
    std::fs::create_dir_all(command::scratch())?;
    std::fs::write(&kept, &random.wasm)?;
    result.with_context(|| format!("the module is kept as {}", kept.display()))
}

fn engine() -> &'static wasmtime::Engine {
    static ENGINE: OnceLock<wasmtime::Engine> = OnceLock::new();
    ENGINE.get_or_init(|| reference::engine().expect("the configuration is valid"))
}

/// All of the fixture's runs, under both.
fn compare(fixture: &Fixture, input: &[u8]) -> Result<()> {
    let wasm = wat::parse_bytes(input)?;
    let build = product::build(fixture, input)?;
    if build.outcome.status != 0 {
        bail!(
            "the compiler ended with {}:\n{}",
            describe(build.outcome.status),
            text::render(build.outcome.stderr.as_bytes())
        );
    }
    let mut differences = String::new();
    for (number, run) in fixture.runs.iter().enumerate() {
        let other_place = tempfile::tempdir()?;
        product::populate(other_place.path(), fixture)?;
        let request =
            Request::of(fixture, run, other_place.path()).context("say so with the directive `differential`")?;
        let theirs =
            reference::run(engine(), &wasm, &request).map_err(|error| anyhow::anyhow!("wasmtime: {error:?}"))?;
        let (ours, place) = build.run(fixture, run, number)?;
        let mut found = differs(&ours, &theirs);
        if files(&place)? != files(other_place.path())? {
            found.push_str("the files left behind differ\n");
        }
        if !found.is_empty() {
            writeln!(differences, "run `{}`:\n{found}", run.args_text)?;
        }
    }
    if !differences.is_empty() {
        bail!(differences);
    }
    Ok(())
}

/// Differences, those of wasmtime with a minus.
fn differs(ours: &Outcome, theirs: &Outcome) -> String {
    let mut out = String::new();
    if ours.status != theirs.status {
        out += &format!("wasmtime: {}, ours: {}\n", describe(theirs.status), describe(ours.status));
        out += &format!("standard error of ours:\n{}", text::render(ours.stderr.as_bytes()));
    } else if ours.status == 134 {
        let (our_trap, their_trap) = (trap::coarse(trap::of_program(ours)), trap::coarse(trap::of_program(theirs)));
        if our_trap != their_trap {
            out += &format!("wasmtime traps with {their_trap:?}, ours with {our_trap:?}\n");
        }
    } else if ours.stderr != theirs.stderr {
        out += "standard error:\n";
        out += &text::difference(&text::render(theirs.stderr.as_bytes()), &text::render(ours.stderr.as_bytes()));
    }
    if ours.stdout != theirs.stdout {
        out += "standard output:\n";
        out += &text::difference(&text::render(theirs.stdout.as_bytes()), &text::render(ours.stdout.as_bytes()));
    }
    out
}

/// Everything below a folder: contents of files, targets of links, and nothing for folders.
fn files(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next)? {
            let path = entry?.path();
            let metadata = path.symlink_metadata()?;
            let contents = if metadata.is_symlink() {
                path.read_link()?.into_os_string().into_encoded_bytes()
            } else if metadata.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else {
                std::fs::read(&path)?
            };
            found.insert(path.strip_prefix(folder)?.to_owned(), contents);
        }
    }
    Ok(found)
}
