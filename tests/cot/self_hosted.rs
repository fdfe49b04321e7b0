//! The compiler for Cot that is written in Cot, `fixtures/cot/self`.
//!
//! `cot` compiles it: the first generation. That compiles it to a module, the second; what
//! wasm2native makes of that compiles it again, and the third is the same, byte for byte. The
//! second generation also compiles the fixtures that `fixtures/cot/self/passes.txt` names. Their
//! modules print what they are to print under wasmtime, and end so.

use crate::{run, source};
use anyhow::{Context, Result};
use libtest_mimic::Trial;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use test_kit::fixture::Fixture;
use test_kit::process::{self, Outcome};
use test_kit::trial::trial;
use test_kit::{command, product, reference, text};
use wasm2native::cot::lower::Host;

/// Fewer would say that the subset has shrunk.
const LEAST_PASSES: usize = 100;

struct Generations {
    second: Vec<u8>,
    third: Vec<u8>,
    /// The second one as a program.
    compiler: PathBuf,
}

static GENERATIONS: LazyLock<Result<Generations, String>> =
    LazyLock::new(|| build_generations().map_err(|error| format!("{error:#}")));

pub fn trials() -> Vec<Trial> {
    let fixtures = passes().into_iter().map(|name| {
        let path = root().join(&name).with_extension("cot");
        trial(format!("self/{name}"), move || check(&path))
    });
    let others = [
        trial("self/generations".to_owned(), compare_generations),
        trial("self/refuses".to_owned(), refuse),
        trial("self/errors".to_owned(), find_errors),
        trial("self/enough".to_owned(), count_passes),
    ];
    others.into_iter().chain(fixtures).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cot")
}

/// Paths below `fixtures/cot`, without what they end in.
fn passes() -> Vec<String> {
    let list = root().join("self/passes.txt");
    let text = std::fs::read_to_string(&list).unwrap_or_else(|error| panic!("can't read {}: {error}", list.display()));
    text.lines().map(str::to_owned).collect()
}

fn count_passes() -> Result<()> {
    let count = passes().len();
    anyhow::ensure!(count >= LEAST_PASSES, "only {count} fixtures");
    Ok(())
}

fn build_generations() -> Result<Generations> {
    let folder = command::scratch().join("cot-self");
    std::fs::create_dir_all(&folder)?;
    let main = root().join("self/main.cot");
    let first = folder.join("first");
    succeed(command::cot_build().arg(&main).arg("-o").arg(&first)).context("the first generation")?;
    let module = folder.join("second.wasm");
    succeed(&mut compile_with(&first, &main, &module)).context("the second generation")?;
    let second = std::fs::read(&module)?;
    let compiler = folder.join("second");
    let mut translate = command::for_programs();
    succeed(translate.arg(&module).args(["--dir", "/", "-o"]).arg(&compiler)).context("its program")?;
    let module = folder.join("third.wasm");
    succeed(&mut compile_with(&compiler, &main, &module)).context("the third generation")?;
    let third = std::fs::read(&module)?;
    Ok(Generations { second, third, compiler })
}

/// A generation compiles a file to a module.
fn compile_with(compiler: &Path, path: &Path, module: &Path) -> Command {
    let standard_library = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cot/std");
    let mut command = process::program(compiler);
    command.arg("--std").arg(standard_library).arg(path).arg("-o").arg(module);
    command
}

fn succeed(command: &mut Command) -> Result<()> {
    let outcome = process::run(command, b"")?;
    anyhow::ensure!(outcome.status == 0, "{}", describe(&outcome));
    Ok(())
}

fn describe(outcome: &Outcome) -> String {
    format!("{}:\n{}", process::describe(outcome.status), text::render(outcome.stderr.as_bytes()))
}

fn generations() -> Result<&'static Generations> {
    GENERATIONS.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

fn compare_generations() -> Result<()> {
    let Generations { second, third, .. } = generations()?;
    anyhow::ensure!(second.len() > 100_000, "a module of {} bytes is no compiler", second.len());
    let different = second.iter().zip(third).position(|(a, b)| a != b);
    anyhow::ensure!(second == third, "{} and {} bytes; they differ first at {different:?}", second.len(), third.len());
    Ok(())
}

