//! Damaged modules: each becomes a program, or one message and status 1; never a mistake of the
//! compiler, a build of ten times the usual time, or one of more than 4 GiB. Programs made of them
//! end by a status, a trap or our time limit, and never by another signal.
//!
//! Modules: 50 that compilers make of C, C++, Cot and Rust, and of texts. `W2N_MUTANTS` says how
//! many mutants are made of each (9; with `W2N_FULL=1`, 400), `W2N_MODULES` names a folder with
//! more modules, and `W2N_SEED` is another number to begin with. What fails is kept in the folder
//! of temporary files.

mod mutate;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use test_kit::command;
use test_kit::dice::Dice;
use test_kit::fixture::{self, Fixture};
use test_kit::folder::Folder;
use test_kit::process::{self, Outcome};
use test_kit::trial::trial;
use test_kit::{product, toolchain};

fn main() {
    let fixtures = sources("", "").into_iter().map(|(name, path)| (name, Module::Fixture(path)));
    let cot = sources("cot/run", "cot").into_iter().map(|(name, path)| (name, Module::Cot(path)));
    let rust = [("debug/counter".to_owned(), Module::Wasm(root().join("tests/debug/counter.wasm")))];
    let more = std::env::var_os("W2N_MODULES").map(PathBuf::from).into_iter().flat_map(|folder| {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        entries.map(|entry| entry.expect("it can be listed").path()).collect::<Vec<_>>()
    });
    let more = more.map(|path| (path.display().to_string(), Module::Wasm(path)));
    let modules = fixtures.chain(cot).chain(rust).chain(more);
    let trials: Vec<Trial> = modules.map(|(name, module)| trial(name, move || check(&module))).collect();
    test_kit::trial::run(trials);
}

/// Where a module comes from.
enum Module {
    Fixture(PathBuf),
    Cot(PathBuf),
    Wasm(PathBuf),
}

const N_COT: usize = 18;
const N_TEXTS: usize = 15;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The programs in C and C++ and the longest texts, or the longest programs in Cot.
fn sources(folder: &str, extension: &str) -> Vec<(String, PathBuf)> {
    let mut paths = match folder {
        "" => fixture::all().expect("the fixtures can be listed"),
        _ => {
            let entries = std::fs::read_dir(root().join("fixtures").join(folder)).expect("the fixtures can be listed");
            entries.map(|entry| entry.expect("it can be listed").path()).collect()
        }
    };
    let is_text = |path: &Path| path.extension().is_some_and(|it| it == "wat");
    let is_program = |path: &Path| {
        // These want files beside them.
        if fixture::name_of(path).starts_with("foreign/") {
            return false;
        }
        let fixture = Fixture::read(path).ok();
        fixture.is_some_and(|it| it.setup.emit.is_none() && it.expected("error").is_none() && !it.runs.is_empty())
    };
    match extension {
        "cot" => paths.retain(|path| path.extension().is_some_and(|it| it == "cot")),
        _ => paths.retain(|path| is_program(path)),
    }
    let length = |path: &PathBuf| std::fs::metadata(path).map_or(0, |it| it.len());
    paths.sort_by_key(|path| (std::cmp::Reverse(length(path)), path.clone()));
    let (mut n_texts, mut n_cot) = (0, 0);
    paths.retain(|path| {
        n_texts += usize::from(is_text(path));
        n_cot += usize::from(extension == "cot");
        n_texts <= N_TEXTS && n_cot <= N_COT || !is_text(path) && extension.is_empty()
    });
    paths.into_iter().map(|path| (fixture::name_of(&path), path)).collect()
}

