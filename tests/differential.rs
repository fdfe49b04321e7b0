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
use test_kit::process::{self, Outcome, describe};
use test_kit::reference::{self, Request};
use test_kit::target::{self, CPU};
use test_kit::trial::{Skip, trial};
use test_kit::{calls, command, generator, globals, loops, product, smith, text, toolchain, trap};

fn main() {
    let paths = fixture::all().expect("the fixtures can be listed");
    let fixtures = paths.into_iter().filter_map(|path| {
        let name = fixture::name_of(&path);
        let fixture = Fixture::read(&path).ok()?;
        let runs = fixture.setup.emit.is_none() && fixture.expected("error").is_none();
        runs.then(|| trial(name, move || check_fixture(&fixture)))
    });
    let smith = seeds().map(|seed| trial(format!("smith-{seed:05}"), move || check_smith(seed)));
    let objects = seeds().map(|seed| trial(format!("objects-{seed:05}"), move || check_objects(seed)));
    let loops = seeds().map(|seed| trial(format!("loops-{seed:05}"), move || check_loops(seed)));
    let globals = seeds().map(|seed| trial(format!("globals-{seed:05}"), move || check_globals(seed)));
    let calls = seeds().map(|seed| trial(format!("calls-{seed:05}"), move || check_calls(seed)));
    test_kit::trial::run(fixtures.chain(smith).chain(objects).chain(loops).chain(globals).chain(calls));
}

const OBJECTS: &str = "objects";
const LOOPS: &str = "loops";
const CALLS: &str = "calls";

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
    let native = fixture.setup.native.as_ref().filter(|_| process::is_emulated());
    if let Some(reason) = fixture.setup.differential.as_ref().or(native) {
        bail!(Skip::Reason(reason.clone()));
    }
    toolchain::require_for(fixture)?;
    let input = product::input(fixture)?;
    compare(fixture, &input, true)
}

fn check_smith(seed: u64) -> Result<()> {
    let random = smith::module(seed)?;
    let masks = (0..random.n_functions).map(|number| 1u64 << number).chain([u64::MAX]);
    check_random("smith", seed, &random.wasm, smith::CHECK, masks)
}

/// With a collection before each object, every other time.
fn check_objects(seed: u64) -> Result<()> {
    let random = smith::module_with_objects(seed)?;
    if random.n_functions == 0 {
        bail!(Skip::Reason("the random module has no functions".to_owned()));
    }
    let masks = (0..random.n_functions).map(|number| 1u64 << number).chain([u64::MAX]);
    check_random(OBJECTS, seed, &random.wasm, smith::CHECK, masks)
}

fn check_loops(seed: u64) -> Result<()> {
    if is_llvm() && !has_exact_traps(seed) && !loops::seldom_traps(seed) {
        // A loop that only such a trap would end goes on for ever.
        bail!(Skip::Reason("LLVM drops loads without influence, and their traps; see docs/generators.md".to_owned()));
    }
    check_random(LOOPS, seed, &loops::module(seed)?, loops::CHECK, (0..loops::N_CALLS).map(u64::from))
}

fn check_globals(seed: u64) -> Result<()> {
    check_random("globals", seed, &globals::module(seed)?, globals::CHECK, (0..globals::N_CALLS).map(u64::from))
}

fn check_calls(seed: u64) -> Result<()> {
    check_random(CALLS, seed, &calls::module(seed)?, calls::CHECK, (0..calls::N_CALLS).map(u64::from))
}

fn is_llvm() -> bool {
    generator::name() == Some("llvm")
}

/// Every other module is compiled by LLVM with `--exact-traps`, and must trap as it does elsewhere.
fn has_exact_traps(seed: u64) -> bool {
    seed % 2 == 1
}

/// Calls an export with each of the arguments.
fn check_random(
    kind: &str,
    seed: u64,
    wasm: &[u8],
    export: &'static str,
    arguments: impl Iterator<Item = u64>,
) -> Result<()> {
    const FLAGS: [&[&str]; 5] = [&[], &["-O0"], &[], &["-Os"], &["--cpu", CPU]];
    let inline: &[&str] = if kind == CALLS { &["--inline"] } else { &[] };
    let flags = target::with_cpu(FLAGS[seed as usize % FLAGS.len()]).chain(inline.iter().copied());
    let exact: &[&str] = if is_llvm() && has_exact_traps(seed) { &["--exact-traps"] } else { &[] };
    let flags = ["--invoke", export].into_iter().chain(flags).chain(exact.iter().copied());
    let options = (kind == OBJECTS && seed % 2 == 1).then(|| "--gc-stress".to_owned());
    let run = |it: u64| Run {
        args_text: it.to_string(),
        args: vec![it.to_string()],
        options: options.clone(),
        ..Run::default()
    };
    let fixture = Fixture {
        path: PathBuf::from(format!("{kind}.wat")),
        name: format!("{kind}-{seed}"),
        setup: Setup {
            build: flags.map(str::to_owned).collect(),
            input: Some(format!("{kind}.wasm")),
            ..Setup::default()
        },
        runs: arguments.map(run).collect(),
        source: String::new(),
        expected: Vec::new(),
    };
    // LLVM drops loads without influence, and their traps; see docs/generators.md.
    let traps_matter = !is_llvm() || has_exact_traps(seed);
    let result = compare(&fixture, wasm, traps_matter);
    if result.is_ok() {
        return result;
    }
    let kept = command::scratch().join(format!("{kind}-{seed}.wasm"));
    std::fs::create_dir_all(command::scratch())?;
    std::fs::write(&kept, wasm)?;
    result.with_context(|| format!("the module is kept as {}", kept.display()))
}

fn engine() -> &'static wasmtime::Engine {
    static ENGINE: OnceLock<wasmtime::Engine> = OnceLock::new();
    ENGINE.get_or_init(|| reference::engine().expect("the configuration is valid"))
}

/// All of the fixture's runs, under both.
///
/// `traps_matter`: runs that trap under wasmtime are compared too.
fn compare(fixture: &Fixture, input: &[u8], traps_matter: bool) -> Result<()> {
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
        // How large an object may be is each engine's own.
        let is_limit = trap::of_program(&theirs) == Some("out of memory for objects");
        if theirs.status == 134 && !traps_matter || is_limit {
            continue;
        }
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