fn check(path: &Path) -> Result<()> {
    let fixture = Fixture::read(path)?;
    let folder = tempfile::tempdir()?;
    let module = folder.path().join("module.wasm");
    let mut command = compile_with(&generations()?.compiler, path, &module);
    for word in &fixture.setup.build {
        command.arg(if word == "test" { "--test" } else { word });
    }
    succeed(&mut command)?;
    let wasm = std::fs::read(&module)?;
    let engine = reference::engine().map_err(|error| anyhow::anyhow!("{error:#}"))?;
    let mut stdout = String::new();
    for (number, run) in fixture.runs.iter().enumerate() {
        let place = folder.path().join(format!("run{number}"));
        std::fs::create_dir(&place)?;
        product::populate(&place, &fixture)?;
        let outcome =
            run::run_wasm(&engine, &wasm, Host::Wasi, run, &place).map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let is_trap = outcome.status == run::TRAPPED && run.exit == run::FATAL;
        anyhow::ensure!(outcome.status == run.exit || is_trap, "{:?}: {}", run.args, describe(&outcome));
        if fixture.runs.len() > 1 {
            stdout.push_str(format!("$ {}", run.args_text).trim_end());
            stdout.push('\n');
        }
        stdout.push_str(&text::render(outcome.stdout.as_bytes()));
    }
    let expected = fixture.expected("stdout").unwrap_or("");
    anyhow::ensure!(stdout == expected, "stdout:\n{}", text::difference(expected, &stdout));
    Ok(())
}

/// Programs with a mistake, and what is said of it.
const MISTAKES: [(&str, &str); 6] = [
    ("fn main() i64 {\n    return x\n}\n", "2:12: error: 'x' is not defined"),
    ("fn main() i64 {\n    return \"a\"\n}\n", "2:12: error: expected i64, found string"),
    ("fn main() i64 {\n    return 1 +\n}\n", "3:1: error: expected an expression, found '}'"),
    ("fn main() i64 { println(\"a) return 0 }\n", "1:39: error: unterminated string"),
    ("fn f() i64 { }\nfn main() i64 { return f() }\n", "1:4: error: 'f' can end without returning a value"),
    (
        "struct P { x: i64 }\nfn main() i64 {\n    const p = P { .y = 1 }\n    return p.x\n}\n",
        "3:20: error: P has no field 'y'",
    ),
];

/// What the second generation says of a program that it refuses.
fn complaint(path: &Path) -> Result<Option<String>> {
    let folder = tempfile::tempdir()?;
    let mut command = compile_with(&generations()?.compiler, path, &folder.path().join("wrong.wasm"));
    let outcome = process::run(&mut command, b"")?;
    anyhow::ensure!(outcome.status < 2, "{}: {}", path.display(), describe(&outcome));
    Ok((outcome.status == 1).then(|| text::render(outcome.stderr.as_bytes())))
}

fn refuse() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("wrong.cot");
    for (program, message) in MISTAKES {
        std::fs::write(&path, program)?;
        let said = complaint(&path)?.unwrap_or_default();
        anyhow::ensure!(said == format!("{}:{message}\n", path.display()), "{program}{said}");
    }
    // Programs of a line, each below what `cot` says of it.
    let list = std::fs::read_to_string(root().join("errors/refused.txt"))?;
    for program in list.lines().filter(|line| line.starts_with("    ")) {
        std::fs::write(&path, program)?;
        anyhow::ensure!(complaint(&path)?.is_some(), "accepted: {program}");
    }
    Ok(())
}

/// Fixtures of errors that it does not find: instances without end, names that two files define,
/// and traits.
const MISSED: [&str; 3] = ["generic-type", "imports", "traits"];

/// The first mistake that is reported is one of those that the file marks.
fn find_errors() -> Result<()> {
    for path in source::fixtures("errors").iter().filter(|path| !MISSED.contains(&source::name_of(path).as_str())) {
        let said = complaint(path)?.with_context(|| format!("accepted: {}", path.display()))?;
        let file = format!("{}:", path.display());
        let line = said.strip_prefix(&file).and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
        let line = line.with_context(|| format!("no place in {said}"))?;
        let text = String::from_utf8_lossy(&std::fs::read(path)?).into_owned();
        let is_marked = text.lines().nth(line.saturating_sub(1)).is_some_and(|it| it.contains("// ERROR"));
        anyhow::ensure!(is_marked, "{said}");
    }
    Ok(())
}