/// The module, and the flags that it wants.
fn read(module: &Module) -> Result<(Vec<u8>, Vec<String>)> {
    match module {
        Module::Fixture(path) => {
            let fixture = Fixture::read(path)?;
            toolchain::require_for(&fixture)?;
            let bytes = product::input(&fixture)?;
            let flags = fixture.setup.build.iter().filter(|flag| !flag.contains("target")).cloned().collect();
            Ok((wat::parse_bytes(&bytes)?.into_owned(), flags))
        }
        Module::Cot(path) => {
            let folder = Folder::empty();
            let path = path.to_string_lossy();
            let mut command = command::cot();
            command.args(["build", "--target=wasm32-wasi", "-o", "m.wasm", &path]).current_dir(folder.path("."));
            process::run(&mut command, b"")?.succeeds();
            Ok((folder.read("m.wasm"), Vec::new()))
        }
        Module::Wasm(path) => {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            let flags =
                if path.ends_with("counter.wasm") { vec!["--invoke".to_owned(), "run".to_owned()] } else { Vec::new() };
            Ok((bytes, flags))
        }
    }
}

/// How a build went.
struct Built {
    outcome: Outcome,
    took: Duration,
}

/// Builds in a process that gets 4 GiB of address space besides the 1.5 GiB that threads reserve.
fn build(folder: &Folder, flags: &[String]) -> Result<Built> {
    let begin = Instant::now();
    let mut command = Command::new("sh");
    let script = "ulimit -v 5767168; ulimit -c 0; exec timeout -s KILL 60 \"$@\"";
    command.args(["-c", script, "sh"]).arg(command::wasm2native().get_program());
    command.args(["m.wasm", "-o", "app", "-j1"]).args(flags);
    let outcome = process::run(command.current_dir(folder.path(".")), b"")?;
    Ok(Built { outcome, took: begin.elapsed() })
}

fn check(module: &Module) -> Result<()> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let n_mutants: u64 = number("W2N_MUTANTS").unwrap_or(if test_kit::trial::is_full() { 400 } else { 9 });
    let seed: u64 = number("W2N_SEED").unwrap_or(0);
    let (bytes, flags) = read(module)?;
    let folder = Folder::empty();
    folder.write("m.wasm", &bytes);
    let original = build(&folder, &flags)?;
    ensure!(original.outcome.status == 0, "the module itself: {:#?}", original.outcome);
    let mut n_programs = 0;
    for mutant in seed..seed.saturating_add(n_mutants) {
        let folder = Folder::empty();
        let mutated = mutate::mutate(&bytes, &mut Dice::new("mutants", mutant));
        folder.write("m.wasm", &mutated);
        match check_mutant(&folder, &flags, original.took) {
            Ok(is_program) => n_programs += u32::from(is_program),
            Err(error) => {
                let kept = std::env::temp_dir().join(format!("mutant-{mutant}.wasm"));
                std::fs::write(&kept, mutated)?;
                return Err(error.context(format!("seed {mutant}, flags {flags:?}: {}", kept.display())));
            }
        }
    }
    println!("{n_mutants} mutants, {n_programs} programs");
    Ok(())
}

/// Whether it became a program.
fn check_mutant(folder: &Folder, flags: &[String], usual: Duration) -> Result<bool> {
    let built = build(folder, flags)?;
    let outcome = &built.outcome;
    // A busy machine takes longer: only what takes seconds is slow.
    ensure!(built.took < usual * 10 || built.took < Duration::from_secs(10), "it took {:?}", built.took);
    match outcome.status {
        0 => {}
        1 => {
            let n_errors = outcome.stderr.lines().filter(|line| line.starts_with("error")).count();
            ensure!(n_errors == 1 && !outcome.stderr.contains("mistake in wasm2native"), "{outcome:#?}");
            ensure!(!folder.path("app").exists(), "something is left: {outcome:#?}");
            return Ok(false);
        }
        _ => bail!("{outcome:#?}"),
    }
    let mut command = Command::new("sh");
    // It may loop for ever, and print without end.
    let script = "ulimit -c 0; ulimit -f 2000; exec timeout -s KILL 2 ./app >said 2>&1";
    let ended = process::run(command.args(["-c", script]).current_dir(folder.path(".")), b"")?;
    // -9: our own limit.
    ensure!((0..128).contains(&ended.status) || [134, -9].contains(&ended.status), "the program: {ended:#?}");
    Ok(true)
}
